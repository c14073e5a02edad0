//! Mirror images.

use alpaca_random::Generator;

use crate::spec::{Flip, ImageSize};

/// The directions in which an image is flipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mirror {
    /// Left and right.
    pub(super) columns: bool,
    /// Top and bottom.
    pub(super) rows: bool,
}

impl Mirror {
    /// Flips the image with probability 0.5, in each direction of `flip`.
    pub(super) fn draw(&mut self, flip: Flip, generator: &mut Generator) {
        let mut coin = || generator.uniform() < 0.5;
        if flip != Flip::Vertical {
            self.columns ^= coin();
        }
        if flip != Flip::Horizontal {
            self.rows ^= coin();
        }
    }

    /// Mirrors an image in place.
    pub(super) fn apply<T>(self, image: &mut [T], size: ImageSize) {
        if self.columns {
            image.chunks_exact_mut(size.width * 3).for_each(mirror_row);
        }
        if self.rows {
            mirror_columns(image, size);
        }
    }
}

fn mirror_row<T>(row: &mut [T]) {
    let n_pixels = row.len() / 3;
    for left in 0..n_pixels / 2 {
        let right = n_pixels - 1 - left;
        for channel in 0..3 {
            row.swap(left * 3 + channel, right * 3 + channel);
        }
    }
}

fn mirror_columns<T>(image: &mut [T], size: ImageSize) {
    let row = size.width * 3;
    for top in 0..size.height / 2 {
        let (above, below) = image.split_at_mut((size.height - 1 - top) * row);
        above[top * row..(top + 1) * row].swap_with_slice(&mut below[..row]);
    }
}

#[cfg(test)]
mod tests {
    use alpaca_random::SeedStream;

    use super::*;

    const SIZE: ImageSize = ImageSize { height: 2, width: 3 };

    fn image() -> Vec<f32> {
        (0u8..18).map(f32::from).collect()
    }

    #[test]
    fn rows_and_columns_change_places_pixel_by_pixel() {
        let mirrored = |columns, rows| {
            let mut image = image();
            Mirror { columns, rows }.apply(&mut image, SIZE);
            image
        };
        assert_eq!(mirrored(true, false)[..9], [6.0, 7.0, 8.0, 3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
        assert_eq!(mirrored(false, true)[..9], image()[9..]);
        assert_eq!(mirrored(false, false), image());
    }

    #[test]
    fn half_of_all_images_are_mirrored() {
        let drawn = |flip, i| {
            let mut mirror = Mirror::default();
            mirror.draw(flip, &mut SeedStream::new(1).at(i).generator());
            mirror
        };
        for flip in [Flip::Horizontal, Flip::Both] {
            let n = (0..400).filter(|&i| drawn(flip, i).columns).count();
            assert!((160..240).contains(&n), "{n} of 400");
        }
        assert!((0..40).all(|i| !drawn(Flip::Horizontal, i).rows));
        assert!((0..40).any(|i| drawn(Flip::Vertical, i).rows));
    }
}
