//! Mirror images.

use crate::base::random::Generator;
use crate::spec::{Flip, ImageSize};

/// Mirrors a picture half the time, in each direction that `flip` names.
pub(super) fn random_flip(
    picture: &mut [f32],
    size: ImageSize,
    flip: Flip,
    generator: &mut Generator,
) {
    let mut coin = || generator.uniform() < 0.5;
    if flip != Flip::Vertical && coin() {
        picture.chunks_exact_mut(size.width * 3).for_each(mirror_row);
    }
    if flip != Flip::Horizontal && coin() {
        mirror_columns(picture, size);
    }
}

fn mirror_row(row: &mut [f32]) {
    let n_pixels = row.len() / 3;
    for left in 0..n_pixels / 2 {
        let right = n_pixels - 1 - left;
        for channel in 0..3 {
            row.swap(left * 3 + channel, right * 3 + channel);
        }
    }
}

fn mirror_columns(picture: &mut [f32], size: ImageSize) {
    let row = size.width * 3;
    for top in 0..size.height / 2 {
        let (above, below) = picture.split_at_mut((size.height - 1 - top) * row);
        above[top * row..(top + 1) * row].swap_with_slice(&mut below[..row]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SeedStream;

    const SIZE: ImageSize = ImageSize { height: 2, width: 3 };

    fn picture() -> Vec<f32> {
        (0u8..18).map(f32::from).collect()
    }

    #[test]
    fn rows_and_columns_change_places_pixel_by_pixel() {
        let mut row = picture();
        row.chunks_exact_mut(9).for_each(mirror_row);
        assert_eq!(row[..9], [6.0, 7.0, 8.0, 3.0, 4.0, 5.0, 0.0, 1.0, 2.0]);
        let mut columns = picture();
        mirror_columns(&mut columns, SIZE);
        assert_eq!(columns[..9], picture()[9..]);
    }

    #[test]
    fn half_of_all_pictures_are_mirrored() {
        let mirrored = (0..400).filter(|&i| {
            let mut changed = picture();
            random_flip(
                &mut changed,
                SIZE,
                Flip::Horizontal,
                &mut SeedStream::new(1).at(i).generator(),
            );
            changed != picture()
        });
        let n = mirrored.count();
        assert!((160..240).contains(&n), "{n} of 400");
    }
}
