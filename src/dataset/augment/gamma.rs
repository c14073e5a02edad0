//! Random weights that add up to one.

use alpaca_random::Generator;

/// `n` random weights from the symmetric Dirichlet distribution of `alpha`: gamma-distributed
/// numbers, divided by their sum.
pub(super) fn dirichlet(alpha: f64, n: usize, generator: &mut Generator) -> Vec<f64> {
    let numbers: Vec<f64> = (0..n).map(|_| gamma(alpha, generator)).collect();
    let total: f64 = numbers.iter().sum();
    if total > 0.0 {
        numbers.iter().map(|number| number / total).collect()
    } else {
        // All are below the smallest number, which small `alpha` make possible: one of them is
        // infinitely larger than the others.
        let chosen = (uniform(generator) * n as f64) as usize;
        (0..n).map(|i| f64::from(u8::from(i == chosen))).collect()
    }
}

/// A number from the gamma distribution of shape `alpha` and scale 1 (Marsaglia and Tsang 2000; for
/// shapes below 1, section 6 there).
fn gamma(alpha: f64, generator: &mut Generator) -> f64 {
    if alpha < 1.0 {
        let smaller = libm::pow(uniform(generator), 1.0 / alpha);
        return gamma(alpha + 1.0, generator) * smaller;
    }
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(generator);
        let v = 1.0 + c * x;
        if v > 0.0 {
            let v = v * v * v;
            if libm::log(uniform(generator)) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }
}

/// A number from the standard normal distribution (Box and Muller 1958).
fn normal(generator: &mut Generator) -> f64 {
    let radius = (-2.0 * libm::log(uniform(generator))).sqrt();
    radius * libm::cos(std::f64::consts::TAU * uniform(generator))
}

/// A number in `(0, 1)`, in the middle of one of 2⁵² equal parts.
fn uniform(generator: &mut Generator) -> f64 {
    ((generator.next_u64() >> 12) as f64 + 0.5) / 4_503_599_627_370_496.0
}

#[cfg(test)]
mod tests {
    use alpaca_random::SeedStream;

    use super::*;

    #[test]
    fn weights_have_the_mean_and_the_variance_of_the_distribution() {
        for (alpha, n) in [(0.2, 2), (1.0, 2), (1.0, 3), (4.0, 3)] {
            let mut generator = SeedStream::new(5).generator();
            let drawn: Vec<Vec<f64>> =
                (0..20_000).map(|_| dirichlet(alpha, n, &mut generator)).collect();
            assert!(drawn.iter().all(|w| (w.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            let mean = drawn.iter().map(|w| w[0]).sum::<f64>() / 20_000.0;
            let expected = 1.0 / n as f64;
            assert!((mean - expected).abs() < 0.01, "{alpha}, {n}: {mean}");
            let squares = drawn.iter().map(|w| (w[0] - expected) * (w[0] - expected));
            let variance = squares.sum::<f64>() / 20_000.0;
            let expected = expected * (1.0 - expected) / (n as f64 * alpha + 1.0);
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha}, {n}: {variance}");
        }
    }

    #[test]
    fn small_shapes_choose_one() {
        let mut generator = SeedStream::new(5).generator();
        for _ in 0..100 {
            let weights = dirichlet(1e-4, 3, &mut generator);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{weights:?}");
        }
    }
}
