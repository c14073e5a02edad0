//! Pictures that look alike although their files differ: resized, recompressed, slightly cropped.

use image::RgbImage;
use rayon::prelude::*;

/// A digest of what a picture looks like: whether each place is brighter than its neighbour to the
/// right and below, on a small grey copy (the difference hash of Krawetz, "Kind of like that", 2013,
/// in both directions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Likeness(u128);

/// Places along a side of the small copy that are compared with their neighbours.
const SIDE: u32 = 8;
/// The most places of 128 in which pictures that look alike differ. Of unrelated photographs about
/// 64 do.
const ALIKE: u32 = 10;
/// What counts as brighter, of 255: a difference that noise alone does not make.
const STEP: i32 = 2;

impl Likeness {
    /// That of a picture.
    pub fn of(picture: &RgbImage) -> Self {
        let side = SIDE + 1;
        let grey = image::imageops::grayscale(picture);
        let small =
            image::imageops::resize(&grey, side, side, image::imageops::FilterType::Triangle);
        let at = |x: u32, y: u32| i32::from(small.get_pixel(x, y).0[0]);
        let mut bits = 0u128;
        for y in 0..SIDE {
            for x in 0..SIDE {
                let brighter = [at(x, y) > at(x + 1, y) + STEP, at(x, y) > at(x, y + 1) + STEP];
                for is_brighter in brighter {
                    bits = bits << 1 | u128::from(is_brighter);
                }
            }
        }
        Self(bits)
    }

    /// Places in which two pictures differ, of 128.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// All pairs that look alike, each with its distance, in order. Time grows with the square of the
/// number of pictures: a hundred thousand take some seconds.
pub fn pairs(pictures: &[Likeness]) -> Vec<(usize, usize, u32)> {
    let of = |first: usize| {
        let mine = pictures[first];
        let rest = pictures[first + 1..].iter().enumerate();
        rest.filter_map(move |(behind, other)| {
            let distance = mine.distance(*other);
            (distance <= ALIKE).then_some((first, first + 1 + behind, distance))
        })
    };
    (0..pictures.len()).into_par_iter().flat_map_iter(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn picture(seed: u32) -> RgbImage {
        RgbImage::from_fn(200, 150, |x, y| {
            let wave = |a: u32, b: u32| ((x * a + y * b + seed * 37) / 11 % 16 * 16) as u8;
            Rgb([wave(1 + seed % 3, 2), wave(2, 1), (x / 2) as u8])
        })
    }

    #[test]
    fn a_smaller_copy_looks_alike_and_another_picture_does_not() {
        let own = picture(1);
        let small = image::imageops::resize(&own, 90, 70, image::imageops::FilterType::CatmullRom);
        let darker = RgbImage::from_fn(200, 150, |x, y| {
            let Rgb(values) = own.get_pixel(x, y);
            Rgb(values.map(|value| (f32::from(value) * 0.85) as u8))
        });
        let seen: Vec<Likeness> =
            [&own, &small, &darker, &picture(5)].into_iter().map(Likeness::of).collect();
        let found = pairs(&seen);
        let alike: Vec<(usize, usize)> = found.iter().map(|(a, b, _)| (*a, *b)).collect();
        assert_eq!(alike, [(0, 1), (0, 2), (1, 2)]);
        assert!(seen[0].distance(seen[3]) > 20);
    }
}
