//! Metrics of estimated numbers. They are those of scikit-learn and scipy.

use serde::{Deserialize, Serialize};

use super::resample::{self, Draws};

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// The metrics over some images.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Metrics {
    /// Name of the number.
    pub name: String,
    /// Number of images.
    pub n_images: usize,
    /// Mean absolute error, in the unit of the number.
    pub mae: f64,
    /// 95 % bootstrap interval of the mean absolute error.
    pub mae_interval: [f64; 2],
    /// Root of the mean squared error, in the unit of the number.
    pub rmse: f64,
    /// 95 % bootstrap interval of the root of the mean squared error.
    pub rmse_interval: [f64; 2],
    /// Mean error: estimate minus number. Above zero if estimates are too high on average.
    pub mean_error: f64,
    /// 95 % bootstrap interval of the mean error.
    pub mean_error_interval: [f64; 2],
    /// Coefficient of determination (R²). `None` if all images have the same number.
    pub r2: Option<f64>,
    /// 95 % bootstrap interval of R².
    pub r2_interval: Option<[f64; 2]>,
    /// Spearman's rank correlation. `None` if all images have the same number or estimate.
    pub spearman: Option<f64>,
    /// 95 % interval of the rank correlation (Bonett and Wright, "Sample size requirements for
    /// estimating Pearson, Kendall and Spearman correlations", 2000). `None` with fewer than four
    /// images.
    pub spearman_interval: Option<[f64; 2]>,
    /// Standard deviation of the numbers: the error of always estimating their mean.
    pub deviation: f64,
}

/// A number and its estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The number of the image.
    pub number: f64,
    /// The estimate.
    pub estimate: f64,
}

impl Scored {
    /// How much too high the estimate is.
    pub fn error(self) -> f64 {
        self.estimate - self.number
    }
}

/// Computes all metrics over some images. `name` is that of the number.
///
/// # Panics
/// When there are no images.
pub fn measure(name: &str, scored: &[Scored]) -> Metrics {
    assert!(!scored.is_empty(), "metrics need at least one image");
    let sums = Sums::of(scored.iter().copied());
    let intervals = resample::intervals(scored.len(), |draws: &mut Draws| {
        let sums = Sums::of((0..scored.len()).map(|_| scored[draws.draw()]));
        // A resample of one image again and again has no R²; it is as bad as possible.
        [sums.mae(), sums.rmse(), sums.mean_error(), sums.r2().unwrap_or(f64::NEG_INFINITY)]
    });
    let [mae_interval, rmse_interval, mean_error_interval, r2_interval] = intervals;
    let r2 = sums.r2();
    let is_finite = r2_interval.iter().all(|end| end.is_finite());
    let spearman = spearman(scored);
    Metrics {
        name: name.to_owned(),
        n_images: scored.len(),
        mae: sums.mae(),
        mae_interval,
        rmse: sums.rmse(),
        rmse_interval,
        mean_error: sums.mean_error(),
        mean_error_interval,
        r2,
        r2_interval: r2.filter(|_| is_finite).map(|_| r2_interval),
        spearman,
        spearman_interval: spearman.and_then(|r| rank_interval(r, scored.len())),
        deviation: sums.variance().sqrt(),
    }
}

/// The metrics that each epoch has: the root of the mean squared error, R² and the rank correlation.
pub fn of_epoch(scored: &[Scored]) -> (f64, Option<f64>, Option<f64>) {
    let sums = Sums::of(scored.iter().copied());
    (sums.rmse(), sums.r2(), spearman(scored))
}

/// Sums over images. Numbers are counted from the first one, so that few digits are lost in the sums
/// of squares of large numbers.
#[derive(Default)]
struct Sums {
    n: f64,
    errors: f64,
    absolute: f64,
    squares: f64,
    numbers: f64,
    numbers_squared: f64,
}

impl Sums {
    fn of(scored: impl Iterator<Item = Scored>) -> Self {
        let mut sums = Self::default();
        let mut origin = None;
        for one in scored {
            let error = one.error();
            let from_origin = one.number - *origin.get_or_insert(one.number);
            sums.n += 1.0;
            sums.errors += error;
            sums.absolute += error.abs();
            sums.squares += error * error;
            sums.numbers += from_origin;
            sums.numbers_squared += from_origin * from_origin;
        }
        sums
    }

    fn mae(&self) -> f64 {
        self.absolute / self.n
    }

    fn rmse(&self) -> f64 {
        (self.squares / self.n).sqrt()
    }

    fn mean_error(&self) -> f64 {
        self.errors / self.n
    }

    /// Variance of the numbers, that of the population.
    fn variance(&self) -> f64 {
        let mean = self.numbers / self.n;
        (self.numbers_squared / self.n - mean * mean).max(0.0)
    }

    fn r2(&self) -> Option<f64> {
        let variance = self.variance();
        (variance > 0.0).then(|| 1.0 - self.squares / self.n / variance)
    }
}

/// Spearman's rank correlation: Pearson's correlation of the ranks, of which equal values have the
/// mean.
fn spearman(scored: &[Scored]) -> Option<f64> {
    let numbers: Vec<f64> = scored.iter().map(|one| one.number).collect();
    let estimates: Vec<f64> = scored.iter().map(|one| one.estimate).collect();
    let [a, b] = [ranks(&numbers), ranks(&estimates)];
    let mean = f64::midpoint(scored.len() as f64, 1.0);
    let product = |x: &[f64], y: &[f64]| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| (product(&a, &b) / scale).clamp(-1.0, 1.0))
}

/// The rank of each value from 1 on; equal values have the mean of their ranks.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let same = order[start..].iter().take_while(|&&at| values[at] == values[order[start]]);
        let end = start + same.count();
        let rank = (start + 1 + end) as f64 / 2.0;
        order[start..end].iter().for_each(|&at| ranks[at] = rank);
        start = end;
    }
    ranks
}

/// The 95 % interval of a rank correlation of `n` images.
fn rank_interval(r: f64, n: usize) -> Option<[f64; 2]> {
    if n < 4 {
        return None;
    }
    let half = Z * ((1.0 + r * r / 2.0) / (n as f64 - 3.0)).sqrt();
    let fisher = libm::atanh(r);
    Some([libm::tanh(fisher - half), libm::tanh(fisher + half)])
}
