//! `alpaca-run data`: what is in a dataset before anything trains on it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::alpaca_run;
use crate::support::runs::TWO_STAGES;

#[test]
fn bad_files_and_pictures_that_are_there_twice_are_found() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let path = |name: &str| workshop.path("pictures").join(name);
    std::fs::write(path("disc/broken.png"), b"no picture").unwrap();
    std::fs::write(path("disc/notes.txt"), b"notes").unwrap();
    std::fs::copy(path("disc/003.png"), path("ring/copy.png")).unwrap();
    // The same picture again, larger and as another format.
    let larger =
        image::imageops::resize(&picture(1, 5), 96, 80, image::imageops::FilterType::Triangle);
    larger.save(path("ring/larger.jpg")).unwrap();
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&["data", &pipeline, "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&found["n_images"], &found["formats"]["JPEG"]), (&26.into(), &1.into()));
    assert_eq!(found["classes"][1]["n_images"], 14);
    assert!(found["bad"]["disc/broken.png"].is_string());
    assert_eq!(found["ignored"][0], "disc/notes.txt");
    let twice = &found["duplicates"][0];
    assert_eq!(twice["images"][0]["path"], "disc/003.png");
    assert_eq!(twice["images"][1]["path"], "ring/copy.png");
    assert_eq!(twice["across_classes"], true);
    let pairs = found["near_duplicates"].as_array().unwrap();
    let is_pair = |pair: &&Value| {
        let name = |i: usize| pair["images"][i]["path"].as_str().unwrap();
        (name(0), name(1)) == ("ring/005.png", "ring/larger.jpg")
    };
    assert!(pairs.iter().any(|pair| is_pair(&pair)), "{pairs:?}");
    let page = workshop.text("data.html");
    let said = alpaca_run(&["data", &pipeline, "--html", &page]);
    assert!(
        said.out.contains("look alike") && said.out.contains("ring/larger.jpg"),
        "{}",
        said.out
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("data:image/jpeg;base64,") && page.contains("disc/broken.png"));
}

#[test]
fn a_drawn_dataset_has_numbers_and_no_files() {
    let text = "version: 1\n\
                dataset:\n  generator: { kinds: [solids], classes: 3, images: 4 }\n  image_size: 32\n\
                model: { base: mobilenet_v2, width: 0.35, weights: none }\n\
                stages:\n  only:\n    train: { freeze: none, epochs: 1 }\n";
    let workshop = Workshop::new(text, 2);
    let said = alpaca_run(&["data", &workshop.text("small.yaml"), "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&found["n_images"], &found["sizes"]), (&12.into(), &Value::Null));
}

#[test]
fn augmented_images_are_shown_before_training() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let pipeline = workshop.text("small.yaml");
    let sheet = workshop.text("augmented.svg");
    let said = alpaca_run(&["data", &pipeline, "--augmented", &sheet]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let written = std::fs::read_to_string(&sheet).unwrap();
    // Three images with five versions each, and six versions by each of the three changes.
    assert_eq!(written.matches("<image ").count(), 36);
    assert_eq!(written.matches(">original<").count(), 3);
    assert_eq!(written.matches(">random_contrast<").count(), 6);
    assert_eq!(alpaca_run(&["data", &pipeline, "--augmented", &sheet]).code, Some(0));
    assert!(std::fs::read_to_string(&sheet).unwrap() == written);
    // Mixtures of three images in two rows, whose shares add up with the image before.
    let mixing = "stages.finetune.mixing={ mix_up: { alpha: 1.0 } }";
    let mixed = ["data", &pipeline, "--augmented", &sheet, "-S", mixing];
    assert_eq!(alpaca_run(&mixed).code, Some(0));
    let written = std::fs::read_to_string(&sheet).unwrap();
    assert_eq!(written.matches("<image ").count(), 48);
    assert_eq!(written.matches(">mixed<").count(), 12);
    let nothing = ["data", &pipeline, "--augmented", &sheet, "-S", "augmentation=[]"];
    let said = alpaca_run(&nothing);
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(said.err.contains("no stage of the pipeline has an augmentation"), "{}", said.err);
}

/// Predictions of a model that is sure: two images of `disc` are probably rings.
#[test]
fn labels_that_look_wrong_are_listed_shown_and_left_out() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let pipeline = workshop.text("small.yaml");
    let mut table =
        String::from("path,label,predicted,probability/disc,probability/ring,correct\n");
    for class in ["disc", "ring"] {
        for i in 0..12 {
            let disc = match (class, i) {
                ("disc", 3) => 0.1,
                ("disc", 7) => 0.02,
                ("disc", _) => 0.9,
                _ => 0.12,
            };
            let predicted = if disc >= 0.5 { "disc" } else { "ring" };
            let (ring, correct) = (1.0 - disc, predicted == class);
            writeln!(table, "{class}/{i:03}.png,{class},{predicted},{disc},{ring},{correct}")
                .unwrap();
        }
    }
    std::fs::create_dir(workshop.path("checked")).unwrap();
    std::fs::write(workshop.path("checked/predictions.csv"), &table).unwrap();
    let (run, page, csv) =
        (workshop.text("checked"), workshop.text("page.html"), workshop.text("labels.csv"));
    let command = ["data", &pipeline, "--labels", &run];
    let said = alpaca_run(&[&command[..], &["--html", &page, "--table", &csv]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let lines = "labels that look wrong: 2 of 24 predicted images\n  \
                 disc/007.png: disc (0.020), rather ring (0.980)\n  \
                 disc/003.png: disc (0.100), rather ring (0.900)\n";
    assert!(said.out.contains(lines), "{}", said.out);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Labels that look wrong: 2") && page.contains("rather ring 0.980"));
    let rows = std::fs::read_to_string(&csv).unwrap();
    assert!(rows.contains("disc/007.png,disc,ring,0\n") && rows.contains("disc/008.png,disc,,1\n"));
    assert_eq!(rows.lines().count(), 25);
    let said = alpaca_run(&[&command[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(found["labels"]["images"][0]["suggested"], "ring");
    // The table is a dataset.
    let given = format!("dataset.table={csv}");
    let root = format!("dataset.root={}", workshop.text("pictures"));
    let options = ["-S", &given, "-S", &root, "-S", "name=without"];
    let said = crate::support::runs::run(&workshop, &options);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let splits = std::fs::read_to_string(workshop.path("runs/without/splits.csv")).unwrap();
    assert!(splits.starts_with("path,label,split,digest,sample_weight\n"), "{splits}");
    // What is not predictions of one class.
    let said = alpaca_run(&["data", &pipeline, "--labels", &workshop.text("pictures")]);
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(said.err.contains("`--labels` takes a run directory"), "{}", said.err);
    std::fs::write(
        workshop.path("checked/predictions.csv"),
        "path,target,estimate,error\na,1,2,1\n",
    )
    .unwrap();
    let said = alpaca_run(&command);
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(said.err.contains("one class"), "{}", said.err);
}
