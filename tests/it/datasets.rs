//! Datasets as people have them: split already, with strange names, with images that are there twice.

use std::path::Path;

use serde_json::Value;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, files_below};
use crate::support::runs::{ONE_STAGE, run};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn copy(workshop: &Workshop, from: &str, to: &str) {
    let to = workshop.path("pictures").join(to);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(workshop.path("pictures").join(from), to).unwrap();
}

#[test]
fn a_given_split_is_used_and_each_part_can_be_used_alone() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let split = workshop.path("split");
    std::fs::create_dir_all(split.join("__MACOSX")).unwrap();
    std::fs::create_dir_all(split.join("labels")).unwrap();
    std::fs::write(split.join("labels/a.csv"), b"a").unwrap();
    std::fs::rename(workshop.path("pictures"), split.join("training_set")).unwrap();
    for (class, name) in [(0, "disc"), (1, "ring")] {
        let folder = split.join("validation set").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        picture(class, 90).save(folder.join("a.png")).unwrap();
    }
    let given = format!("dataset.directory={}", split.display());
    let said = run(&workshop, &["-S", &given]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let line = "24 for training, 2 for validation (split by directories `training_set` and `validation set`)";
    assert!(said.err.contains(line), "{}", said.err);
    let splits = read(&workshop.path("runs/small/splits.csv"));
    assert!(splits.contains("\nvalidation set/disc/a.png,disc,validation,"), "{splits}");
    let train = format!("dataset.directory={}", split.join("training_set").display());
    let test = split.join("validation set").display().to_string();
    assert_eq!(run(&workshop, &["-S", &train]).code, Some(0));
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small-2"), "--data", &test]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!said.err.contains("warning"), "{}", said.err);
}

#[test]
fn images_beside_the_classes_are_told_by_run_check_and_data() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    copy(&workshop, "disc/001.png", "loose.png");
    let pipeline = workshop.text("small.yaml");
    let what = "1 image next to the class directories is not used";
    assert!(run(&workshop, &[]).err.contains(what));
    assert!(alpaca_run(&["check", &pipeline]).err.contains(what));
    assert!(alpaca_run(&["data", &pipeline]).out.contains(what));
    let said = alpaca_run(&["data", &pipeline, "--json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert!(found["warnings"][0].as_str().unwrap().contains("loose.png"), "{found}");
}

#[test]
fn an_image_in_two_classes_stops_a_run_unless_it_may_stay_or_go() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    copy(&workshop, "disc/003.png", "ring/copy.png");
    copy(&workshop, "disc/004.png", "disc/copy.png");
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("D008"), "{}", said.err);
    assert!(said.err.contains("disc/003.png and ring/copy.png"), "{}", said.err);
    assert!(!said.err.contains("disc/004.png"), "{}", said.err);

    let said = run(&workshop, &["-S", "dataset.duplicates=drop"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let splits = read(&workshop.path("runs/small/splits.csv"));
    assert_eq!(splits.lines().count(), 1 + 26 - 3, "{splits}");
    let manifest: Value =
        serde_json::from_str(&read(&workshop.path("runs/small/manifest.json"))).unwrap();
    let left_out = &manifest["dataset"]["skipped"];
    assert_eq!(left_out["disc/copy.png"], "a copy of disc/004.png", "{left_out}");
    assert_eq!(left_out["ring/copy.png"], "in another class as disc/003.png", "{left_out}");
    assert_eq!(left_out["disc/003.png"], "in another class as ring/copy.png", "{left_out}");
    let said = alpaca_run(&["reproduce", &workshop.text("runs/small")]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small")]);
    assert_eq!(said.code, Some(0), "{}", said.err);

    let said = run(&workshop, &["-S", "dataset.duplicates=keep"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("1 image in more than one class"), "{}", said.err);
}

#[test]
fn copies_and_look_alikes_across_the_split_are_told() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    for i in 0..8 {
        copy(&workshop, "disc/000.png", &format!("disc/copy{i}.png"));
        let larger = image::imageops::resize(
            &picture(1, 5),
            96 + i,
            80 + i,
            image::imageops::FilterType::Triangle,
        );
        larger.save(workshop.path("pictures").join(format!("ring/larger{i}.png"))).unwrap();
    }
    let said = run(&workshop, &[]);
    assert!(said.err.contains("D005") && said.err.contains("duplicates: drop"), "{}", said.err);
    let said = run(&workshop, &["-S", "dataset.duplicates=keep"]);
    assert!(said.err.contains("in more than one split"), "{}", said.err);
    let said = run(&workshop, &["-S", "dataset.duplicates=drop"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("like a training image"), "{}", said.err);
    let page = read(&workshop.path("runs/small-2/report.html"));
    assert!(page.contains("similar training image") && page.contains("ring/larger"));
    let said = alpaca_run(&["reproduce", &workshop.text("runs/small-2")]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn images_that_trained_are_told_where_they_measure() {
    let text = format!("{ONE_STAGE}  field:\n    evaluate: {{ directory: pictures }}\n");
    let workshop = Workshop::new(&text, 2);
    let said = run(&workshop, &[]);
    let what =
        "this model was trained on 20 of 24 images (83.3 %), and 4 more were in its validation set";
    assert!(said.err.contains(&format!("warning: field: {what}")), "{}", said.err);
    let measured: Value =
        serde_json::from_str(&read(&workshop.path("runs/small/evaluations/field/metrics.json")))
            .unwrap();
    assert_eq!(measured["n_trained_on"], 20);
    let pictures = workshop.text("pictures");
    let said =
        alpaca_run(&["evaluate", &workshop.text("runs/small"), "--data", &pictures, "--json"]);
    assert!(said.err.contains(what), "{}", said.err);
    let measured: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(measured["n_trained_on"], 20);
}

#[test]
fn classes_without_images_are_left_out_of_averages_and_named() {
    let workshop = Workshop::new(ONE_STAGE, 3);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    let some = workshop.path("some");
    std::fs::create_dir_all(some.join("ring")).unwrap();
    picture(1, 90).save(some.join("ring/a.png")).unwrap();
    let some = some.display().to_string();
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small"), "--data", &some]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("no image of `disc` and `square`"), "{}", said.out);
}

#[test]
fn two_ways_to_write_a_class_are_one_class() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let [decomposed, composed] = ["pictures/cafe\u{301}", "pictures/caf\u{e9}"];
    std::fs::rename(workshop.path("pictures/disc"), workshop.path(decomposed)).unwrap();
    assert_eq!(run(&workshop, &[]).code, Some(0));
    std::fs::rename(workshop.path(decomposed), workshop.path(composed)).unwrap();
    let pictures = workshop.text("pictures");
    let said =
        alpaca_run(&["evaluate", &workshop.text("runs/small"), "--data", &pictures, "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let measured: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&measured["n_images"], &measured["n_trained_on"]), (&24.into(), &20.into()));
    std::fs::create_dir(workshop.path(decomposed)).unwrap();
    picture(0, 70).save(workshop.path(decomposed).join("a.png")).unwrap();
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("D007") && said.err.contains("cafe\\u{301}"), "{}", said.err);
}

#[test]
fn images_that_were_moved_are_one_error_with_what_to_write() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    std::fs::rename(workshop.path("pictures"), workshop.path("elsewhere")).unwrap();
    let run = workshop.text("runs/small");
    let said = alpaca_run(&["evaluate", &run]);
    assert_eq!(said.err.matches("No such file").count(), 1, "{}", said.err);
    assert!(said.err.contains("-S dataset.directory=DIR"), "{}", said.err);
    let now = format!("dataset.directory={}", workshop.text("elsewhere"));
    let said = alpaca_run(&["evaluate", &run, "-S", &now]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// Names with escape sequences, ends of lines and bytes that are no text, in every place.
#[cfg(unix)]
mod strange_names {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    use super::*;
    use crate::support::program::command;

    fn name(bytes: &[u8]) -> OsString {
        OsString::from_vec(bytes.to_vec())
    }

    /// A workshop in which everything has such a name; the folder to work in.
    fn place(workshop: &Workshop) -> PathBuf {
        let place = workshop.path("").join(name(b"d\xff\x1b[31m"));
        std::fs::create_dir(&place).unwrap();
        let pictures = place.join("pictures");
        std::fs::rename(workshop.path("pictures"), &pictures).unwrap();
        std::fs::rename(workshop.path("small.yaml"), place.join("small.yaml")).unwrap();
        let class = pictures.join(name(b"di\x1b]0;sc\x07\xe4"));
        std::fs::rename(pictures.join("disc"), class).unwrap();
        let files = [&b"a\xff.png"[..], b"a\xfe.png", b"a\nb\t.png", b"=1+1\x1b[2J.png"];
        for (i, bytes) in files.iter().enumerate() {
            let path = pictures.join("ring").join(OsStr::from_bytes(bytes));
            let mut file = std::fs::File::create(path).unwrap();
            picture(1, 80 + i as u32).write_to(&mut file, image::ImageFormat::Png).unwrap();
        }
        place
    }

    /// Runs the program in a folder; nothing that a terminal obeys is in what it prints.
    fn with(place: &Path, first: &str, more: &[&OsStr]) -> Said {
        let words: Vec<&OsStr> = first.split(' ').map(OsStr::new).collect();
        let mut command = command(&[&words[..], more].concat());
        let said = Said::of(command.current_dir(place).spawn().unwrap());
        for text in [&said.out, &said.err] {
            let is_raw = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(is_raw), "{first}: {text:?}");
        }
        assert_eq!(said.code, Some(0), "{first}: {}{}", said.out, said.err);
        said
    }

    #[test]
    fn every_command_takes_them_and_prints_none_raw() {
        let workshop = Workshop::new(ONE_STAGE, 2);
        let place = &place(&workshop);
        let (runs, cache) = (name(b"r\xff"), name(b"c\xff"));
        let shared: [&OsStr; 4] =
            [OsStr::new("--runs-dir"), &runs, OsStr::new("--cache-dir"), &cache];
        let [run, second] = ["small", "small-2"].map(|name| Path::new(&runs).join(name));
        let (run, second) = (run.as_os_str(), second.as_os_str());
        let pictures = place.join("pictures");
        with(place, "check small.yaml", &[]);
        with(place, "plan small.yaml", &shared[2..]);
        with(place, "data small.yaml", &[]);
        with(place, "data small.yaml --json", &[]);
        with(place, "data small.yaml --html", &[&name(b"h\xff.html")]);
        with(place, "run small.yaml -v", &shared);
        let bad = pictures.join("ring").join(name(b"a\xff.png"));
        let said = with(place, "predict --json", &[run, bad.as_os_str()]);
        let found: Value = serde_json::from_str(&said.out).unwrap();
        assert!(found["path"].as_str().unwrap().ends_with("ring/a\\xFF.png"), "{found}");
        with(place, "predict --csv", &[run, pictures.as_os_str()]);
        with(place, "predict", &[run, pictures.as_os_str()]);
        with(place, "evaluate", &[run]);
        with(place, "evaluate --data pictures", &[run]);
        with(place, "verify", &[run]);
        with(place, "report", &[run, OsStr::new("-o"), &name(b"o\xff.html")]);
        with(place, "export", &[run, OsStr::new("-o"), &name(b"o\xff.onnx")]);
        with(place, "reproduce", &[run, OsStr::new("--keep"), &name(b"k\xff")]);
        with(place, "runs", &shared[..2]);
        with(place, "runs --json", &shared[..2]);
        with(place, "cache list --json", &shared[2..]);
        with(place, "run small.yaml", &shared);
        with(place, "diff", &[run, second]);
        with(place, "diff --json", &[run, second]);
    }

    #[test]
    fn tables_and_plots_have_each_in_a_form_of_its_own() {
        let workshop = Workshop::new(ONE_STAGE, 2);
        let place = &place(&workshop);
        with(place, "run small.yaml --no-cache --runs-dir r", &[]);
        let splits = read(&place.join("r/small/splits.csv"));
        let paths = ["a\\xFF.png", "a\\xFE.png", "a\\x0Ab\\x09.png", "=1+1\\x1B[2J.png"];
        for path in paths.map(|path| format!("ring/{path},ring,")) {
            assert!(splits.lines().any(|line| line.starts_with(&path)), "{path}: {splits}");
        }
        assert_eq!(splits.lines().count(), 1 + 28);
        assert!(splits.contains("di\\x1B]0;sc\\x07\\xE4/003.png"), "{splits}");
        for (name, bytes) in files_below(&place.join("r/small/plots")) {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{name}");
        }
    }

    /// A run directory comes from somebody else.
    #[test]
    fn what_a_run_directory_says_is_printed_none_raw() {
        let workshop = Workshop::new(ONE_STAGE, 2);
        assert_eq!(run(&workshop, &[]).code, Some(0));
        for file in ["manifest.json", "metrics.json", "classes.json"] {
            let path = workshop.path("runs/small").join(file);
            let text = read(&path).replace("disc", "di\\u001b[31m\\u202esc\\u009b");
            std::fs::write(path, text).unwrap();
        }
        let run = workshop.text("runs/small");
        let picture = workshop.text("pictures/disc/000.png");
        let there = workshop.path("");
        with(&there, "runs show", &[OsStr::new(&run)]);
        with(&there, "predict", &[OsStr::new(&run), OsStr::new(&picture)]);
        let said = with(&there, "predict --json", &[OsStr::new(&run), OsStr::new(&picture)]);
        let found: Value = serde_json::from_str(&said.out).unwrap();
        assert!(found["classes"][0]["name"].is_string());
    }
}
