//! Small datasets that a network can learn in seconds.

use std::path::Path;

use image::{Rgb, RgbImage};

/// Writes `n` pictures for each of two classes: warm ones with a bright disc, cool ones with a
/// bright square, each in its own place and colour.
pub fn two_classes(folder: &Path, n: u32) {
    for (class, name) in ["disc", "square"].into_iter().enumerate() {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..n {
            picture(class, i).save(folder.join(format!("{i:03}.png"))).unwrap();
        }
    }
}

/// A picture of 48 by 40 pixels.
pub fn picture(class: usize, i: u32) -> RgbImage {
    let (x0, y0) = (12 + i * 7 % 24, 12 + i * 5 % 16);
    let shade = (i * 13 % 60) as u8;
    RgbImage::from_fn(48, 40, |x, y| {
        let (dx, dy) = (x.abs_diff(x0), y.abs_diff(y0));
        let is_inside = if class == 0 { dx * dx + dy * dy < 81 } else { dx.max(dy) < 8 };
        match (class, is_inside) {
            (_, true) => Rgb([230, 220, 200]),
            (0, false) => Rgb([120 + shade, 60, 40]),
            (_, false) => Rgb([40, 60, 120 + shade]),
        }
    })
}
