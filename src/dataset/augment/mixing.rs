//! Random mixtures of the images of a batch: each image with the one before it, the first with the
//! last. One random share and, for a rectangle, one place hold for the whole batch, as in
//! torchvision's `MixUp` and `CutMix`.

use alpaca_random::{Generator, SeedStream};

use super::gamma::dirichlet;
use crate::base::tensor::Tensor;
use crate::spec::{BetaSpec, ImageSize, MixingSpec};

/// A way to mix the images of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    /// The share that each image has of its mixture; the image before it has the rest.
    pub share: f64,
    /// The rows and columns that come from the image before; `None` for a weighted mean.
    rectangle: Option<[[usize; 2]; 2]>,
}

impl Mixture {
    /// Draws a way to mix a batch of images of a size; `None` if the batch stays as it is.
    pub fn draw(spec: &MixingSpec, size: ImageSize, stream: SeedStream) -> Option<Self> {
        let mut generator = stream.generator();
        if f64::from(generator.uniform()) >= spec.probability {
            return None;
        }
        let is_second = generator.uniform() >= 0.5;
        Some(match (spec.mix_up, spec.cut_mix) {
            (Some(mix_up), Some(_)) if !is_second => Self::mean(mix_up, &mut generator),
            (_, Some(cut_mix)) => Self::cut(cut_mix, size, &mut generator),
            (mix_up, None) => Self::mean(mix_up?, &mut generator),
        })
    }

    /// Weighted means of two images: `share x + (1 - share) y` (Zhang et al. 2018, arXiv 1710.09412,
    /// section 2).
    fn mean(BetaSpec { alpha }: BetaSpec, generator: &mut Generator) -> Self {
        Self { share: beta(alpha, generator), rectangle: None }
    }

    /// A rectangle of `1 - share` of the area around a uniformly drawn center, cut off at the edges of
    /// the image (Yun et al. 2019, arXiv 1905.04899, section 3.1). The share is that of the pixels that
    /// are left.
    fn cut(
        BetaSpec { alpha }: BetaSpec,
        ImageSize { height, width }: ImageSize,
        generator: &mut Generator,
    ) -> Self {
        let side = (1.0 - beta(alpha, generator)).sqrt();
        let mut range = |n: usize| {
            let center = (f64::from(generator.uniform()) * n as f64) as usize;
            let half = (0.5 * side * n as f64) as usize;
            [center.saturating_sub(half), (center + half).min(n)]
        };
        let rectangle = [range(height), range(width)];
        let [n_rows, n_columns] = rectangle.map(|[from, to]| to - from);
        let share = 1.0 - (n_rows * n_columns) as f64 / (height * width) as f64;
        Self { share, rectangle: Some(rectangle) }
    }

    /// Mixes images, `[n, height, width, channels]`.
    pub fn apply(&self, images: &mut Tensor) {
        let &[n, _, width, channels] = images.shape() else {
            unreachable!("images have four axes")
        };
        let len = images.values().len() / n;
        let values = images.values_mut();
        // Each image is replaced before the one that it was mixed with.
        let last = values[(n - 1) * len..].to_vec();
        for i in (0..n).rev() {
            let (before, own) = values.split_at_mut(i * len);
            let other = if i == 0 { &last } else { &before[(i - 1) * len..] };
            self.mix(&mut own[..len], other, width * channels, channels);
        }
    }

    /// Mixes an image with another one.
    fn mix(&self, own: &mut [f32], other: &[f32], row: usize, channels: usize) {
        let Some([rows, columns]) = self.rectangle else {
            let (share, rest) = (self.share as f32, (1.0 - self.share) as f32);
            own.iter_mut().zip(other).for_each(|(own, other)| *own = share * *own + rest * other);
            return;
        };
        for y in rows[0]..rows[1] {
            let part = y * row + columns[0] * channels..y * row + columns[1] * channels;
            own[part.clone()].copy_from_slice(&other[part]);
        }
    }
}

/// A number from the beta distribution with both parameters `alpha`.
fn beta(alpha: f64, generator: &mut Generator) -> f64 {
    dirichlet(alpha, 2, generator)[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { height: 4, width: 6 };

    fn images() -> Tensor {
        let values = (0..3 * 4 * 6 * 3).map(|i| (i / (4 * 6 * 3)) as f32 + 1.0).collect();
        Tensor::new(&[3, 4, 6, 3], values)
    }

    #[test]
    fn each_image_is_mixed_with_the_one_before_it() {
        let mut mixed = images();
        Mixture { share: 0.75, rectangle: None }.apply(&mut mixed);
        let firsts: Vec<f32> = mixed.values().iter().step_by(4 * 6 * 3).copied().collect();
        assert_eq!(firsts, [0.75 + 0.25 * 3.0, 2.0 * 0.75 + 0.25, 3.0 * 0.75 + 0.5]);

        let mut mixed = images();
        Mixture { share: 0.0, rectangle: Some([[1, 3], [2, 6]]) }.apply(&mut mixed);
        for (i, values) in mixed.values().chunks_exact(4 * 6 * 3).enumerate() {
            for (at, &value) in values.iter().enumerate() {
                let (y, x) = (at / 18, at / 3 % 6);
                let is_inside = (1..3).contains(&y) && (2..6).contains(&x);
                let expected = if is_inside { (i + 2) % 3 + 1 } else { i + 1 };
                assert_eq!(value, expected as f32, "image {i}, row {y}, column {x}");
            }
        }
    }

    #[test]
    fn shares_are_those_of_the_pixels_and_have_the_mean_of_the_distribution() {
        let of = |mix_up: Option<f64>, cut_mix: Option<f64>, probability: f64| {
            let beta = |alpha: Option<f64>| alpha.map(|alpha| BetaSpec { alpha });
            MixingSpec { mix_up: beta(mix_up), cut_mix: beta(cut_mix), probability }
        };
        let draw = |spec: MixingSpec| -> Vec<Mixture> {
            let stream = SeedStream::new(3);
            (0..4000).filter_map(|i| Mixture::draw(&spec, SIZE, stream.at(i))).collect()
        };
        let mean = |drawn: &[Mixture]| {
            drawn.iter().map(|mixture| mixture.share).sum::<f64>() / drawn.len() as f64
        };
        let means = draw(of(Some(0.4), None, 1.0));
        assert_eq!(means.len(), 4000);
        assert!(means.iter().all(|mixture| mixture.rectangle.is_none()));
        assert!((mean(&means) - 0.5).abs() < 0.02);

        let cuts = draw(of(None, Some(1.0), 0.25));
        assert!((900..1100).contains(&cuts.len()), "{}", cuts.len());
        for cut in &cuts {
            let mut ones = Tensor::new(&[2, 4, 6, 1], [vec![1.0; 24], vec![0.0; 24]].concat());
            cut.apply(&mut ones);
            let own: f32 = ones.values()[..24].iter().sum();
            assert!((f64::from(own) / 24.0 - cut.share).abs() < 1e-12, "{cut:?}");
        }
        let both = draw(of(Some(0.2), Some(1.0), 1.0));
        let n_cuts = both.iter().filter(|mixture| mixture.rectangle.is_some()).count();
        assert!((1850..2150).contains(&n_cuts), "{n_cuts}");
    }
}
