//! How much of the result of the best of several models is due to choosing it.

use alpaca_random::SeedStream;

/// The most values that all resamples together visit; bounds the time for many models and images.
const VISITS: usize = 100_000_000;
/// The number of resamples, unless the bound allows fewer.
const RESAMPLES: usize = 2_000;

/// The mean that the best of several models can be expected to have on images that did not choose it
/// (Tsamardinos, Greasidou and Borboudakis, "Bootstrapping the out-of-sample predictions for
/// efficient and accurate cross-validation", 2018, section 4): images are drawn with replacement, the
/// model with the highest mean on them is chosen, and its mean on the images that were not drawn
/// counts. `values[m][i]` is the value of model `m` on image `i`, of which more is better. `None`
/// without two models and two images.
pub fn expected_of_best(values: &[Vec<f64>]) -> Option<f64> {
    let n = values.first()?.len();
    if values.len() < 2 || n < 2 {
        return None;
    }
    let n_resamples = RESAMPLES.min(VISITS / (n * values.len())).max(50);
    let mut generator = SeedStream::new(0).child("choice of the best").generator();
    let (mut sum, mut n_used) = (0.0, 0_usize);
    let mut counts = vec![0_u32; n];
    for _ in 0..n_resamples {
        counts.fill(0);
        for _ in 0..n {
            let draw = (u128::from(generator.next_u64()) * n as u128) >> 64;
            counts[draw as usize] += 1;
        }
        let n_left = counts.iter().filter(|count| **count == 0).count();
        if n_left == 0 {
            continue;
        }
        let drawn = |values: &Vec<f64>| -> f64 {
            values.iter().zip(&counts).map(|(value, count)| value * f64::from(*count)).sum()
        };
        let mut best = (f64::NEG_INFINITY, 0);
        for (model, values) in values.iter().enumerate() {
            let value = drawn(values);
            if value > best.0 {
                best = (value, model);
            }
        }
        let left = values[best.1].iter().zip(&counts).filter(|(_, count)| **count == 0);
        sum += left.map(|(value, _)| value).sum::<f64>() / n_left as f64;
        n_used += 1;
    }
    (n_used > 0).then(|| sum / n_used as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coins: each is right on half of all images, so the best of them is right on more of those
    /// that choose it, and on half of others.
    #[test]
    fn the_best_of_equal_models_is_expected_to_be_as_good_as_the_others() {
        let mut generator = SeedStream::new(1).child("coins").generator();
        let mut coin = || f64::from(u8::from(generator.next_u64() >> 63 == 0));
        let values: Vec<Vec<f64>> = (0..50).map(|_| (0..400).map(|_| coin()).collect()).collect();
        let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let best = values.iter().map(mean).fold(0.0, f64::max);
        let expected = expected_of_best(&values).unwrap();
        assert!(best > 0.54, "{best}");
        assert!((expected - 0.5).abs() < 0.02, "{expected}");
    }

    #[test]
    fn a_model_that_is_better_everywhere_keeps_its_mean() {
        let values = vec![vec![0.1; 40], vec![0.9; 40]];
        assert!((expected_of_best(&values).unwrap() - 0.9).abs() < 1e-12);
        assert_eq!(expected_of_best(&values[..1]), None);
    }
}
