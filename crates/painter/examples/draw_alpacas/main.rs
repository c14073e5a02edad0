//! Draws a small set of images in two classes, with and without alpacas.
//!
//! Each image depends only on its class, number and seed, so every run draws the same images.
#![expect(
    unreachable_pub,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program has no callers, prints errors, and may overwrite its own images"
)]

mod arguments;
mod sheet;

use std::fs;
use std::process::ExitCode;

use alpaca_painter::alpacas::{self, Painting};
use arguments::{Arguments, USAGE};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

/// The JPEG quality: small files without visible blocks.
const QUALITY: u8 = 76;

fn main() -> ExitCode {
    let outcome = Arguments::read(std::env::args().skip(1))
        .map_err(|problem| format!("{problem}\n{USAGE}"))
        .and_then(|arguments| draw_all(&arguments));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Draws every image of every class.
fn draw_all(arguments: &Arguments) -> Result<(), String> {
    let mut drawn = Vec::new();
    for (class, collection) in alpacas::collections().iter().enumerate() {
        let folder = arguments.folder.join(collection.folder);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let count = collection.count.min(arguments.only.unwrap_or(u32::MAX));
        for index in 0..count {
            let pixels = alpacas::collected(class, index, arguments.seed);
            let path = folder.join(format!("{}_{index:03}.jpg", collection.prefix));
            let bytes = encoded(&pixels)?;
            fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
            drawn.push(pixels);
        }
    }
    arguments.sheet.as_ref().map_or(Ok(()), |path| sheet::write(path, &drawn))
}

/// The bytes of a JPEG file.
fn encoded(painting: &Painting) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode(&painting.pixels, painting.width, painting.height, ExtendedColorType::Rgb8)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}
