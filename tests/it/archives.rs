//! Datasets inside of archives: zip and tar archives of class directories, WebDataset shards, and
//! archives on a server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use flate2::write::GzEncoder;
use sha2::Digest as _;

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done, project};
use crate::support::runs::{ONE_STAGE, run};
use crate::support::server::{Answer, Server};

/// Packs `folder` of a workshop as `name/…` into an archive that Python's libraries write, whose kind
/// its ending tells.
pub fn pack(workshop: &Workshop, folder: &str, archive: &str) {
    const PROGRAM: &str = "
import os, sys, tarfile, zipfile
root, folder, archive = sys.argv[1:]
os.chdir(root)
if archive.endswith('.zip'):
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as file:
        for where, _, names in sorted(os.walk(folder)):
            file.write(where)
            for name in sorted(names):
                file.write(os.path.join(where, name))
        file.writestr('__MACOSX/._x', b'x')
else:
    with tarfile.open(archive, 'w:gz' if archive.endswith('gz') else 'w') as file:
        file.add('./' + folder)
";
    let root = workshop.text("");
    let packed = Command::new("python3").args(["-c", PROGRAM, &root, folder, archive]).output();
    let packed = packed.unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
}

/// Packs the images of a table into a shard: each with a JSON file that has its label, several of them
/// as a list.
pub fn pack_samples(workshop: &Workshop, table: &str, shard: &str) {
    const PROGRAM: &str = "
import csv, io, json, os, sys, tarfile
root, table, shard = sys.argv[1:]
os.chdir(root)
(_, column), *rows = csv.reader(open(table))
with tarfile.open(shard, 'w') as file:
    for path, label in rows:
        name = os.path.basename(path)
        file.add(path, name)
        try:
            label = float(label)
        except ValueError:
            label = [one for one in label.split('|') if one]
        text = json.dumps({'id': 7, column: label}).encode()
        member = tarfile.TarInfo(name.replace('.png', '.json'))
        member.size = len(text)
        file.addfile(member, io.BytesIO(text))
";
    let root = workshop.text("");
    let packed = Command::new("python3").args(["-c", PROGRAM, &root, table, shard]).output();
    let packed = packed.unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
}

fn splits(workshop: &Workshop, run: &str) -> String {
    std::fs::read_to_string(workshop.path(&format!("runs/{run}/splits.csv"))).unwrap()
}

#[test]
fn an_archive_is_the_same_dataset_as_its_directory() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    std::fs::write(workshop.path("pictures/LICENSE.txt"), "free").unwrap();
    let cache = workshop.text("cache");
    done(&run(&workshop, &["-S", "name=directory", "--cache-dir", &cache]));
    let page = workshop.text("directory.html");
    done(&alpaca_run(&["report", &workshop.text("runs/directory"), "-o", &page, "--no-cache"]));
    let n_images_of_directory = std::fs::read_to_string(page).unwrap().matches("<img").count();
    assert!(n_images_of_directory > 0);
    for archive in ["all.zip", "all.tar", "all.tar.gz"] {
        pack(&workshop, "pictures", archive);
        let given = format!("dataset.archive={}", workshop.text(archive));
        let name = archive.replace('.', "-");
        done(&run(&workshop, &["-S", &given, "-S", &format!("name={name}")]));
        assert_eq!(splits(&workshop, "directory"), splits(&workshop, &name), "{archive}");
        let small = workshop.text("small.yaml");
        let plan = alpaca_run(&["plan", &small, "-S", &given, "--cache-dir", &cache]);
        assert!(plan.out.contains("reuse"), "{}{}", plan.out, plan.err);
        let run = workshop.text(&format!("runs/{name}"));
        done(&alpaca_run(&["reproduce", &run, "--no-cache"]));
        let page = workshop.text("page.html");
        done(&alpaca_run(&["report", &run, "-o", &page, "--no-cache"]));
        let n_images = std::fs::read_to_string(page).unwrap().matches("<img").count();
        assert_eq!(n_images, n_images_of_directory);
        let data = workshop.text(archive);
        let said = alpaca_run(&["evaluate", &run, "--data", &data, "--no-cache"]);
        done(&said);
        assert!(said.out.contains("24 images"), "{}", said.out);
    }
}

#[cfg(unix)]
#[test]
fn links_in_an_archive_lead_where_they_lead_on_disk() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, workshop.path("pictures").join(name)).unwrap();
    };
    std::fs::create_dir(workshop.path("pictures/linked")).unwrap();
    link("../disc/001.png", "linked/one.png");
    link("../ring/002.png", "linked/two.png");
    link("ring", "again");
    for archive in ["all.tar", "all.tar.gz"] {
        pack(&workshop, "pictures", archive);
        let keep = ["-S", "dataset.duplicates=keep", "--no-cache"];
        let count = |given: &str| {
            let small = workshop.text("small.yaml");
            let said = alpaca_run(&[&["data", &small, "-S", given, "--json"], &keep[..]].concat());
            done(&said);
            let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
            (found["n_images"].clone(), found["classes"].clone())
        };
        let packed = count(&format!("dataset.archive={}", workshop.text(archive)));
        assert_eq!(packed, count(&format!("dataset.directory={}", workshop.text("pictures"))));
        assert_eq!(packed.0, 38);
    }
    link("nowhere.png", "linked/lost.png");
    pack(&workshop, "pictures", "lost.tar");
    let given = format!("dataset.archive={}", workshop.text("lost.tar"));
    let said = alpaca_run(&["check", &workshop.text("small.yaml"), "-S", &given]);
    assert!(said.err.contains("1 name of the archive not used"), "{}", said.err);
    assert!(said.err.contains("linked/lost.png"), "{}", said.err);
}

#[test]
fn a_damaged_file_of_the_cache_is_made_again() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    pack(&workshop, "pictures", "all.tar.gz");
    let parquet = project().join("tests/it/data/train-00000-of-00001.parquet");
    for given in [
        format!("dataset.archive={}", workshop.text("all.tar.gz")),
        format!("dataset.table={}", parquet.display()),
    ] {
        let cache = workshop.text("cache");
        let small = workshop.text("small.yaml");
        let plan = || alpaca_run(&["plan", &small, "-S", &given, "--cache-dir", &cache]);
        done(&plan());
        for (name, _) in crate::support::program::files_below(&workshop.path("cache/archives-v1")) {
            std::fs::write(workshop.path("cache/archives-v1").join(name), b"").unwrap();
        }
        done(&plan());
    }
}

#[test]
fn an_archive_may_be_split_already() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    for (set, numbers) in [("train", 0..8), ("val", 8..12)] {
        for class in ["disc", "ring"] {
            let folder = workshop.path("sets").join(set).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for i in numbers.clone() {
                let name = format!("{i:03}.png");
                let from = workshop.path("pictures").join(class).join(&name);
                std::fs::rename(from, folder.join(name)).unwrap();
            }
        }
    }
    pack(&workshop, "sets", "sets.zip");
    let given = format!("dataset.archive={}", workshop.text("sets.zip"));
    let said = run(&workshop, &["-S", &given]);
    done(&said);
    assert!(said.err.contains("(split by directories `train` and `val`)"), "{}", said.err);
    // One of the sets is evaluated on where it is.
    let evaluate = |data: &str| {
        let (run, data) = (workshop.text("runs/small"), workshop.text(data));
        alpaca_run(&["evaluate", &run, "--data", &data, "--no-cache"])
    };
    let said = evaluate("sets.zip/sets/val");
    done(&said);
    assert!(said.out.contains("on 8 images"), "{}", said.out);
    let said = evaluate("sets.zip");
    assert!(said.err.contains("sets.zip/sets/train or "), "{}", said.err);
    let said = evaluate("sets.zip/val");
    assert!(said.err.contains("no directory `val`; it has `sets`"), "{}", said.err);
    // Shards are evaluated on too, one or many.
    shards(&workshop);
    std::fs::write(workshop.path("table.csv"), "path,label\nsets/val/disc/008.png,disc\n").unwrap();
    pack_samples(&workshop, "table.csv", "labels.tar");
    // Its labels are lists, which this model has not learned.
    let said = evaluate("labels.tar");
    assert!(said.err.contains("no class `[\"disc\"]`"), "{}", said.err);
    let mut packed = GzEncoder::new(vec![], flate2::Compression::fast());
    packed.write_all(b"path,label\nsets/val/disc/008.png,disc\n").unwrap();
    std::fs::write(workshop.path("table.csv.gz"), packed.finish().unwrap()).unwrap();
    for (data, n) in [
        ("shapes-01.tar", 8),
        ("shapes-{00..01}.tar", 16),
        ("shapes-*.tar", 16),
        ("table.csv.gz", 1),
    ] {
        let said = evaluate(data);
        assert!(said.out.contains(&format!("on {n} image")), "{data}: {}{}", said.out, said.err);
    }
}

#[test]
fn a_zip_archive_may_have_the_separators_of_windows() {
    const PROGRAM: &str = "
import os, sys, zipfile
os.chdir(sys.argv[1])
with zipfile.ZipFile('windows.zip', 'w') as file:
    for where, _, names in os.walk('pictures'):
        for name in names:
            member = zipfile.ZipInfo('x')
            member.filename = os.path.join(where, name).replace('/', chr(92))
            file.writestr(member, open(os.path.join(where, name), 'rb').read())
";
    let workshop = Workshop::new(ONE_STAGE, 2);
    let root = workshop.text("");
    let packed = Command::new("python3").args(["-c", PROGRAM, &root]).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let given = format!("dataset.archive={}", workshop.text("windows.zip"));
    done(&run(&workshop, &["-S", &given, "-S", "name=windows"]));
    done(&run(&workshop, &["-S", "name=unpacked"]));
    assert_eq!(splits(&workshop, "windows"), splits(&workshop, "unpacked"));
}

/// The two shards that webdataset 1.0.2 has written: eight discs and eight rings, each with its number
/// as `.cls`, and its name and camera as `.json`.
fn shards(workshop: &Workshop) {
    for name in ["shapes-00.tar", "shapes-01.tar"] {
        let packed = project().join(format!("tests/it/data/{name}.gz"));
        let mut file = std::fs::File::create(workshop.path(name)).unwrap();
        let mut reader = flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap());
        std::io::copy(&mut reader, &mut file).unwrap();
    }
}

#[test]
fn shards_of_webdataset_are_trained_on_as_they_are() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    shards(&workshop);
    let pattern = workshop.text("shapes-{00..01}.tar");
    let given = format!("dataset.shards={pattern}");
    done(&run(&workshop, &["-S", &given, "-S", "name=split"]));
    let rows = splits(&workshop, "split");
    assert!(rows.contains("shapes-00.tar/000000.png,disc,"), "{rows}");
    assert!(rows.contains("shapes-01.tar/000015.png,ring,"), "{rows}");
    done(&alpaca_run(&["reproduce", &workshop.text("runs/split"), "--no-cache"]));
    // Another key of the samples is the label, and another their group.
    let group = "dataset.columns={ label: cls, group: camera }";
    done(&run(&workshop, &["-S", &given, "-S", group, "-S", "name=grouped"]));
    let rows = splits(&workshop, "grouped");
    assert!(rows.contains("shapes-00.tar/000000.png,0,"), "{rows}");
    let parts = |group: &str| {
        let of = rows.lines().filter(|row| row.ends_with(group));
        let mut parts: Vec<&str> = of.map(|row| row.split(',').nth(2).unwrap()).collect();
        parts.dedup();
        parts.len()
    };
    assert!(["cam0", "cam1", "cam2", "cam3"].iter().all(|group| parts(group) == 1), "{rows}");
    // Shards of each part, one of them compressed.
    let packed = project().join("tests/it/data/shapes-01.tar.gz");
    let train = format!("dataset.train_shards={}", workshop.text("*-00.tar"));
    let validation = format!("dataset.validation_shards={}", packed.display());
    let cache = workshop.text("cache");
    for _ in 0..2 {
        let said = run(&workshop, &["-S", &train, "-S", &validation, "--cache-dir", &cache]);
        done(&said);
        assert!(said.err.contains("8 for training, 8 for validation"), "{}", said.err);
    }
    let data = alpaca_run(&["data", &workshop.text("small.yaml"), "-S", &given, "--no-cache"]);
    assert!(
        data.out.contains("16 images of 2 classes") && data.out.contains("PNG 16"),
        "{}",
        data.out
    );
}

/// Copies the two Parquet files that `datasets` 5.2.0 of Hugging Face has written: the images of the
/// shards inside of them, with the class as a `ClassLabel`, and the camera.
fn parquet(workshop: &Workshop) {
    for name in ["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"] {
        std::fs::copy(project().join("tests/it/data").join(name), workshop.path(name)).unwrap();
    }
}

#[test]
fn parquet_files_of_hugging_face_are_trained_on_as_they_are() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    parquet(&workshop);
    let given = format!("dataset.table={}", workshop.text("*-of-00001.parquet"));
    let cache = workshop.text("cache");
    for name in ["first", "second"] {
        let name = format!("name={name}");
        let said = run(&workshop, &["-S", &given, "-S", &name, "--cache-dir", &cache]);
        done(&said);
        let line =
            "10 for training, 2 for validation, 4 for testing (split by the names of the files";
        assert!(said.err.contains(line), "{}", said.err);
    }
    let rows = splits(&workshop, "first");
    assert!(rows.contains("test-00000-of-00001.parquet/0,disc,test,"), "{rows}");
    assert_eq!(rows, splits(&workshop, "second"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/first"), "--no-cache"]));
    // The same images as in the shards, with other names.
    shards(&workshop);
    let other = format!("dataset.shards={}", workshop.text("shapes-*.tar"));
    done(&run(&workshop, &["-S", &other, "-S", "name=shards"]));
    // One file with groups; the other to evaluate on.
    let train = format!("dataset.table={}", workshop.text("train-00000-of-00001.parquet"));
    let group = "dataset.columns={ group: camera }";
    done(&run(&workshop, &["-S", &train, "-S", group, "-S", "name=one"]));
    let rows = splits(&workshop, "one");
    assert!(rows.contains("\n00,disc,") && rows.contains(",cam2"), "{rows}");
    let test = workshop.text("test-00000-of-00001.parquet");
    let said = alpaca_run(&["evaluate", &workshop.text("runs/one"), "--data", &test, "--no-cache"]);
    done(&said);
    assert!(said.out.contains("4 images"), "{}", said.out);
    let breed = "dataset.columns={ label: breed }";
    let said = alpaca_run(&["plan", &workshop.text("small.yaml"), "-S", &train, "-S", breed]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("the table has `image`, `label` and `camera`"), "{}", said.err);
    let bytes = std::fs::read(workshop.path("train-00000-of-00001.parquet")).unwrap();
    std::fs::write(workshop.path("cut.parquet"), &bytes[..bytes.len() - 10]).unwrap();
    let cut = format!("dataset.table={}", workshop.text("cut.parquet"));
    let said = alpaca_run(&["plan", &workshop.text("small.yaml"), "-S", &cut]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("D012"), "{}", said.err);
}

#[test]
fn parquet_files_may_have_lists_of_labels() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let file = project().join("tests/it/data/several-labels.parquet");
    let given = format!("dataset.table={}", file.display());
    done(&run(&workshop, &["-S", &given, "-S", "dataset.labels=many"]));
    let rows = splits(&workshop, "small");
    assert!(rows.contains("\n00,disc|dark,") || rows.contains("\n00,dark|disc,"), "{rows}");
    assert!(rows.contains("\n15,ring,"), "{rows}");
}

#[test]
fn a_table_may_be_many_files_and_be_evaluated_on() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    for (file, numbers) in [("train.csv", 0..8), ("val.csv", 8..12)] {
        let rows = ["disc", "ring"].map(|class| {
            let row = |i| format!("pictures/{class}/{i:03}.png,{class}\n");
            numbers.clone().map(row).collect::<Vec<String>>().concat()
        });
        std::fs::write(workshop.path(file), format!("path,label\n{}", rows.concat())).unwrap();
    }
    let given = format!("dataset.table={}", workshop.text("{train,val}.csv"));
    let said = run(&workshop, &["-S", &given]);
    done(&said);
    let line = "16 for training, 8 for validation (split by the names of the files)";
    assert!(said.err.contains(line), "{}", said.err);
    let one = "path,label\npictures/disc/001.png,disc\n";
    std::fs::write(workshop.path("one.csv"), one).unwrap();
    let small = workshop.text("runs/small");
    let said = alpaca_run(&["evaluate", &small, "--data", &workshop.text("one.csv"), "--no-cache"]);
    done(&said);
    assert!(said.out.contains("1 image"), "{}", said.out);
    let wrong = "path,label\npictures/disc/001.png,\npictures/disc/008.png,ring\n";
    std::fs::write(workshop.path("wrong.csv"), wrong).unwrap();
    let given = format!("dataset.table={}", workshop.text("{val,wrong}.csv"));
    let said = alpaca_run(&["plan", &workshop.text("small.yaml"), "-S", &given]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    for line in [
        "wrong.csv, line 2: the label is empty",
        "wrong.csv, line 3: `pictures/disc/008.png` contradicts val.csv, line 2",
    ] {
        assert!(said.err.contains(line), "{line}: {}", said.err);
    }
}

#[test]
fn what_is_wrong_with_an_archive_is_said_with_a_way_out() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    shards(&workshop);
    pack(&workshop, "pictures", "all.zip");
    pack(&workshop, "pictures", "all.tar");
    pack(&workshop, "pictures", "all.tar.gz");
    let cut = |name: &str, of: &str, n: usize| {
        let bytes = std::fs::read(workshop.path(of)).unwrap();
        std::fs::write(workshop.path(name), &bytes[..bytes.len() - n]).unwrap();
    };
    cut("cut.zip", "all.zip", 100);
    cut("cut.tar", "shapes-00.tar", 40_000);
    cut("cut.tar.gz", "all.tar.gz", 200);
    std::fs::write(workshop.path("page.zip"), "<html>sign in</html>").unwrap();
    std::fs::write(workshop.path("old.rar"), b"Rar!\x1a\x07\x01\x00").unwrap();
    std::fs::write(workshop.path("words.tar"), "words").unwrap();
    for (key, value, said) in [
        ("archive", "none.zip", &["D001", "none.zip"][..]),
        ("archive", "page.zip", &["D014", "an HTML page"]),
        ("archive", "old.rar", &["D014", "a RAR archive", "unpack it"]),
        ("archive", "words.tar", &["D014", "it is not a tar or zip archive"]),
        ("archive", "cut.zip", &["D014"]),
        ("archive", "cut.tar", &["D014", "damaged or not complete"]),
        ("archive", "cut.tar.gz", &["D014", "damaged or not complete"]),
        ("archive", "shapes-00.tar", &["D002", "write `shards: FILE`"]),
        ("archive", "pictures", &["D014", "it is a directory", "write `directory: "]),
        ("directory", "all.zip", &["D002", "is a file", "write `archive: "]),
        ("directory", "words.tar", &["D002", "is a file", "write `table: "]),
        ("shards", "all.zip", &["D014", "a zip archive", "write `archive: FILE`"]),
        ("shards", "all.tar", &["D014", "write `archive: FILE` in place of `shards`"]),
        ("shards", "pictures", &["D014", "it is a directory", "pictures/*.tar"]),
        ("shards", "shapes-{02..03}.tar", &["D014", "shapes-02.tar", "shapes-03.tar"]),
        ("shards", "shapes-{3..1}.tar", &["D014", "`{3..1}` is not a range"]),
        ("shards", "shaped-*.tar", &["D014", "no file fits `shaped-*.tar`"]),
        ("validation_shards", "shapes-00.tar", &["P", "`train_shards` is missing"]),
    ] {
        let given = format!("dataset.{key}={}", workshop.text(value));
        let found = alpaca_run(&["plan", &workshop.text("small.yaml"), "-S", &given]);
        assert_eq!(found.code, Some(2), "{value}: {}", found.err);
        assert!(said.iter().all(|said| found.err.contains(said)), "{value}: {}", found.err);
    }
    let given = format!("dataset.shards={}", workshop.text("shapes-00.tar"));
    for (columns, said) in [
        (
            "{ label: breed }",
            "there is no column `breed` (`columns.label`); the samples have `camera`",
        ),
        ("{ label: camera }", ""),
    ] {
        let columns = format!("dataset.columns={columns}");
        let found =
            alpaca_run(&["plan", &workshop.text("small.yaml"), "-S", &given, "-S", &columns]);
        assert_eq!(found.code == Some(2), !said.is_empty(), "{}", found.err);
        assert!(found.err.contains(said), "{}", found.err);
    }
}

/// The SHA-256 of bytes in hexadecimal.
fn sha256_of(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in sha2::Sha256::digest(bytes) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[test]
fn an_archive_on_a_server_is_downloaded_once_and_checked() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    pack(&workshop, "pictures", "all.zip");
    let bytes = std::fs::read(workshop.path("all.zip")).unwrap();
    let sha256 = sha256_of(&bytes);
    let server = Server::start(&bytes, &[Answer::BreakOff(1000), Answer::File]);
    let given = |sha256: &str| {
        format!("dataset.archive={{ url: \"{}/all.zip\", sha256: {sha256} }}", server.url())
    };
    let (right, cache) = (given(&sha256), workshop.text("cache"));
    let offline = run(&workshop, &["-S", &right, "--cache-dir", &cache, "--offline"]);
    assert_eq!(offline.code, Some(2), "{}", offline.err);
    assert!(offline.err.contains("has not been downloaded"), "{}", offline.err);
    assert!(server.asked().is_empty());
    let wrong = given(&"0".repeat(64));
    let said = run(&workshop, &["-S", &wrong, "--cache-dir", &cache]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("the pipeline requires the SHA-256 0000"), "{}", said.err);
    done(&run(&workshop, &["-S", &right, "--cache-dir", &cache]));
    let n_asked = server.asked().len();
    done(&run(&workshop, &["-S", &right, "--cache-dir", &cache, "--offline", "-S", "name=again"]));
    let said =
        alpaca_run(&["fetch", &workshop.text("small.yaml"), "-S", &right, "--cache-dir", &cache]);
    done(&said);
    assert!(said.out.contains(&sha256), "{}", said.out);
    assert_eq!(server.asked().len(), n_asked);
    let kept = Path::new(&cache).join("downloads").join(&sha256);
    assert_eq!(std::fs::read(kept).unwrap(), bytes);
}
