//! Small datasets that a network can learn in seconds.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// Names of the classes in [`picture`].
const CLASSES: [&str; 3] = ["disc", "ring", "square"];

/// A folder with `n` pictures for each of the first `n_classes` classes.
pub fn dataset(folder: &Path, n_classes: usize, n: u32) {
    for (class, name) in CLASSES[..n_classes].iter().enumerate() {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..n {
            picture(class, i).save(folder.join(format!("{i:03}.png"))).unwrap();
        }
    }
}

/// A picture of 48 by 40 pixels: a bright shape in its own place on a ground of its own shade.
pub fn picture(class: usize, i: u32) -> RgbImage {
    let (x0, y0) = (12 + i * 7 % 24, 12 + i * 5 % 16);
    let shade = (i * 13 % 60) as u8;
    RgbImage::from_fn(48, 40, |x, y| {
        let (dx, dy) = (x.abs_diff(x0), y.abs_diff(y0));
        let is_inside = match class {
            0 => dx * dx + dy * dy < 81,
            1 => (25..100).contains(&(dx * dx + dy * dy)),
            _ => dx.max(dy) < 8,
        };
        match (class, is_inside) {
            (_, true) => Rgb([230, 220, 200]),
            (0, false) => Rgb([120 + shade, 60, 40]),
            (1, false) => Rgb([40, 120 + shade, 60]),
            (_, false) => Rgb([40, 60, 120 + shade]),
        }
    })
}

/// A folder of its own with a dataset and a pipeline file in it.
pub struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// Twelve pictures of each of `n_classes` classes, and the text of a pipeline that trains on
    /// them in `pictures`.
    pub fn new(pipeline: &str, n_classes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        dataset(&folder.path().join("pictures"), n_classes, 12);
        std::fs::write(folder.path().join("small.yaml"), pipeline).unwrap();
        Self { folder }
    }

    /// Removes all but `n` of the pictures of a class.
    pub fn thin_out(&self, class: &str, n: u32) {
        for i in n..12 {
            std::fs::remove_file(self.path("pictures").join(class).join(format!("{i:03}.png")))
                .unwrap();
        }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// A picture of 48 by 40 pixels with the shapes of several classes, each in its own color.
pub fn several(classes: &[usize], i: u32) -> RgbImage {
    let shade = (i * 13 % 60) as u8;
    // A mark of its own, so that no two pictures are the same.
    let mut picture = RgbImage::from_pixel(48, 40, Rgb([60 + shade, 60, (i % 256) as u8]));
    for &class in classes {
        let (x0, y0) =
            (12 + (i * 7 + class as u32 * 11) % 24, 12 + (i * 5 + class as u32 * 7) % 16);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let (dx, dy) = (x.abs_diff(x0), y.abs_diff(y0));
            let is_inside = match class {
                0 => dx * dx + dy * dy < 64,
                1 => (25..81).contains(&(dx * dx + dy * dy)),
                _ => dx.max(dy) < 7,
            };
            if is_inside {
                *pixel = [Rgb([230, 40, 40]), Rgb([40, 230, 40]), Rgb([40, 40, 250])][class];
            }
        }
    }
    picture
}
