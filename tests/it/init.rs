//! The first pipeline for some images, and what is made of the definitions of the commands.

use std::path::Path;
use std::process::Command;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, command, done, project};
use crate::support::runs::ONE_STAGE;

/// Runs a command in a directory.
fn in_folder(folder: &Path, words: &[&str]) -> Said {
    Said::of(command(words).current_dir(folder).spawn().unwrap())
}

#[test]
fn a_pipeline_for_images_passes_the_check_and_runs() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let folder = workshop.path("");
    // A copy, and a file that is not an image.
    let pictures = workshop.path("pictures");
    let class = std::fs::read_dir(&pictures).unwrap().next().unwrap().unwrap().path();
    let one = std::fs::read_dir(&class).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&one, class.join("copy.png")).unwrap();
    std::fs::write(class.join("broken.png"), b"no image").unwrap();
    // A name that YAML and a shell do not take as it is.
    let name = "null: 'my' $images";
    std::fs::rename(&pictures, workshop.path(name)).unwrap();
    let said = in_folder(&folder, &["init", name]);
    done(&said);
    let file = "null---my---images.yaml";
    assert!(said.out.contains(&format!("next: alpaca-run {file}")), "{}", said.out);
    let text = std::fs::read_to_string(workshop.path(file)).unwrap();
    for line in ["duplicates: drop", "on_bad_image: skip", "image_size: 224", "few images"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    done(&in_folder(&folder, &["check", file]));
    done(&in_folder(&folder, &["run", file, "-S", "dataset.image_size=64"]));
    // No file is replaced.
    let said = in_folder(&folder, &["init", name]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("exists already"), "{}", said.err);
    assert_eq!(std::fs::read_to_string(workshop.path(file)).unwrap(), text);
    done(&in_folder(&folder, &["init", name, "--output", "made/of/it.yaml"]));
    done(&in_folder(&folder, &["check", "made/of/it.yaml"]));
}

#[test]
fn tables_archives_and_shards_have_pipelines_too() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let folder = workshop.path("");
    let mut table = "path,label\n".to_owned();
    let mut archive = tar::Builder::new(Vec::new());
    let mut shard = tar::Builder::new(Vec::new());
    for i in 0..8u32 {
        let class = ["disc", "ring"][i as usize % 2];
        let mut png = std::io::Cursor::new(vec![]);
        picture(i as usize % 2, i).write_to(&mut png, image::ImageFormat::Png).unwrap();
        let png = png.into_inner();
        std::fs::write(workshop.path(&format!("{i}.png")), &png).unwrap();
        table.extend([&format!("{i}.png,{class}"), "\n"]);
        let add = |tar: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, bytes).unwrap();
        };
        add(&mut archive, &format!("{class}/{i}.png"), &png);
        add(&mut shard, &format!("{i}.png"), &png);
        add(&mut shard, &format!("{i}.cls"), class.as_bytes());
    }
    std::fs::write(workshop.path("labels.csv"), table).unwrap();
    std::fs::write(workshop.path("images.tar"), archive.into_inner().unwrap()).unwrap();
    std::fs::create_dir(workshop.path("shards")).unwrap();
    std::fs::write(workshop.path("shards/t-0.tar"), shard.into_inner().unwrap()).unwrap();
    for (images, key) in [
        ("labels.csv", "table: labels.csv"),
        ("images.tar", "archive: images.tar"),
        ("shards", "shards: \"shards/*.tar\""),
    ] {
        let file = format!("{}.yaml", images.split('.').next().unwrap());
        let said = in_folder(&folder, &["init", images]);
        done(&said);
        assert!(said.out.contains("8 images of 2 classes"), "{}", said.out);
        let text = std::fs::read_to_string(workshop.path(&file)).unwrap();
        assert!(text.contains(key), "{text}");
        done(&in_folder(&folder, &["check", &file]));
    }
}

/// A table does not tell what its labels mean; the pipeline says what to write, and that works.
#[test]
fn labels_that_may_be_numbers_or_several_are_said() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let folder = workshop.path("");
    for i in 0..18u32 {
        picture(i as usize % 2, i).save(workshop.path(&format!("{i}.png"))).unwrap();
    }
    // Each number twice: it may be a class.
    let numbers: Vec<String> = (0..18).map(|i| format!("{i}.png,{}.5\n", i % 9)).collect();
    let several = (0..12).map(|i| format!("{i}.png,{}\n", ["disc", "disc;ring"][i % 2]));
    for (name, rows, key, [from, to]) in [
        ("numbers", numbers, "target: number", ["logistic", "ridge"]),
        ("several", several.collect(), "labels: many", ["", ""]),
    ] {
        let [table, file] = [format!("{name}.csv"), format!("{name}.yaml")];
        std::fs::write(workshop.path(&table), format!("path,label\n{}", rows.concat())).unwrap();
        done(&in_folder(&folder, &["init", &table]));
        let text = std::fs::read_to_string(workshop.path(&file)).unwrap();
        assert!(text.contains(&format!("`{key}` here")), "{text}");
        done(&in_folder(&folder, &["check", &file]));
        let text = text.replace("dataset:\n", &format!("dataset:\n  {key}\n"));
        let text = if from.is_empty() { text } else { text.replace(from, to) };
        std::fs::write(workshop.path(&file), text).unwrap();
        done(&in_folder(&folder, &["check", &file]));
    }
}

/// Numbers that occur once cannot be classes.
#[test]
fn a_table_of_measurements_gets_a_pipeline_for_numbers() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let folder = workshop.path("");
    let mut table = "path,label\n".to_owned();
    for i in 0..24u32 {
        picture(i as usize % 2, i).save(workshop.path(&format!("{i}.png"))).unwrap();
        table.extend([&format!("{i}.png,{}.25", i % 20), "\n"]);
    }
    std::fs::write(workshop.path("weights.csv"), table).unwrap();
    let said = in_folder(&folder, &["init", "weights.csv"]);
    done(&said);
    assert!(said.out.contains("24 images with a number each"), "{}", said.out);
    let text = std::fs::read_to_string(workshop.path("weights.yaml")).unwrap();
    assert!(text.contains("target: number") && text.contains("ridge"), "{text}");
    done(&in_folder(&folder, &["weights.yaml", "-S", "dataset.image_size=32"]));
}

/// What a run would refuse, `init` reports, and it says what becomes of copies.
#[test]
fn images_that_a_run_refuses_are_said_with_the_pipeline() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let folder = workshop.path("");
    let save = |path: &str, class: u32, i: u32| {
        let file = workshop.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        picture(class as usize, i).save(file).unwrap();
    };
    // One image a class; the same images for training and for validation.
    for class in [0, 1] {
        save(&format!("lonely/{class}/a.png"), class, 1);
        for i in 0..4 {
            for set in ["train", "val"] {
                save(&format!("leak/{set}/{class}/{i}.png"), class, i);
            }
            save(&format!("conflict/{class}/{i}.png"), class, i);
        }
        // The same image in both classes.
        save(&format!("conflict/{class}/both.png"), 0, 7);
    }
    for images in ["lonely", "leak"] {
        let said = in_folder(&folder, &["init", images]);
        assert_eq!(said.code, Some(1), "{images}: {} {}", said.out, said.err);
        assert!(said.out.contains("has to be changed first"), "{}", said.out);
        assert!(said.err.contains("error[D0") && said.err.contains("hint: "), "{}", said.err);
        let run = in_folder(&folder, &[&format!("{images}.yaml"), "--no-cache"]);
        assert_eq!(run.code, Some(1), "{}", run.err);
    }
    done(&in_folder(&folder, &["init", "conflict"]));
    let text = std::fs::read_to_string(workshop.path("conflict.yaml")).unwrap();
    assert!(text.contains("2 images are in more than one class, and left out"), "{text}");
    assert!(!text.contains("copies of others"), "{text}");
    done(&in_folder(&folder, &["conflict.yaml", "-S", "dataset.image_size=32"]));
    // Runs are not written between the classes.
    let said = in_folder(&workshop.path("conflict"), &["init", "."]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("cd .. && alpaca-run init conflict"), "{}", said.err);
    let said = in_folder(&folder, &["init"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("no images are named"), "{}", said.err);
    let said = in_folder(&folder, &["init", "conflict.yaml"]);
    assert!(said.err.contains("is a pipeline, not images"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn an_example_that_is_interrupted_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let started = command(&["init", "--sample"]).current_dir(folder.path()).spawn().unwrap();
    let is_drawing = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.flatten().any(|file| file.path().join("images").is_dir())
    };
    while !is_drawing() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let id = started.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let said = Said::of(started);
    assert_eq!(said.code, Some(130), "{}", said.err);
    assert!(said.err.contains("nothing was written"), "{}", said.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn images_that_no_pipeline_fits_are_said() {
    let folder = tempfile::tempdir().unwrap();
    for directory in ["empty", "texts", "flat"] {
        std::fs::create_dir(folder.path().join(directory)).unwrap();
    }
    std::fs::write(folder.path().join("texts/a.txt"), "text").unwrap();
    picture(0, 1).save(folder.path().join("flat/a.png")).unwrap();
    for (images, words) in [
        ("empty", "is empty"),
        ("texts", "no class directories"),
        ("flat", "no class directories"),
        ("nothing", "`nothing` does not exist"),
        ("texts/a.txt", "not a tar or zip archive"),
    ] {
        let said = in_folder(folder.path(), &["init", images]);
        assert!(matches!(said.code, Some(1 | 2)), "{images}: {}", said.err);
        assert!(said.err.contains(words), "{images}: {}", said.err);
    }
    let written = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(written.count(), 3, "nothing is written");
}

/// The example has the images of the repository, and trains.
#[test]
fn the_example_is_drawn_checked_and_trained() {
    let folder = tempfile::tempdir().unwrap();
    let said = in_folder(folder.path(), &["init", "--sample"]);
    done(&said);
    assert!(said.out.contains("300 drawn images"), "{}", said.out);
    let example = folder.path().join("alpaca-sample");
    let mut n = 0;
    for class in ["alpaca", "not alpaca"] {
        for drawn in std::fs::read_dir(example.join("images").join(class)).unwrap() {
            let drawn = drawn.unwrap().path();
            let name = drawn.file_name().unwrap();
            let shipped = project().join("data/alpacas").join(class).join(name);
            assert!(std::fs::read(&drawn).unwrap() == std::fs::read(shipped).unwrap(), "{drawn:?}");
            n += 1;
        }
    }
    assert_eq!(n, 300);
    for file in ["best.yaml", "finetune.yaml"] {
        let text = std::fs::read_to_string(example.join(file)).unwrap();
        assert!(!text.contains("../") && !text.contains("pipelines/"), "{text}");
        assert!(text.starts_with("# T"), "{text}");
        done(&in_folder(&example, &["check", file]));
    }
    done(&in_folder(&example, &["best.yaml", "-S", "dataset.image_size=64"]));
    // Nothing is replaced, and nothing is left of what fails.
    let said = in_folder(folder.path(), &["init", "--sample"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("`alpaca-sample` exists already"), "{}", said.err);
    std::fs::write(folder.path().join("file"), "text").unwrap();
    let said = in_folder(folder.path(), &["init", "--sample", "file/below"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("cannot create"), "{}", said.err);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let said = in_folder(folder.path(), &["init", "photos", "--sample"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("cannot be used with"), "{}", said.err);
}

#[test]
fn the_committed_list_of_commands_is_fresh() {
    let said = alpaca_run(&["manual"]);
    done(&said);
    let path = project().join("docs/reference/commands.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &said.out).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == said.out, "docs/reference/commands.md is stale: UPDATE=1 cargo test");
}

#[test]
fn shells_read_the_completions_and_man_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = alpaca_run(&["completions", shell]);
        done(&said);
        assert!(said.out.contains("lr-find"), "{shell}");
        let file = folder.path().join(shell);
        std::fs::write(&file, said.out).unwrap();
        // A shell that is not installed cannot say what it thinks of them.
        if ["bash", "zsh", "fish"].contains(&shell)
            && let Ok(read) = Command::new(shell).arg("-n").arg(&file).output()
        {
            assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
        }
    }
    // Options of commands below, whose names have dashes, too.
    for (words, wanted) in [
        ("alpaca-run pre", "predict"),
        ("alpaca-run init --sa", "--sample"),
        ("alpaca-run lr-find --sta", "--stage"),
        ("alpaca-run shard predict --sha", "--shards"),
    ] {
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             $(complete -p alpaca-run | sed 's/.* -F \\([^ ]*\\) .*/\\1/') alpaca-run \
             ${{COMP_WORDS[-1]}} ${{COMP_WORDS[-2]}}; echo \"${{COMPREPLY[@]}}\"",
            folder.path().join("bash").display()
        );
        if let Ok(said) = Command::new("bash").args(["-c", &script]).output() {
            let found = String::from_utf8_lossy(&said.stdout);
            assert!(found.split_whitespace().any(|word| word == wanted), "{words}: {found}");
        }
    }
    let said = alpaca_run(&["completions", "tcsh"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("bash, elvish, fish"), "{}", said.err);
    let pages = folder.path().join("man1");
    done(&alpaca_run(&["manual", "--pages", pages.to_str().unwrap()]));
    let page = std::fs::read_to_string(pages.join("alpaca-run-shard-predict.1")).unwrap();
    assert!(page.contains(".SH OPTIONS") && page.contains("Predict all images"), "{page}");
    assert!(page.contains("alpaca\\-run shard predict [OPTIONS]"), "{page}");
    assert!(!page.contains("SUBCOMMANDS"), "{page}");
    let page = std::fs::read_to_string(pages.join("alpaca-run.1")).unwrap();
    for (at, _) in page.match_indices("alpaca\\-run\\-") {
        let name = page[at..].split(['(', ' ', '\n']).next().unwrap().replace('\\', "");
        assert!(pages.join(format!("{name}.1")).is_file(), "no page {name}");
    }
}
