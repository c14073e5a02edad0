//! Confidence intervals of proportions.

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

#[cfg(test)]
mod tests {
    use super::*;

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
