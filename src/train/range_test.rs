//! The learning-rate range test: the loss of each step while the learning rate grows (Smith 2017,
//! arXiv 1506.01186, section 3.3).

use super::evaluate::RunningMean;
use super::fit::{self, Course};
use super::{FeatureSource, TrainError};
use crate::engine::Trainer;

/// The learning rates of a range test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RangeTest {
    /// Learning rate of the first step.
    pub from: f64,
    /// Learning rate of the last step.
    pub to: f64,
    /// Number of steps.
    pub n_steps: usize,
}

impl RangeTest {
    /// The learning rate of a step. It grows by the same factor from step to step.
    pub fn rate(&self, step: usize) -> f64 {
        let share = step as f64 / (self.n_steps - 1).max(1) as f64;
        self.from * libm::pow(self.to / self.from, share)
    }
}

/// A step of a range test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    /// Learning rate.
    pub rate: f64,
    /// Mean loss of the batch before its step.
    pub loss: f64,
    /// Average loss around the step.
    pub average: f64,
}

/// A test ends when the exponential moving average of the loss, with this weight of the old average,
/// has grown to this multiple of its lowest value, as in fastai.
const SMOOTHING: f64 = 0.98;
const DIVERGED: f64 = 4.0;

/// Standard deviation of the weights of an average, as a fraction of the steps.
const WIDTH: f64 = 0.04;

/// Trains with a growing learning rate until the loss has diverged or the steps are over. The
/// trainer is left with the weights of the last step.
///
/// # Errors
/// When a batch cannot be prepared, an engine fails, or the test is canceled.
pub fn run(
    course: &Course<'_>,
    source: &mut dyn FeatureSource,
    trainer: &mut dyn Trainer,
    test: &RangeTest,
) -> Result<Vec<Tried>, TrainError> {
    let mut tried: Vec<Tried> = vec![];
    let (mut sum, mut lowest) = (0.0, f64::INFINITY);
    'test: for epoch in 1.. {
        let n_before = tried.len();
        let stream = course.stream.child("dropout").at(epoch as u64);
        for batch in source.training(epoch, 0) {
            let rate = test.rate(tried.len());
            let mut mean = RunningMean::default();
            fit::train_on(course, stream, trainer, batch?, rate, &mut mean)?;
            let loss = mean.value(&course.goal).loss;
            let n = tried.len() + 1;
            sum = SMOOTHING * sum + (1.0 - SMOOTHING) * loss;
            let smooth = sum / (1.0 - libm::pow(SMOOTHING, n as f64));
            lowest = smooth.min(lowest);
            if !loss.is_finite() || smooth > DIVERGED * lowest {
                break 'test;
            }
            tried.push(Tried { rate, loss, average: loss });
            if n == test.n_steps {
                break 'test;
            }
            fit::check_cancel(course, epoch)?;
        }
        if tried.len() == n_before {
            break;
        }
    }
    average(&mut tried, WIDTH * test.n_steps as f64);
    Ok(tried)
}

/// Averages the losses around each step, with weights from a normal distribution over the steps.
fn average(tried: &mut [Tried], deviation: f64) {
    let losses: Vec<f64> = tried.iter().map(|step| step.loss).collect();
    for (at, step) in tried.iter_mut().enumerate() {
        let (mut sum, mut total) = (0.0, 0.0);
        for (other, loss) in losses.iter().enumerate() {
            let distance = (other as f64 - at as f64) / deviation;
            let weight = libm::exp(-0.5 * distance * distance);
            sum += weight * loss;
            total += weight;
        }
        step.average = sum / total;
    }
}

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Learning rate at which the average loss falls fastest, by the logarithm of the rate.
    pub steepest: f64,
    /// Learning rate with the lowest average loss.
    pub lowest: f64,
}

/// Where the average loss falls fastest before its lowest point, and that point. `None` if the lowest
/// average is not below the first by more than twice its standard error, so that it may be chance.
pub fn find(tried: &[Tried]) -> Option<Found> {
    let (first, lowest) = (tried.first()?, lowest(tried)?);
    let n = tried.len() as f64;
    let off = tried[..lowest].iter().map(|step| (step.loss - step.average).powi(2));
    let variance = off.sum::<f64>() / (lowest.max(2) - 1) as f64;
    // The number of steps that an average is as good as.
    let n_averaged = 2.0 * std::f64::consts::PI.sqrt() * (WIDTH * n).max(1.0);
    let error = (variance / n_averaged).sqrt();
    if first.average - tried[lowest].average <= 2.0 * error {
        return None;
    }
    // The steps are evenly spaced by the logarithm of the rate.
    let fall = |at: usize| tried[at - 1].average - tried[at + 1].average;
    let inner = 1..lowest.min(tried.len() - 1);
    let steepest = inner.reduce(|a, b| if fall(b) > fall(a) { b } else { a })?;
    Some(Found { steepest: tried[steepest].rate, lowest: tried[lowest].rate })
}

/// The step with the lowest average loss.
fn lowest(tried: &[Tried]) -> Option<usize> {
    (0..tried.len()).reduce(|a, b| if tried[b].average < tried[a].average { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(losses: &[f64]) -> Vec<Tried> {
        let test = RangeTest { from: 1e-5, to: 1.0, n_steps: losses.len() };
        let steps = losses.iter().enumerate();
        let tried = steps.map(|(i, &loss)| Tried { rate: test.rate(i), loss, average: loss });
        let mut tried: Vec<Tried> = tried.collect();
        average(&mut tried, WIDTH * losses.len() as f64);
        tried
    }

    /// Noise of the golden ratio's multiples, in -0.5 to 0.5.
    fn noise(i: usize) -> f64 {
        (i as f64 * 0.618_033_988_749_895).fract() - 0.5
    }

    #[test]
    fn rates_grow_by_the_same_factor() {
        let test = RangeTest { from: 1e-4, to: 1.0, n_steps: 5 };
        for (step, expected) in [1e-4, 1e-3, 1e-2, 1e-1, 1.0].into_iter().enumerate() {
            assert!((test.rate(step) / expected - 1.0).abs() < 1e-12);
        }
        assert!((RangeTest { n_steps: 1, ..test }.rate(0) - 1e-4).abs() < 1e-18);
    }

    /// Flat, then a fall that is steepest at the 50th step, then a rise from the 70th on.
    #[test]
    fn the_suggestion_is_where_the_loss_falls_fastest() {
        let losses: Vec<f64> = (0..100)
            .map(|i| {
                let x = f64::from(i);
                let fall = 1.0 / (1.0 + ((x - 50.0) / 4.0).exp());
                let rise = if i > 70 { 0.1 * (x - 70.0) } else { 0.0 };
                fall + rise + 0.1 * noise(i as usize)
            })
            .collect();
        let tried = steps(&losses);
        let found = find(&tried).unwrap();
        let at = |rate: f64| tried.iter().position(|step| step.rate == rate).unwrap();
        assert!((47..=53).contains(&at(found.steepest)), "{}", at(found.steepest));
        assert!((60..=72).contains(&at(found.lowest)), "{}", at(found.lowest));
    }

    #[test]
    fn chance_and_a_loss_that_only_grows_have_no_suggestion() {
        let of = |loss: fn(usize) -> f64| {
            let losses: Vec<f64> = (0..60).map(loss).collect();
            find(&steps(&losses))
        };
        assert_eq!(of(|i| i as f64), None);
        assert_eq!(of(|_| 1.0), None);
        assert_eq!(of(noise), None);
        assert_eq!(find(&[]), None);
    }

    #[test]
    fn averages_of_a_straight_line_are_on_it() {
        let tried = steps(&(0..50).map(|i| 2.0 * f64::from(i)).collect::<Vec<_>>());
        for step in &tried[12..38] {
            assert!((step.average - step.loss).abs() < 1e-6, "{step:?}");
        }
    }
}
