//! Image files of all kinds: that their pixels are those of other programs, and that what cannot be
//! read is named and never lost.

use std::path::Path;
use std::process::Command;

use alpaca_run::dataset::{decode, thumbnail};
use alpaca_run::spec::Alpha;

use image::DynamicImage;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{alpaca_run, files_below, project};
use crate::support::runs::ONE_STAGE;

const HEIC: &[u8] = b"\0\0\0\x24ftypheic\0\0\0\0mif1heic and more";

fn decoded(file: &Path) -> decode::RgbImage {
    decode::decode(&std::fs::read(file).unwrap(), Alpha::Drop).unwrap()
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
        match decode::decode_then(&name, &bytes, Alpha::Drop, ppm) {
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

/// Files with transparency, and what Pillow 13 shows of them over white and over black
/// (`write_alpha.py`).
#[test]
fn transparency_over_a_color_is_that_of_pillow() {
    let folder = project().join("tests/it/data/images/alpha");
    let mut n = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".white.png") || name.ends_with(".black.png") {
            continue;
        }
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        if name == "refused.tif" {
            assert!(decode::decode(&bytes, Alpha::Drop).is_ok());
            let error = decode::decode(&bytes, Alpha::White).unwrap_err().to_string();
            assert!(error.contains("CMYK colors multiplied by alpha"), "{error}");
            continue;
        }
        // Pillow divides by alpha before it blends, which rounds once more.
        let tolerance = u8::from(name.starts_with("associated"));
        for (alpha, color) in [(Alpha::White, "white"), (Alpha::Black, "black")] {
            let ours = decode::decode(&bytes, alpha).unwrap();
            let theirs = decoded(&folder.join(format!("{name}.{color}.png")));
            assert_eq!(ours.dimensions(), theirs.dimensions());
            let off = ours.iter().zip(theirs.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(tolerance), "{name} over {color} differs by {off:?}");
        }
        n += 1;
    }
    assert_eq!(n, 19);
}

/// Files of libjxl, and what it decodes them to, as PNG (`write_jxl.py`).
fn jpeg_xl_files() -> Vec<(String, Vec<u8>)> {
    let files = files_below(&project().join("tests/it/data/images/jxl"));
    let files: Vec<_> =
        files.into_iter().filter(|(name, _)| name.rsplit_once(".jxl").is_some()).collect();
    assert_eq!(files.len(), 22);
    files
}

#[test]
fn jpeg_xl_pixels_are_those_of_libjxl() {
    for (name, bytes) in jpeg_xl_files() {
        let png = project().join("tests/it/data/images/jxl").join(&name).with_extension("png");
        let png = std::fs::read(png).unwrap();
        // Lossy images are computed in single precision, in another order.
        let is_exact = !["lossy", "jpeg.", "premultiplied"].iter().any(|kind| name.contains(kind));
        for alpha in [Alpha::Drop, Alpha::White, Alpha::Black] {
            let ours = decode::decode(&bytes, alpha).unwrap();
            let theirs = decode::decode(&png, alpha).unwrap();
            assert_eq!(ours.dimensions(), theirs.dimensions(), "{name}");
            // Without alpha nothing is left of a color that was multiplied by a small one.
            if name.starts_with("premultiplied") && alpha == Alpha::Drop {
                continue;
            }
            let off = ours.iter().zip(theirs.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(u8::from(!is_exact)), "{name} {alpha:?} differs by {off:?}");
        }
        assert_eq!(decode::format_of(&bytes).unwrap().name(), "JPEG XL");
    }
}

#[test]
fn incomplete_and_damaged_jpeg_xl_files_are_bad_and_never_a_crash() {
    for (name, bytes) in jpeg_xl_files() {
        for length in [3, bytes.len() / 4, bytes.len() / 2, bytes.len() * 3 / 4] {
            let cut = decode::decode(&bytes[..length], Alpha::White);
            // Of an animation, the first image may be complete.
            assert!(
                cut.is_err() || name == "animated.jxl",
                "{name} cut to {length} of {} bytes was read",
                bytes.len()
            );
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x55;
            // Many changes leave an image, of other pixels.
            let _ = decode::decode(&damaged, Alpha::White);
        }
    }
    // What the size of an image would need is refused before anything is reserved: 2^30 squared.
    let huge = [0xff, 0x0a, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let error = decode::decode(&huge, Alpha::Drop).unwrap_err();
    assert!(!matches!(error, decode::DecodeError::Panicked { .. }), "{error}");
}

/// The images of a workshop with a transparent ground, and in `flat` what they are over white.
fn with_transparent_grounds(workshop: &Workshop) {
    for (class, name) in ["disc", "ring"].into_iter().enumerate() {
        std::fs::create_dir_all(workshop.path("flat").join(name)).unwrap();
        for i in 0..12 {
            let file = format!("{name}/{i:03}.png");
            let opaque = picture(class, i);
            let (mut clear, mut flat) = (DynamicImage::from(opaque.clone()).to_rgba8(), opaque);
            for (clear, flat) in clear.pixels_mut().zip(flat.pixels_mut()) {
                if clear.0[0] != 230 {
                    (clear.0[3], flat.0) = (0, [255; 3]);
                }
            }
            clear.save(workshop.path("pictures").join(&file)).unwrap();
            flat.save(workshop.path("flat").join(&file)).unwrap();
        }
    }
}

#[test]
fn a_model_trained_over_white_sees_every_image_over_white() {
    let workshop = Workshop::new(ONE_STAGE, 2);
    with_transparent_grounds(&workshop);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let train = |name: &str, more: &[&str]| {
        let name = format!("name={name}");
        let fixed = [&pipeline[..], "--runs-dir", &runs, "--no-cache", "-S", &name];
        let said = alpaca_run(&[&fixed, more].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
    };
    train("white", &["-S", "dataset.alpha=white"]);
    train("flat", &["-S", &format!("dataset.directory={}", workshop.text("flat"))]);
    train("dropped", &[]);
    let table = |run: &str, file: &str| {
        std::fs::read_to_string(workshop.path("runs").join(run).join(file)).unwrap()
    };
    for file in ["metrics.csv", "predictions.csv"] {
        assert_eq!(table("white", file), table("flat", file));
        assert_ne!(table("white", file), table("dropped", file));
    }
    assert!(table("white", "pipeline.resolved.yaml").contains("alpha: white"));
    assert!(table("dropped", "pipeline.resolved.yaml").contains("alpha: drop"));
    // Whoever asks the model, in whatever form it is.
    let white = workshop.text("runs/white");
    let file = |name: &str| workshop.text(name);
    for (model, more) in [("whole.onnx", &[][..]), ("bare.onnx", &["--normalised"])] {
        let fixed = ["export", &white, "-o", &file(model), "--no-cache"];
        let said = alpaca_run(&[&fixed, more].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let recipe = std::fs::read_to_string(workshop.path("bare.json")).unwrap();
    assert!(recipe.contains("\"alpha\": \"white\""), "{recipe}");
    for model in [&white, &file("whole.onnx"), &file("bare.onnx")] {
        let [clear, flat] = ["pictures", "flat"].map(|folder| {
            let said = alpaca_run(&["predict", model, "--csv", &file(&format!("{folder}/disc"))]);
            assert_eq!(said.code, Some(0), "{}", said.err);
            said.out.replace(folder, "")
        });
        assert_eq!(clear, flat, "{model}");
    }
    let said = alpaca_run(&["evaluate", &white, "--data", &file("pictures"), "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let over = |alpha| {
        let small = thumbnail::of_file(&workshop.path("pictures/disc/000.png"), 40, alpha);
        decode::decode(&small.unwrap(), Alpha::Drop).unwrap().get_pixel(39, 0).0[2]
    };
    assert!(over(Alpha::White) > 240 && over(Alpha::Black) < 15 && over(Alpha::Drop) < 80);
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
