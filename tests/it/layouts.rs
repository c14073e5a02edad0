//! Datasets in the layouts that people have: a directory for each set, tables, groups, folds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{alpaca_run, done};
use crate::support::runs::{ONE_STAGE, run};

/// The rows of a table in a run directory, as cells.
fn rows(workshop: &Workshop, file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(workshop.path(file)).unwrap();
    let rows = text.lines().skip(1);
    rows.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The set of each image of a run.
fn sets(workshop: &Workshop, run: &str) -> BTreeMap<String, String> {
    let rows = rows(workshop, &format!("runs/{run}/splits.csv"));
    rows.into_iter().map(|row| (row[0].clone(), row[2].clone())).collect()
}

/// Moves the images of a workshop into `sets/train`, `sets/val` and `sets/test`.
fn divide(workshop: &Workshop) {
    for class in ["disc", "ring"] {
        for (set, numbers) in [("train", 0..8), ("val", 8..10), ("test", 10..12)] {
            let folder = workshop.path("sets").join(set).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for i in numbers {
                let name = format!("{i:03}.png");
                let from = workshop.path("pictures").join(class).join(&name);
                std::fs::rename(from, folder.join(name)).unwrap();
            }
        }
    }
}

#[test]
fn groups_stay_together_also_beside_given_sets() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let table = |split: &dyn Fn(usize) -> &'static str| {
        let rows = ["disc", "ring"].map(|class| {
            let row = |i| format!("pictures/{class}/{i:03}.png,{class},g{},{}\n", i / 3, split(i));
            (0..12).map(row).collect::<Vec<String>>().concat()
        });
        format!("path,label,group,split\n{}", rows.concat())
    };
    let given = format!("dataset.table={}", workshop.text("images.csv"));
    // The first image of two groups has a set, and the others follow it.
    let split = |i: usize| {
        if i == 0 {
            "val"
        } else if i == 3 {
            "train"
        } else {
            ""
        }
    };
    std::fs::write(workshop.path("images.csv"), table(&split)).unwrap();
    done(&run(&workshop, &["-S", &given]));
    for (path, set) in sets(&workshop, "small") {
        let number: usize = path[path.len() - 7..path.len() - 4].parse().unwrap();
        match number / 3 {
            0 => assert_eq!(set, "validation", "{path}"),
            1 => assert_eq!(set, "train", "{path}"),
            _ => {}
        }
    }
    let split = |i: usize| if i.is_multiple_of(2) { "train" } else { "val" };
    std::fs::write(workshop.path("images.csv"), table(&split)).unwrap();
    let said = run(&workshop, &["-S", &given, "-S", "name=shared"]);
    done(&said);
    assert!(said.err.contains("the given sets share images of 4 groups"), "{}", said.err);
    // More folds than groups, rows that are not images, and columns of one name.
    std::fs::write(workshop.path("images.csv"), table(&|_| "")).unwrap();
    let small = workshop.text("small.yaml");
    let split = "dataset.split={ folds: 5, by: stratified }";
    let said = alpaca_run(&["plan", &small, "-S", &given, "-S", split, "--no-cache"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("4 groups cannot be divided into 5 folds"), "{}", said.err);
    std::fs::write(workshop.path("notes"), "words").unwrap();
    let odd = format!("{}notes,disc,g9,\n", table(&|_| ""));
    std::fs::write(workshop.path("images.csv"), odd).unwrap();
    let said = run(&workshop, &["-S", &given, "-S", "name=odd"]);
    assert!(said.err.contains("D004") && said.err.contains("notes"), "{}", said.err);
    let twice = table(&|_| "").replacen("group", "label", 1);
    std::fs::write(workshop.path("images.csv"), twice).unwrap();
    let said = alpaca_run(&["plan", &small, "-S", &given]);
    assert!(said.err.contains("there are 2 columns `label`"), "{}", said.err);
    // A table is evaluated on with the root of the run.
    std::fs::write(workshop.path("images.csv"), table(&|_| "")).unwrap();
    std::fs::create_dir(workshop.path("tables")).unwrap();
    std::fs::rename(workshop.path("images.csv"), workshop.path("tables/images.csv")).unwrap();
    let given = format!("dataset.table={}", workshop.text("tables/images.csv"));
    let root = format!("dataset.root={}", workshop.text(""));
    done(&run(&workshop, &["-S", &given, "-S", &root, "-S", "name=rooted"]));
    let (rooted, table) = (workshop.text("runs/rooted"), workshop.text("tables/images.csv"));
    done(&alpaca_run(&["evaluate", &rooted, "--data", &table, "--no-cache"]));
}

#[test]
fn weights_of_images_count_in_training_and_are_recorded() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let table = |weight: &dyn Fn(usize) -> &'static str| {
        let rows = ["disc", "ring"].map(|class| {
            let row = |i| format!("pictures/{class}/{i:03}.png,{class},{}\n", weight(i));
            (0..12).map(row).collect::<Vec<String>>().concat()
        });
        format!("path,label,weight\n{}", rows.concat())
    };
    std::fs::write(workshop.path("weighted.csv"), table(&|i| ["", "0", "2.5"][i % 3])).unwrap();
    let given = format!("dataset.table={}", workshop.text("weighted.csv"));
    let weight = "dataset.columns={ weight: weight }";
    // A column of this name may be anything, so it must be asked for.
    done(&run(&workshop, &["-S", &given, "-S", "name=plain"]));
    done(&run(&workshop, &["-S", &given, "-S", weight, "-S", "name=weighted"]));
    let text = |file: &str| std::fs::read_to_string(workshop.path(file)).unwrap();
    assert!(
        text("runs/weighted/splits.csv").starts_with("path,label,split,digest,sample_weight\n")
    );
    assert!(!text("runs/plain/splits.csv").contains("sample_weight"));
    let loss = |run: &str| text(&format!("runs/{run}/metrics.csv"));
    assert_ne!(loss("plain"), loss("weighted"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/weighted"), "--no-cache"]));
    // The table of the run trains to the same numbers.
    let again = format!("dataset.table={}", workshop.text("runs/weighted/splits.csv"));
    let root = format!("dataset.root={}", workshop.text(""));
    done(&run(&workshop, &["-S", &again, "-S", &root, "-S", "name=again"]));
    assert_eq!(loss("weighted"), loss("again"));
    std::fs::write(workshop.path("wrong.csv"), table(&|i| ["", "-1", "much"][i % 3])).unwrap();
    let given = format!("dataset.table={}", workshop.text("wrong.csv"));
    let said = run(&workshop, &["-S", &given, "-S", weight]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    for line in ["line 3: `-1` is not a weight", "line 4: `much` is not a weight"] {
        assert!(said.err.contains(line), "{line}: {}", said.err);
    }
}

#[test]
fn a_directory_with_train_val_and_test_needs_nothing_else() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    divide(&workshop);
    let given = format!("dataset.directory={}", workshop.text("sets"));
    let said = run(&workshop, &["-S", &given]);
    done(&said);
    let line = "16 for training, 4 for validation, 4 for testing (split by directories `train`, `val` \
                and `test`)";
    assert!(said.err.contains(line), "{}", said.err);
    let found = sets(&workshop, "small");
    assert!(found.iter().all(|(path, set)| path.starts_with(&set[..3])), "{found:?}");
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small")]));
    done(&alpaca_run(&["evaluate", &workshop.text("runs/small"), "--split", "test"]));
    let page = workshop.text("page.html");
    done(&alpaca_run(&["report", &workshop.text("runs/small"), "-o", &page, "--no-cache"]));
    let data = alpaca_run(&["data", &workshop.text("small.yaml"), "-S", &given]);
    assert!(data.out.contains("split by directories `train`, `val` and `test`"), "{}", data.out);

    // The same images, named one by one: other paths, the same sets and results.
    let of = |key: &str, set: &str| {
        format!("dataset.{key}={}", workshop.path("sets").join(set).display())
    };
    let keys = [of("train", "train"), of("validation", "val"), of("test", "test")];
    let more: Vec<&str> = keys.iter().flat_map(|key| ["-S", key.as_str()]).collect();
    done(&run(&workshop, &more));
    let named = sets(&workshop, "small-2");
    assert_eq!(named.len(), 24);
    assert!(named.iter().all(|(path, set)| path.starts_with(set.as_str())), "{named:?}");
}

#[test]
fn what_is_given_cannot_be_drawn_too() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    divide(&workshop);
    let given = format!("dataset.directory={}", workshop.text("sets"));
    let pipeline = workshop.text("small.yaml");
    let test = "dataset.split.test=0.1";
    let said = alpaca_run(&["check", &pipeline, "-S", &given, "-S", test]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("D010") && said.err.contains("split already"), "{}", said.err);
}

#[test]
fn folds_divide_given_training_and_validation_sets_and_leave_the_test_set() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    divide(&workshop);
    let given = format!("dataset.directory={}", workshop.text("sets"));
    let mut validated = vec![];
    for fold in 0..2 {
        let fold = format!("dataset.split={{ folds: 2, fold: {fold} }}");
        let said = run(&workshop, &["-S", &given, "-S", &fold]);
        done(&said);
        assert!(
            said.err.contains("`val` and `test` are divided into folds together"),
            "{}",
            said.err
        );
    }
    for name in ["small", "small-2"] {
        for (path, set) in sets(&workshop, name) {
            assert_eq!(path.starts_with("test"), set == "test", "{path}: {set}");
            validated.extend((set == "validation").then_some(path));
        }
    }
    validated.sort();
    validated.dedup();
    assert_eq!(validated.len(), 20);
}

#[test]
fn tables_may_be_compressed_or_lists_and_columns_that_are_not_used_are_named() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let rows: Vec<[String; 3]> = (0..24)
        .map(|i| {
            let class = ["disc", "ring"][i % 2];
            [format!("pictures\\{class}\\{:03}.png", i / 2), class.to_owned(), (i / 6).to_string()]
        })
        .collect();
    let csv: String = rows.iter().map(|row| row.join(",") + "\n").collect();
    let csv = format!("path,label,patient_id\n{csv}");
    let json = |[path, label, patient]: &[String; 3]| serde_json::json!({ "path": path, "label": label, "patient_id": patient });
    let list = serde_json::to_vec_pretty(&rows.iter().map(json).collect::<Vec<_>>()).unwrap();
    let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    packed.write_all(csv.as_bytes()).unwrap();
    for (name, bytes) in
        [("a.csv", csv.into_bytes()), ("a.csv.gz", packed.finish().unwrap()), ("a.json", list)]
    {
        std::fs::write(workshop.path(name), bytes).unwrap();
        let given = format!("dataset.table={}", workshop.text(name));
        let data = alpaca_run(&["data", &workshop.text("small.yaml"), "-S", &given, "--no-cache"]);
        done(&data);
        for line in [
            "24 images of 2 classes",
            "columns that are not used: `patient_id`",
            "-S dataset.columns.group=patient_id",
        ] {
            assert!(data.out.contains(line), "{name}: {line}: {}", data.out);
        }
        let group = "dataset.columns.group=patient_id";
        let data = alpaca_run(&[
            "data",
            &workshop.text("small.yaml"),
            "-S",
            &given,
            "-S",
            group,
            "--no-cache",
        ]);
        assert!(!data.out.contains("not used"), "{}", data.out);
    }
    // A pattern needs no quotes.
    let pattern = "dataset.columns.path={path}.jpg";
    let given = format!("dataset.table={}", workshop.text("a.csv"));
    let said = alpaca_run(&["check", &workshop.text("small.yaml"), "-S", &given, "-S", pattern]);
    assert!(said.err.contains(".png.jpg`"), "{}", said.err);
}

#[test]
fn images_on_both_sides_are_found() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    divide(&workshop);
    let root = workshop.path("sets");
    std::fs::copy(root.join("train/disc/000.png"), root.join("val/disc/copy.png")).unwrap();
    let given = format!("dataset.directory={}", root.display());
    let said = run(&workshop, &["-S", &given]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let pair = "train/disc/000.png (train) and val/disc/copy.png (validation)";
    assert!(said.err.contains("D005") && said.err.contains(pair), "{}", said.err);
}

/// A table with names of images without their extension, as on Kaggle.
fn kaggle(workshop: &Workshop) {
    let folder = workshop.path("images");
    std::fs::create_dir_all(&folder).unwrap();
    let mut table = "id,breed\n".to_owned();
    for (class, breed) in [(0, "disc"), (1, "ring")] {
        for i in 0..12 {
            let id = format!("{:04x}", 4099 * i + class);
            picture(class as usize, i).save(folder.join(format!("{id}.png"))).unwrap();
            writeln!(table, "{id},{breed}").unwrap();
        }
    }
    std::fs::write(workshop.path("labels.csv"), table).unwrap();
}

#[test]
fn a_table_without_extensions_says_what_to_write_and_that_works() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    kaggle(&workshop);
    let table = format!("dataset.table={}", workshop.text("labels.csv"));
    let said = run(&workshop, &["-S", &table]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("24 problems") && said.err.contains("D012"), "{}", said.err);
    let images = workshop.text("images");
    assert!(said.err.contains(&format!("write `root: {images}`")), "{}", said.err);
    let root = format!("dataset.root={images}");
    let said = run(&workshop, &["-S", &table, "-S", &root]);
    assert!(said.err.contains("{COLUMN}.png"), "{}", said.err);
    let path = "dataset.columns.path='{id}.png'";
    let said = run(&workshop, &["-S", &table, "-S", &root, "-S", path]);
    done(&said);
    assert!(said.err.contains("24 images (disc 12, ring 12)"), "{}", said.err);
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small")]));
    let page = workshop.text("page.html");
    done(&alpaca_run(&["report", &workshop.text("runs/small"), "-o", &page, "--no-cache"]));
}

#[test]
fn the_tables_of_a_run_are_datasets() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    done(&run(&workshop, &[]));
    let root = format!("dataset.root={}", workshop.text("pictures"));
    let table =
        |name: &str| format!("dataset.table={}", workshop.path("runs/small").join(name).display());
    let said = run(&workshop, &["-S", &table("splits.csv"), "-S", &root]);
    done(&said);
    assert!(said.err.contains("(split by column `split`)"), "{}", said.err);
    assert_eq!(sets(&workshop, "small"), sets(&workshop, "small-2"));
    // The same images in the same sets give the same results, wherever their labels come from.
    let metrics =
        |run: &str| std::fs::read(workshop.path(&format!("runs/{run}/metrics.csv"))).unwrap();
    assert_eq!(metrics("small"), metrics("small-2"));
    let said = run(&workshop, &["-S", &table("predictions.csv"), "-S", &root]);
    let n = rows(&workshop, "runs/small/predictions.csv").len();
    assert!(said.err.contains(&format!("dataset: {n} images")), "{}", said.err);
}

#[test]
fn json_lines_and_tabs_are_tables_too() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let lines = |line: &dyn Fn(&str, &str, usize) -> String| -> String {
        let classes = ["disc", "ring"].into_iter();
        classes
            .flat_map(|class| (0..12).map(move |i| (class, i)))
            .map(|(class, i)| line(&format!("{class}/{i:03}.png"), class, i))
            .collect()
    };
    let json =
        lines(&|path, class, _| format!("{{\"file_name\": \"{path}\", \"label\": \"{class}\"}}\n"));
    std::fs::write(workshop.path("pictures/metadata.jsonl"), json).unwrap();
    let tabs = lines(&|path, class, i| format!("{path}\t{class}\t{}\n", ["train", "dev"][i % 2]));
    std::fs::write(workshop.path("pictures/x.tsv"), format!("path\tclass\tset\n{tabs}")).unwrap();
    for (n, file) in [(20, "metadata.jsonl"), (12, "x.tsv")] {
        let table = format!("dataset.table={}", workshop.path("pictures").join(file).display());
        let said = run(&workshop, &["-S", &table]);
        done(&said);
        assert!(said.err.contains(&format!("{n} for training")), "{}", said.err);
    }
}

/// A camera-trap table: several images of each site.
fn camera_traps(workshop: &Workshop) {
    let mut table = "file,species,site\n".to_owned();
    for class in ["disc", "ring"] {
        for i in 0..12 {
            writeln!(table, "pictures/{class}/{i:03}.png,{class},site {}", i / 2).unwrap();
        }
    }
    std::fs::write(workshop.path("traps.csv"), table).unwrap();
}

#[test]
fn images_of_a_group_are_in_one_set() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    camera_traps(&workshop);
    let table = format!("dataset.table={}", workshop.text("traps.csv"));
    let more = ["-S", &table, "-S", "dataset.columns.group=site", "-S", "dataset.split.test=0.2"];
    done(&run(&workshop, &more));
    let header = std::fs::read_to_string(workshop.path("runs/small/splits.csv")).unwrap();
    assert!(header.starts_with("path,label,split,digest,group\n"), "{header}");
    let mut of_group: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows(&workshop, "runs/small/splits.csv") {
        of_group.entry(row[4].clone()).or_default().insert(row[2].clone());
    }
    assert_eq!(of_group.len(), 6);
    assert!(of_group.values().all(|sets| sets.len() == 1), "{of_group:?}");
    let sets: BTreeSet<&String> = of_group.values().flatten().collect();
    assert_eq!(sets.len(), 3, "{of_group:?}");

    // The same from the paths: tens of images.
    let said = run(&workshop, &["-S", "dataset.split.groups=/(\\d\\d)\\d"]);
    done(&said);
    let by_path = rows(&workshop, "runs/small-2/splits.csv");
    let validated = by_path.iter().filter(|row| row[2] == "validation");
    assert!(validated.clone().count() > 0 && validated.clone().all(|row| row[4] == "01"));
    let said = run(&workshop, &["-S", "dataset.split.groups=ring"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(
        said.err.contains("D011") && said.err.contains("12 images without a group"),
        "{}",
        said.err
    );
    let said = run(&workshop, &["-S", "dataset.split.groups=(ring"]);
    assert!(said.err.contains("P021") && said.err.contains("unclosed group"), "{}", said.err);
}

#[test]
fn each_image_is_in_one_fold() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let mut validated: BTreeMap<String, usize> = BTreeMap::new();
    for fold in 0..3 {
        let fold = format!("dataset.split={{ folds: 3, fold: {fold} }}");
        done(&run(&workshop, &["-S", &fold]));
    }
    for run in ["small", "small-2", "small-3"] {
        let sets = sets(&workshop, run);
        assert_eq!(sets.values().filter(|set| *set == "validation").count(), 8, "{run}");
        let of = sets.into_iter().filter(|(_, set)| set == "validation");
        of.for_each(|(path, _)| *validated.entry(path).or_insert(0) += 1);
    }
    assert!(validated.len() == 24 && validated.values().all(|n| *n == 1), "{validated:?}");
    // What was recorded is a pipeline of its own.
    let said =
        run(&workshop, &["-S", "dataset.split.validation=0.3", "-S", "dataset.split.folds=3"]);
    assert!(said.err.contains("P008"), "{}", said.err);
    let resolved = workshop.path("runs/small-2/pipeline.resolved.yaml");
    assert!(resolved.is_file());
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small-2")]));
}

#[test]
fn all_folds_are_one_result() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let cache = workshop.text("cache");
    let command = ["folds", &pipeline, "--runs-dir", &runs, "--cache-dir", &cache];
    let said = alpaca_run(&[&command[..], &["--folds", "3", "--repeats", "2"]].concat());
    done(&said);
    for line in ["fold 5 (6 of 6)", "24 images; 95 % interval", "± "] {
        assert!(
            said.err.contains(line) || said.out.contains(line),
            "{line}: {}{}",
            said.out,
            said.err
        );
    }
    let folds = rows(&workshop, "runs/small-folds/folds.csv");
    let of: Vec<[&str; 5]> =
        folds.iter().map(|row| [0, 1, 2, 3, 4].map(|at| row[at].as_str())).collect();
    assert_eq!(of[4], ["4", "1", "fold-4", "16", "8"]);
    // Each image once, with the mean of two models that were not trained on it.
    let all = rows(&workshop, "runs/small-folds/predictions.csv");
    assert_eq!(all.len(), 24);
    let (path, probability) = (&all[0][0], all[0][3].parse::<f64>().unwrap());
    let single: Vec<f64> = (0..6)
        .flat_map(|fold| rows(&workshop, &format!("runs/small-folds/fold-{fold}/predictions.csv")))
        .filter(|row| row[0] == *path)
        .map(|row| row[3].parse().unwrap())
        .collect();
    assert_eq!(single.len(), 2);
    assert!((probability - single.iter().sum::<f64>() / 2.0).abs() < 1e-12);
    let page = std::fs::read_to_string(workshop.path("runs/small-folds/report.html")).unwrap();
    assert!(page.contains("Metrics over the folds") && page.contains("<svg"));
    // What has finished is found, and only the rest runs again, with the same result.
    let result = || std::fs::read(workshop.path("runs/small-folds/folds.csv")).unwrap();
    let before = result();
    std::fs::remove_dir_all(workshop.path("runs/small-folds/fold-1")).unwrap();
    let again = alpaca_run(&[&command[..], &["--folds", "3", "--repeats", "2"]].concat());
    done(&again);
    assert!(again.err.contains("5 of 6 runs had finished before"), "{}", again.err);
    assert!(again.err.contains("reused"), "{}", again.err);
    assert_eq!(result(), before);
    let forced =
        [&command[..], &["--folds", "3", "--repeats", "2", "--force", "transfer"]].concat();
    done(&alpaca_run(&forced));
    assert!(workshop.path("runs/small-folds-2/folds.csv").exists());
    done(&alpaca_run(&["verify", &workshop.text("runs/small-folds/fold-1")]));
}

/// Folds share the features of images, which changes no fold.
#[test]
fn a_fold_is_what_a_run_of_its_own_gives() {
    let flip = "augmentation=[{ random_flip: horizontal }]";
    for options in [["augmentation=[]", "seed=1"], [flip, "augmentation_views=2"], [flip, "seed=1"]]
    {
        let workshop = Workshop::new(ONE_STAGE, 2);
        let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
        let options = ["-S", options[0], "-S", options[1]];
        let folds = ["folds", &pipeline, "--runs-dir", &runs, "--no-cache", "--folds", "3"];
        done(&alpaca_run(&[&folds[..], &options].concat()));
        let alone = ["-S", "dataset.split={ folds: 3, fold: 2 }"];
        done(&run(&workshop, &[&alone[..], &options].concat()));
        for file in ["metrics.csv", "predictions.csv", "weights/best.safetensors"] {
            let of =
                |run: &str| std::fs::read(workshop.path(&format!("runs/{run}/{file}"))).unwrap();
            assert!(of("small-folds/fold-2") == of("small"), "{options:?}: {file}");
        }
    }
}

/// The first fold runs the frozen part for all images, and the others find their features.
#[test]
fn folds_compute_the_features_of_an_image_once() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let options = ["augmentation=[]", "model.width=1.0", "dataset.image_size=224"];
    let options: Vec<&str> = options.iter().flat_map(|option| ["-S", *option]).collect();
    let folds = ["folds", &pipeline, "--runs-dir", &runs, "--no-cache", "--folds", "3"];
    done(&alpaca_run(&[&folds[..], &options].concat()));
    let frozen = |fold: usize| -> f64 {
        let path = workshop.path(&format!("runs/small-folds/fold-{fold}/timings.csv"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let column = rows.next().unwrap().iter().position(|name| *name == "frozen").unwrap();
        rows.map(|row| row[column].parse::<f64>().unwrap()).sum()
    };
    assert!(frozen(0) > 0.0);
    assert_eq!([1, 2].map(frozen), [0.0; 2]);
}

#[test]
fn classes_are_ordered_merged_and_left_out() {
    let workshop = Workshop::new(ONE_STAGE, 3);
    for (classes, line) in [
        ("[ring, disc]", "24 images (ring 12, disc 12)"),
        ("{ round: [disc, ring], other: \"*\" }", "36 images (round 24, other 12)"),
    ] {
        let said = run(&workshop, &["-S", &format!("dataset.classes={classes}")]);
        done(&said);
        assert!(said.err.contains(line), "{}", said.err);
    }
    let classes = std::fs::read_to_string(workshop.path("runs/small/classes.json")).unwrap();
    assert!(classes.find("ring").unwrap() < classes.find("disc").unwrap(), "{classes}");
    let first = &rows(&workshop, "runs/small-2/splits.csv")[0];
    assert_eq!(first[..2], ["disc/000.png", "round"]);
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small-2")]));
    done(&alpaca_run(&["evaluate", &workshop.text("runs/small-2")]));
}

#[test]
fn a_limit_takes_some_images_of_each_class() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    for (limit, line) in [
        ("12", "12 images (disc 6, ring 6)"),
        ("{ per_class: 4 }", "8 images (disc 4, ring 4)"),
        ("1000", "24 images (disc 12, ring 12)"),
    ] {
        let said = run(&workshop, &["-S", &format!("dataset.limit={limit}")]);
        done(&said);
        assert!(said.err.contains(line), "{}", said.err);
    }
}

/// What is wrong, as options, and what the message must name.
const WRONG: [(&[&str], &[&str]); 34] = [
    (&["dataset.validation=sets/val"], &["P008", "`train` is missing"]),
    (&["dataset.validation=0.2"], &["dataset.validation", "split: { validation: 0.2 }"]),
    (&["dataset.root=pictures"], &["P008", "no effect without `table`"]),
    (&["dataset.columns.label=x"], &["P008", "no effect without `table`"]),
    (
        &["dataset.train=pictures", "dataset.generator={ kinds: [solids], classes: 2, images: 4 }"],
        &["P008", "`train` and `generator`"],
    ),
    (&["dataset.train=nowhere"], &["D001", "nowhere"]),
    (&["dataset.table=nowhere.csv"], &["D001", "nowhere.csv"]),
    (&["dataset.table=pictures"], &["D012", "it is a directory", "write `directory: "]),
    (&["dataset.table=book.xlsx"], &["D012", "it is an Excel workbook", "as CSV"]),
    (&["dataset.table=a.arrow"], &["D012", "it is a Feather (Arrow) file", "`to_parquet`"]),
    (&["dataset.table=a.pkl"], &["D012", "it is a Python pickle", "`to_csv`"]),
    (&["dataset.table=a.sqlite"], &["D012", "it is an SQLite database", "as CSV"]),
    (&["dataset.table=coco.json"], &["D012", "one JSON object, and not one for each", "COCO"]),
    (&["dataset.table=columns.json"], &["D012", "one JSON object", "lines=True"]),
    (&["dataset.table=list.json"], &["D012", "it is not a list of JSON objects: ", "line 1"]),
    (&["dataset.table=two.json"], &["D012", "it is not a list of JSON objects: trailing"]),
    (&["dataset.table=ragged.csv"], &["D012", "line 3 has 3 cells", "line 5 has 4 cells"]),
    (&["dataset.table=drive.csv"], &["D012", "line 2", "those of another computer"]),
    (&["dataset.archive=wrong.csv"], &["D014", "it is a table", "write `table: "]),
    (&["dataset.table=wrong.csv"], &["D012", "which column has the path?", "`animal` and `name`"]),
    (&["dataset.table=wrong.csv", "dataset.columns.path=nme"], &["no column `nme`"]),
    (&["dataset.table=binary.csv"], &["D012", "line 1 is not UTF-8"]),
    (&["dataset.table=utf16.csv"], &["D012", "UTF-16"]),
    (&["dataset.table=sets.csv"], &["D012", "line 3: `never` is not a set"]),
    (&["dataset.split.fold=1"], &["P008", "no effect without `folds`"]),
    (&["dataset.split={ folds: 3, fold: 3 }"], &["P007", "there is no fold 3"]),
    (&["dataset.split={ folds: 3, validation: 0.2 }"], &["P008", "one of 3 folds"]),
    (&["dataset.split={ folds: 1 }"], &["`folds`", "2"]),
    (&["dataset.classes=[disc, rnig]"], &["D013", "`rnig`", "did you mean `ring`"]),
    (&["dataset.classes=[disc]"], &["`classes`", "2"]),
    (&["dataset.classes={ a: [disc, ring], b: [ring] }"], &["P008", "`ring` is taken twice"]),
    (&["dataset.classes={ a: [disc, ring], b: \"*\" }"], &["D003", "`b`"]),
    (&["dataset.limit=0"], &["`limit`", "4"]),
    (&["dataset.split.by=patient"], &["stratified", "random", "hash"]),
];

#[test]
fn what_is_wrong_is_named() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let write = |name: &str, bytes: &[u8]| std::fs::write(workshop.path(name), bytes).unwrap();
    write("wrong.csv", b"animal,name\nx,y\n");
    write("binary.csv", b"path,\xff\xfelabel\n");
    write(
        "book.xlsx",
        b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0[Content_Types].xml",
    );
    write("a.arrow", b"ARROW1\0\0\xff\xff\xff\xff");
    write("a.pkl", b"\x80\x04\x95\x10");
    write("a.sqlite", b"SQLite format 3\0\x10");
    write("coco.json", b"{\n\"images\": [{\"id\": 1}],\n\"annotations\": []}");
    write("columns.json", b"{\"path\": {\"0\": \"a.png\"}, \"label\": {\"0\": \"x\"}}");
    write("list.json", b"[{\"path\": \"a.png\", \"label\": 1}, 7]");
    write("two.json", b"[{\"path\": \"a\", \"label\": 1}]\n[{\"path\": \"b\", \"label\": 2}]");
    write("ragged.csv", b"path,label\na,x\nb,x,y\nc,x\nd,x,y,z\n");
    write("drive.csv", b"path,label\nC:\\photos\\a.png,x\nC:\\photos\\b.png,y\n");
    write("utf16.csv", b"\xff\xfep\0a\0");
    write(
        "sets.csv",
        b"path,label,split\npictures/disc/000.png,a,train\npictures/disc/001.png,b,never\n",
    );
    for (options, named) in WRONG {
        let options: Vec<String> =
            options.iter().map(|option| located(&workshop, option)).collect();
        let more: Vec<&str> = options.iter().flat_map(|option| ["-S", option.as_str()]).collect();
        let said = run(&workshop, &more);
        assert_eq!(said.code, Some(2), "{options:?}: {}", said.err);
        for word in named {
            assert!(said.err.contains(word), "{options:?}: {word}: {}", said.err);
        }
    }
}

/// An option whose value, if it is a path, is in the workshop.
fn located(workshop: &Workshop, option: &str) -> String {
    let (key, value) = option.split_once('=').unwrap();
    let is_path = ["dataset.train", "dataset.table", "dataset.archive", "dataset.root"]
        .contains(&key)
        || Path::new(value).starts_with("sets");
    if is_path { format!("{key}={}", workshop.text(value)) } else { option.to_owned() }
}
