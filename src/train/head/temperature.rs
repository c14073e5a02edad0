//! Temperature scaling: one number that divides all outputs, so that probabilities fit images that the
//! model was not trained on (Guo et al. 2017, arXiv 1706.04599, section 4.2).

use rayon::prelude::*;

use super::link::{Link, Wanted};
use crate::base::cancel::Cancel;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::train::readout::Readout;

/// The lowest and the highest temperature.
pub const RANGE: [f64; 2] = [0.05, 20.0];
/// The relative change at which the search ends.
const TOLERANCE: f64 = 1e-13;
/// The most steps of the search. Newton's method takes about ten, and halving at most fifty.
const MOST_STEPS: usize = 200;

/// A temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temperature {
    /// What outputs are divided by.
    pub value: f64,
    /// Whether the loss has its minimum there.
    pub found: Found,
}

/// Where the loss has its minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// At the temperature.
    Minimum,
    /// Below or above the range; the temperature is the nearest end.
    OutOfRange,
    /// Nowhere, since every image is classified correctly: the loss falls with the temperature, down to
    /// zero. The temperature is 1, which changes nothing.
    Separable,
}

/// Finds the temperature with the lowest mean loss of outputs `[n, outputs]`. The loss is convex in its
/// inverse: Newton's method finds it, within bounds that each step narrows.
///
/// Returns `None` if it was canceled.
///
/// # Panics
/// When outputs are numbers, or there is not one target for each image, or there are none.
pub fn fit(
    outputs: &Tensor,
    targets: &[Target],
    readout: Readout,
    cancel: &Cancel,
) -> Option<Temperature> {
    let n_outputs = outputs.shape()[1];
    let link = Link::of(readout, n_outputs);
    assert!(link != Link::Identity, "numbers have no temperature");
    assert!(!targets.is_empty() && outputs.values().len() == targets.len() * n_outputs);
    let images = Images { outputs, wanted: &link.targets(targets, readout), link };
    if images.are_separable() {
        return Some(Temperature { value: 1.0, found: Found::Separable });
    }
    let [mut low, mut high] = [1.0 / RANGE[1], 1.0 / RANGE[0]];
    let slope_at = |inverse: f64| images.derivatives(inverse).0;
    let end = if slope_at(low) > 0.0 {
        Some(low)
    } else if slope_at(high) < 0.0 {
        Some(high)
    } else {
        None
    };
    if let Some(end) = end {
        return Some(Temperature { value: 1.0 / end, found: Found::OutOfRange });
    }
    let mut inverse = 1.0;
    for _ in 0..MOST_STEPS {
        if cancel.is_set() {
            return None;
        }
        let (slope, curvature) = images.derivatives(inverse);
        if slope < 0.0 {
            low = inverse;
        } else {
            high = inverse;
        }
        let newton = inverse - slope / curvature;
        // In a flat part a step may be too long, or not a number.
        let is_inside = newton > low && newton < high;
        let next = if is_inside || slope == 0.0 { newton } else { (low * high).sqrt() };
        let change = (next - inverse).abs();
        inverse = next;
        if change <= TOLERANCE * inverse {
            break;
        }
    }
    Some(Temperature { value: 1.0 / inverse, found: Found::Minimum })
}

/// The outputs of some images, and what they should be.
struct Images<'a> {
    outputs: &'a Tensor,
    wanted: &'a [Wanted],
    link: Link,
}

impl Images<'_> {
    fn rows(&self) -> impl IndexedParallelIterator<Item = (&[f32], &Wanted)> {
        let n_outputs = self.outputs.shape()[1];
        self.outputs.values().par_chunks_exact(n_outputs).zip(self.wanted)
    }

    /// The first two derivatives of the mean loss by the inverse temperature. Sums are in the order of
    /// the images.
    fn derivatives(&self, inverse: f64) -> (f64, f64) {
        let parts: Vec<[f64; 2]> = self
            .rows()
            .map(|(row, wanted)| {
                let row: Vec<f64> = row.iter().map(|&z| f64::from(z)).collect();
                let mut slopes: Vec<f64> = row.iter().map(|z| z * inverse).collect();
                let mut probabilities = slopes.clone();
                self.link.slope(&mut slopes, wanted);
                self.link.probabilities(&mut probabilities);
                let mut curve = row.clone();
                self.link.curve(&mut curve, &probabilities);
                let along = |of: &[f64]| of.iter().zip(&row).map(|(d, z)| d * z).sum::<f64>();
                [along(&slopes), along(&curve)]
            })
            .collect();
        let n = parts.len() as f64;
        let sum = |at: usize| parts.iter().map(|part| part[at]).sum::<f64>() / n;
        (sum(0), sum(1))
    }

    /// Whether no output contradicts what is wanted.
    fn are_separable(&self) -> bool {
        self.rows().all(|(row, wanted)| {
            let Wanted::Classes(classes) = wanted else { unreachable!("there are no numbers") };
            match self.link {
                Link::Softmax => row.iter().all(|z| *z <= row[classes[0] as usize]),
                _ => row.iter().enumerate().all(|(class, z)| {
                    if classes.contains(&(class as u32)) { *z >= 0.0 } else { *z <= 0.0 }
                }),
            }
        })
    }
}
