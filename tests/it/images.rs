//! Image files of all kinds: that their pixels are those of other programs, and that what cannot be
//! read is named and never lost.

use std::path::Path;
use std::process::Command;

use alpaca_run::dataset::decode;

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, project};
use crate::support::runs::ONE_STAGE;

const HEIC: &[u8] = b"\0\0\0\x24ftypheic\0\0\0\0mif1heic and more";

fn decoded(file: &Path) -> decode::RgbImage {
    decode::decode(&std::fs::read(file).unwrap()).unwrap()
}

/// Files of `cjpeg` (libjpeg-turbo 2.1) and Pillow; what they decode to was written by Pillow 13
/// with libjpeg-turbo 3.2, as PNG.
#[test]
fn jpeg_pixels_are_those_of_libjpeg_turbo() {
    let folder = project().join("tests/it/data/images/jpeg");
    let mut n = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "jpg") {
            let (ours, theirs) = (decoded(&file), decoded(&file.with_extension("png")));
            assert!(ours == theirs, "{} differs", file.display());
            n += 1;
        }
    }
    assert_eq!(n, 18);
}

/// The table of docs/reference/images.md, made anew. `ALPACA_PYTHON` is a Python with Pillow and
/// numpy; `OpenCV` is asked where it is there.
#[test]
fn files_of_many_kinds_decode_as_in_other_programs() {
    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON names no Python with pillow and numpy");
        return;
    };
    let script = |arguments: &[&Path]| {
        let script = project().join("tests/it/data/images/compare.py");
        let output = Command::new(&python).arg("-B").arg(script).args(arguments).output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        out.into_owned()
    };
    let root = tempfile::tempdir().unwrap();
    let (files, out) = (root.path().join("files"), root.path().join("out"));
    script(&[Path::new("make"), &files]);
    std::fs::create_dir(&out).unwrap();
    for entry in std::fs::read_dir(&files).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&file).unwrap();
        let ppm = |picture: decode::RgbImage| {
            let head = format!("P6 {} {} 255\n", picture.width(), picture.height());
            [head.as_bytes(), picture.as_raw()].concat()
        };
        match decode::decode_then(&name, &bytes, ppm) {
            Ok(ppm) => std::fs::write(out.join(format!("{name}.ppm")), ppm).unwrap(),
            Err(reason) => {
                std::fs::write(out.join(format!("{name}.txt")), reason.to_string()).unwrap();
            }
        }
    }
    let table = script(&[Path::new("table"), &files, &out]);
    println!("{table}");
    let rows: Vec<&str> = table.lines().skip(2).collect();
    assert!(rows.len() > 50, "{} kinds", rows.len());
    // What other programs do depends on their versions; what we do is documented.
    let documented = std::fs::read_to_string(project().join("docs/reference/images.md")).unwrap();
    for row in rows {
        let ours: Vec<&str> = row.splitn(4, " | ").take(2).collect();
        let ours = ours.join(" | ");
        assert!(documented.contains(&ours), "docs/reference/images.md lacks {ours}");
    }
}

#[test]
fn images_of_other_formats_do_not_fall_out_of_a_dataset() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let disc = workshop.path("pictures/disc");
    for (name, bytes) in [
        ("IMG_1.HEIC", HEIC),
        ("heic_named.jpg", HEIC),
        ("no_ending", HEIC),
        ("page.heic", b"<html>404"),
        ("notes.txt", b"not an image"),
        ("Thumbs.db", b""),
        ("desktop.ini", b"[.ShellClassInfo]"),
        ("movie.mp4", b"\0\0\0\x18ftypmp42"),
    ] {
        std::fs::write(disc.join(name), bytes).unwrap();
    }
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&["check", &pipeline]);
    assert!(said.out.contains("2 classes, 27 images"), "{}", said.out);
    let runs = workshop.text("runs");
    let said = alpaca_run(&[&pipeline[..], "--runs-dir", &runs]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("error[D004]: 4 files"), "{}", said.err);
    let heic = "a HEIC image, which cannot be read: convert it to JPEG, for example with \
                `heif-convert` or `sips -s format jpeg`";
    for line in [
        format!("disc/IMG_1.HEIC: {heic}"),
        format!("disc/heic_named.jpg: {heic}"),
        format!("disc/no_ending: {heic}"),
        "disc/page.heic: an HTML page, not an image".to_owned(),
    ] {
        assert!(said.err.contains(&line), "{line} is not in {}", said.err);
    }
    let said = alpaca_run(&[&pipeline[..], "--runs-dir", &runs, "-S", "dataset.on_bad_image=skip"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let manifest = std::fs::read_to_string(workshop.path("runs/small/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["dataset"]["skipped"].as_object().unwrap().len(), 4);
    // Thumbs.db and desktop.ini are the file manager's, and not worth a word.
    let ignored = ["disc/movie.mp4", "disc/notes.txt"];
    assert_eq!(manifest["dataset"]["ignored"], serde_json::json!(ignored));
}

#[test]
fn a_class_without_readable_images_is_told_with_what_it_holds() {
    for more in [&[][..], &["-S", "dataset.on_bad_image=skip"]] {
        let workshop = Workshop::new(ONE_STAGE, 2);
        let phone = workshop.path("pictures/phone");
        std::fs::create_dir(&phone).unwrap();
        for i in 0..12 {
            std::fs::write(phone.join(format!("IMG_{i}.HEIC")), HEIC).unwrap();
        }
        std::fs::write(phone.join("notes.txt"), b"from my phone").unwrap();
        let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
        let said = alpaca_run(&[&[&pipeline[..], "--runs-dir", &runs], more].concat());
        assert_ne!(said.code, Some(0));
        let wanted = "error[D003]: a class without readable images: `phone`";
        assert!(said.err.contains(wanted), "{}", said.err);
        assert!(said.err.contains("phone: 12 HEIC images, 1 text file"), "{}", said.err);
        assert!(said.err.contains("heif-convert"), "{}", said.err);
    }
}

#[test]
fn predict_names_images_that_cannot_be_read() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let said = alpaca_run(&[&pipeline[..], "--runs-dir", &runs]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    std::fs::write(workshop.path("pictures/disc/IMG_1.HEIC"), HEIC).unwrap();
    std::fs::write(workshop.path("pictures/disc/raw"), HEIC).unwrap();
    std::fs::write(workshop.path("pictures/disc/notes.txt"), b"not an image").unwrap();
    let (run, pictures) = (workshop.text("runs/small"), workshop.text("pictures"));
    for format in [&[][..], &["--json"], &["--csv"]] {
        let said = alpaca_run(&[&["predict", &run[..]], format, &[&pictures[..]]].concat());
        assert_eq!(said.code, Some(1), "{}", said.err);
        let all = said.out + &said.err;
        for name in ["IMG_1.HEIC", "disc/raw"] {
            assert!(all.contains(name) && all.contains("a HEIC image"), "{all}");
        }
        assert!(!all.contains("notes.txt"), "{all}");
    }
    let said = alpaca_run(&["predict", "--skip-bad", &run, &pictures]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// A pipe would be waited for, and a device has no end.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_a_bad_image_at_once() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    let pipe = workshop.path("pictures/disc/pipe.jpg");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", workshop.path("pictures/disc/zero.jpg")).unwrap();
    let long = std::fs::File::create(workshop.path("pictures/disc/long.jpg")).unwrap();
    long.set_len(40 << 30).unwrap();
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&[&pipeline[..], "--runs-dir", &workshop.text("runs")]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for line in [
        "disc/pipe.jpg: a pipe, not a file",
        "disc/zero.jpg: a device, not a file",
        "disc/long.jpg: the file is larger than 1 GiB, the limit for images",
    ] {
        assert!(said.err.contains(line), "{line} is not in {}", said.err);
    }
    let said = alpaca_run(&["data", &pipeline]);
    assert!(said.out.contains("a pipe, not a file"), "{}{}", said.out, said.err);
    let said = alpaca_run(&["check", &pipeline]);
    assert!(said.out.contains("24 images"), "{}", said.out);
}
