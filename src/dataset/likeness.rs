//! Images that look alike although their files differ: resized, recompressed, slightly cropped.

use image::RgbImage;
use rayon::prelude::*;

/// A perceptual hash of an image: whether each position of a small gray copy is brighter than its
/// neighbors to the right and below (the difference hash of Krawetz, "Kind of like that", 2013, in
/// both directions).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likeness(u128);

/// Positions along a side of the small copy that are compared with their neighbors.
const SIDE: u32 = 8;
/// Largest number of 128 bits in which similar images differ. Unrelated photographs differ in about
/// 64.
const ALIKE: u32 = 10;
/// Smallest number of 128 bits that must be set in both of two images for a similarity to be
/// meaningful. Photographs have about fifty.
const SHAPE: u32 = 24;
/// Smallest difference of 255 that counts as brighter. Noise alone does not reach it.
const STEP: i32 = 2;

impl Likeness {
    /// The likeness of an image.
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

    /// The number of 128 bits in which two images differ.
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }

    /// Whether two similar images have enough detail for the similarity to be meaningful. Plain
    /// shapes on a plain background all look alike.
    pub fn tells_with(self, other: Self) -> bool {
        (self.0 & other.0).count_ones() >= SHAPE
    }

    /// Whether it has enough detail to be similar to any image in a meaningful way.
    pub fn has_detail(self) -> bool {
        self.0.count_ones() >= SHAPE
    }

    /// Size in bytes.
    pub const BYTES: usize = size_of::<u128>();

    /// The likeness as bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_le_bytes()
    }

    /// The likeness from bytes, if their number is right.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(u128::from_le_bytes(bytes)))
    }

    /// Every sixth bit from `at` on, so that neighboring places are in different bands.
    fn band(self, at: usize) -> u32 {
        (0..width(at)).fold(0, |key, i| key | ((self.0 >> (at + BANDS * i)) as u32 & 1) << i)
    }
}

/// Two similar images by their positions, and the number of bits in which they differ.
pub type Pair = (usize, usize, u32);

/// Number of bands of a likeness. Images that differ in at most ten bits differ in at most one bit
/// in some band: with two in each of six bands they would differ in twelve (multi-index hashing:
/// Norouzi, Punjani and Fleet 2012).
const BANDS: usize = 6;
/// Number of images that are searched at once.
const CHUNK: usize = 128;

/// At most `most` pairs of similar images, in order. Time grows only slightly faster than the
/// number of images, unless very many are similar.
pub fn pairs(pictures: &[Likeness], most: usize) -> Vec<Pair> {
    let bands: Vec<Band> = (0..BANDS).into_par_iter().map(|at| Band::new(at, pictures)).collect();
    let mut found: Vec<Pair> = vec![];
    for start in (0..pictures.len()).step_by(CHUNK) {
        let chunk = start..(start + CHUNK).min(pictures.len());
        let pairs: Vec<Vec<Pair>> =
            chunk.into_par_iter().map(|first| behind(first, pictures, &bands, most)).collect();
        found.extend(pairs.into_iter().flatten());
        if found.len() >= most {
            found.truncate(most);
            break;
        }
    }
    found
}

/// The pairs of an image with later ones.
fn behind(first: usize, pictures: &[Likeness], bands: &[Band], most: usize) -> Vec<Pair> {
    let mine = pictures[first];
    let mut found: Vec<Pair> = vec![];
    for (at, band) in bands.iter().enumerate() {
        let key = mine.band(at);
        let neighbours = (0..width(at)).map(|bit| key ^ 1 << bit);
        for key in std::iter::once(key).chain(neighbours) {
            for other in band.behind(key, first) {
                let distance = mine.distance(pictures[other]);
                // Pairs that are close in an earlier band have already been found.
                if distance <= ALIKE
                    && !(0..at).any(|earlier| is_near(mine, pictures[other], earlier))
                {
                    found.push((first, other, distance));
                }
            }
        }
    }
    found.sort_unstable();
    found.truncate(most);
    found
}

/// Whether two images differ in at most one bit of the band `at`.
fn is_near(a: Likeness, b: Likeness, at: usize) -> bool {
    (a.band(at) ^ b.band(at)).count_ones() <= 1
}

/// Bits of a band.
fn width(at: usize) -> usize {
    (128 - at).div_ceil(BANDS)
}

/// Images indexed by the bits of one band.
struct Band {
    /// Keys with positions, sorted.
    entries: Vec<(u32, u32)>,
    /// Where the entries of each start of keys begin.
    starts: Vec<u32>,
    /// Bits of a key that are not part of its start.
    n_rest: usize,
}

impl Band {
    fn new(at: usize, pictures: &[Likeness]) -> Self {
        let keyed = pictures.iter().enumerate().map(|(i, picture)| (picture.band(at), i as u32));
        let mut entries: Vec<(u32, u32)> = keyed.collect();
        entries.sort_unstable();
        // About as many starts as images.
        let n_bits = (pictures.len().max(2).ilog2() as usize).min(width(at));
        let n_rest = width(at) - n_bits;
        let mut starts = vec![0; (1 << n_bits) + 1];
        for (key, _) in &entries {
            starts[(key >> n_rest) as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self { entries, starts, n_rest }
    }

    /// The images of a key after a position.
    fn behind(&self, key: u32, first: usize) -> impl Iterator<Item = usize> {
        let start = (key >> self.n_rest) as usize;
        let entries = &self.entries[self.starts[start] as usize..self.starts[start + 1] as usize];
        let from = entries.partition_point(|entry| *entry <= (key, first as u32));
        let same = entries[from..].iter().take_while(move |(other, _)| *other == key);
        same.map(|(_, position)| *position as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    /// Compares all pairs, which is the definition.
    fn all_pairs(pictures: &[Likeness]) -> Vec<Pair> {
        let mut found = vec![];
        for (first, mine) in pictures.iter().enumerate() {
            for (second, other) in pictures.iter().enumerate().skip(first + 1) {
                let distance = mine.distance(*other);
                if distance <= ALIKE {
                    found.push((first, second, distance));
                }
            }
        }
        found
    }

    /// Images around a few centers, with differences of up to 14 places.
    fn likenesses() -> impl Strategy<Value = Vec<Likeness>> {
        let flips = prop::collection::vec(0u32..128, 0..14);
        let one = (0usize..4, flips);
        (prop::array::uniform4(any::<u128>()), prop::collection::vec(one, 0..120)).prop_map(
            |(centres, all)| {
                let of = |(centre, flips): (usize, Vec<u32>)| {
                    let bits = flips.iter().fold(centres[centre], |bits, flip| bits ^ 1 << flip);
                    Likeness(bits)
                };
                all.into_iter().map(of).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn the_pairs_are_those_of_comparing_all(pictures in likenesses(), most in 0usize..400) {
            let all = all_pairs(&pictures);
            prop_assert_eq!(&pairs(&pictures, usize::MAX), &all);
            prop_assert_eq!(&pairs(&pictures, most)[..], &all[..most.min(all.len())]);
        }
    }

    #[test]
    fn more_than_a_chunk_of_the_same_are_found_up_to_a_bound() {
        let same = vec![Likeness(5); 1000];
        assert_eq!(pairs(&same, usize::MAX), all_pairs(&same));
        assert_eq!(pairs(&same, 700).last(), Some(&(0, 700, 0)));
    }

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
        let found = pairs(&seen, usize::MAX);
        let alike: Vec<(usize, usize)> = found.iter().map(|(a, b, _)| (*a, *b)).collect();
        assert_eq!(alike, [(0, 1), (0, 2), (1, 2)]);
        assert!(seen[0].distance(seen[3]) > 20);
    }
}
