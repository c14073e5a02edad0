//! The bootstrap: intervals of statistics from resampled images.

use alpaca_random::{Generator, SeedStream};

/// The maximum number of images in all resamples together; bounds the time for large datasets.
const DRAWS: usize = 20_000_000;
/// The number of resamples for small datasets.
const RESAMPLES: usize = 10_000;

/// The number of resamples of `n` images: ten thousand, of many images fewer.
pub fn n_resamples(n: usize) -> usize {
    RESAMPLES.min(DRAWS / n.max(1)).max(200)
}

/// The 95 % intervals of statistics of `n` images: percentiles over resamples (Efron and Tibshirani,
/// "An Introduction to the Bootstrap", 1993, section 13.3). `of` computes the statistics of the images
/// at positions that it draws, `n` times each. The random stream is fixed, so the same images give the
/// same intervals.
pub fn intervals<const K: usize>(
    n: usize,
    mut of: impl FnMut(&mut Draws) -> [f64; K],
) -> [[f64; 2]; K] {
    let mut draws = Draws { generator: SeedStream::new(0).child("bootstrap").generator(), n };
    let mut values = [const { Vec::new() }; K];
    for _ in 0..n_resamples(n) {
        for (values, value) in values.iter_mut().zip(of(&mut draws)) {
            values.push(value);
        }
    }
    values.map(|mut values| {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        [at(0.025), at(0.975)]
    })
}

/// Draws images with replacement.
pub struct Draws {
    generator: Generator,
    n: usize,
}

impl Draws {
    /// The position of an image, uniformly distributed up to a bias of one in 2^64 / n.
    pub fn draw(&mut self) -> usize {
        ((u128::from(self.generator.next_u64()) * self.n as u128) >> 64) as usize
    }
}
