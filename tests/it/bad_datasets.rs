//! Datasets with everything that can be wrong with files, and what a user is told.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::ONE_STAGE;

fn run(workshop: &Workshop, more: &[&str]) -> Said {
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let mut arguments = vec![pipeline.as_str(), "--runs-dir", &runs];
    arguments.extend(more);
    alpaca_run(&arguments)
}

/// What a command said, with the workshop's folder taken out.
fn plain(workshop: &Workshop, text: &str) -> String {
    text.replace(&workshop.text(""), "…/")
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// Puts files into a folder that are no pictures, or not whole, or not as their names say.
fn spoil(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    let whole = jpeg(&picture(0, 50));
    write("cut.jpg", &whole[..whole.len() / 2]);
    write("empty.jpg", b"");
    write("letter.jpg", b"Dear alpaca, this is not a picture.");
    write("page.png", b"<!doctype html><title>404</title>");
    write("noise.gif", &[0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0xff, 0xff]);
    RgbImage::new(1, 1).save(folder.join("dot.png")).unwrap();
    let mut huge = Cursor::new(vec![]);
    RgbImage::new(8, 8).write_to(&mut huge, ImageFormat::Bmp).unwrap();
    let mut huge = huge.into_inner();
    huge[18..22].copy_from_slice(&20_000u32.to_le_bytes());
    huge[22..26].copy_from_slice(&20_000u32.to_le_bytes());
    write("huge.bmp", &huge);
    // Readable by nobody, not even by the owner of the machine.
    #[cfg(unix)]
    for (target, name) in [("/proc/self/mem", "unreadable.jpg"), ("gone.jpg", "lost.jpg")] {
        std::os::unix::fs::symlink(target, folder.join(name)).unwrap();
    }
    // These are none of the above.
    write("notes.txt", b"no picture, and does not claim to be one");
    write(".hidden.jpg", b"passed over");
    write("actually_a_jpeg.png", &whole);
    RgbImage::from_fn(20_000, 12, |x, _| image::Rgb([(x % 251) as u8, 90, 40]))
        .save(folder.join("wide.png"))
        .unwrap();
}

#[test]
fn all_bad_pictures_are_listed_at_once() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    spoil(&workshop.path("pictures/disc"));
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(plain(&workshop, &said.err));
    assert!(!workshop.path("runs").exists(), "nothing ran");
}

#[test]
fn bad_pictures_are_left_out_where_the_pipeline_says_so() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    spoil(&workshop.path("pictures/disc"));
    let said = run(&workshop, &["-S", "dataset.on_bad_image=skip"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("skipped: bad images"), "{}", said.err);
    let splits = std::fs::read_to_string(workshop.path("runs/small/splits.csv")).unwrap();
    assert_eq!(splits.lines().count(), 1 + 24 + 2, "{splits}");
    for kept in ["disc/actually_a_jpeg.png", "disc/wide.png"] {
        assert!(splits.contains(kept), "{splits}");
    }
    let manifest = std::fs::read_to_string(workshop.path("runs/small/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["dataset"]["skipped"].as_object().unwrap().len(), 9);
    assert_eq!(manifest["dataset"]["ignored"], serde_json::json!(["disc/notes.txt"]));
}

/// Changes the folder of a workshop.
type Spoil = fn(&Path);

/// The layouts of dataset directories that cannot be used, each with what is said about it.
#[test]
fn unusable_directories_are_explained() {
    let cases: [(&str, Spoil); 6] = [
        ("empty_class", |root| std::fs::create_dir(root.join("pictures/empty")).unwrap()),
        ("one_class", |root| std::fs::remove_dir_all(root.join("pictures/ring")).unwrap()),
        ("no_classes", |root| {
            std::fs::remove_dir_all(root.join("pictures")).unwrap();
            std::fs::create_dir(root.join("pictures")).unwrap();
            std::fs::write(root.join("pictures/a.jpg"), b"x").unwrap();
        }),
        ("split_before", |root| {
            std::fs::rename(root.join("pictures"), root.join("old")).unwrap();
            std::fs::create_dir(root.join("pictures")).unwrap();
            std::fs::rename(root.join("old"), root.join("pictures/train")).unwrap();
            std::fs::create_dir_all(root.join("pictures/val/disc")).unwrap();
        }),
        ("a_file", |root| {
            std::fs::remove_dir_all(root.join("pictures")).unwrap();
            std::fs::write(root.join("pictures"), b"x").unwrap();
        }),
        ("link_in_a_circle", |root| {
            #[cfg(unix)]
            std::os::unix::fs::symlink("..", root.join("pictures/disc/again")).unwrap();
        }),
    ];
    for (name, spoil) in cases {
        let workshop = Workshop::new(ONE_STAGE, 2);
        spoil(&workshop.path(""));
        let said = run(&workshop, &[]);
        assert_eq!(said.code, Some(2), "{name}: {}", said.err);
        insta::assert_snapshot!(format!("directory__{name}"), plain(&workshop, &said.err));
    }
}

#[test]
fn a_picture_on_both_sides_of_the_split_is_an_error() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    for i in 0..6 {
        let copy = workshop.path(&format!("pictures/disc/copy{i}.png"));
        std::fs::copy(workshop.path("pictures/disc/000.png"), copy).unwrap();
    }
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("D005") && said.err.contains("disc/copy"), "{}", said.err);
}

#[test]
fn a_class_too_small_to_divide_is_named() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    for i in 1..12 {
        std::fs::remove_file(workshop.path(&format!("pictures/disc/{i:03}.png"))).unwrap();
    }
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("D006") && said.err.contains("`disc`"), "{}", said.err);
}

#[test]
fn weights_of_another_model_are_refused_with_every_difference() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    // A run's own weights have a head, which a base model has not.
    let weights = workshop.text("runs/small/weights/best.safetensors");
    let said =
        run(&workshop, &["-S", &format!("model.weights={weights}"), "-S", "model.width=0.5"]);
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(plain(&workshop, &said.err));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    std::fs::write(workshop.path("runs"), b"a file").unwrap();
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("cannot create"), "{}", said.err);
}
