//! Confidence intervals of proportions, and of means over folds.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % score interval of a proportion (Wilson, "Probable inference, the law of succession, and
/// statistical inference", 1927). Without any cases it is 0 to 1.
pub fn wilson(n_hits: usize, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let is_all = n_hits == n;
    let (n, share) = (n as f64, n_hits as f64 / n as f64);
    let square = Z * Z;
    let middle = share + square / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let factor = 1.0 + square / n;
    // At the ends the sums would have rounding errors.
    let low = if n_hits == 0 { 0.0 } else { (middle - half) / factor };
    let high = if is_all { 1.0 } else { (middle + half) / factor };
    [low, high]
}

/// The mean of a metric over the folds of cross-validation, its standard deviation, and the 95 %
/// interval of the mean (Nadeau and Bengio, "Inference for the generalization error", 2003). The
/// training sets of folds overlap, so their results are not independent, and more repeats add
/// little: `ratio`, the number of validation images per training image, stands for that part of the
/// variance. The deviation is zero, and the interval `None`, with fewer than two values.
///
/// # Panics
/// When there are no values.
pub fn over_folds(values: &[f64], ratio: f64) -> (f64, f64, Option<[f64; 2]>) {
    assert!(!values.is_empty(), "a mean needs at least one value");
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, 0.0, None);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let variance = squares / (n - 1.0);
    let error = (variance * (1.0 / n + ratio)).sqrt();
    let interval = StudentsT::new(0.0, 1.0, n - 1.0).ok().map(|t| {
        let half = t.inverse_cdf(0.975) * error;
        [mean - half, mean + half]
    });
    (mean, variance.sqrt(), interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `scipy.stats.t.ppf(0.975, 9)` and numpy.
    #[test]
    fn intervals_over_folds_are_wider_than_those_of_independent_values() {
        let values = [0.95, 0.93, 0.97, 0.94, 0.96, 0.92, 0.95, 0.98, 0.93, 0.94];
        let (mean, deviation, interval) = over_folds(&values, 0.25);
        assert!((mean - 0.947).abs() < 1e-12);
        assert!((deviation - 0.018_885_620_632_287_06).abs() < 1e-12, "{deviation}");
        let [low, high] = interval.unwrap();
        // 2.262157162740992 standard errors of sqrt(1/10 + 1/4) deviations.
        let half = 2.262_157_162_740_992 * 0.018_885_620_632_287_06 * 0.35_f64.sqrt();
        assert!((high - mean - half).abs() < 1e-9 && (mean - low - half).abs() < 1e-9);
        assert_eq!(over_folds(&[0.5], 0.25), (0.5, 0.0, None));
    }

    /// Values of `statsmodels.stats.proportion.proportion_confint(hits, n, method="wilson")`.
    #[test]
    fn intervals_are_wilsons() {
        for ((hits, n), expected) in [
            ((56, 65), [0.757_319_027_536_548_5, 0.925_409_095_968_462_9]),
            ((0, 10), [0.0, 0.277_532_799_862_889_15]),
            ((10, 10), [0.722_467_200_137_110_7, 1.0]),
        ] {
            let found = wilson(hits, n);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{hits} of {n}: {found}");
            }
        }
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
        assert!((1..99).all(|n| wilson(0, n)[0] == 0.0 && wilson(n, n)[1] == 1.0));
    }
}
