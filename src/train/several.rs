//! The loss of images that may have several classes: a cross-entropy for each class.

use super::class_weights::class_weights;
use super::objective::TrainingLoss;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::spec::ClassWeightsSpec;

/// The loss of images that may have several classes: the mean over the classes of the binary
/// cross-entropy, or of the focal loss, of each output by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeveralLoss {
    /// The exponent of the focal loss; 0 for the cross-entropy.
    pub gamma: f64,
    /// Part of each label that is replaced by one half, as in Keras's `BinaryCrossentropy`.
    pub smoothing: f64,
    /// Weight of the images that have each class, as PyTorch's `pos_weight`; `None` if all have the
    /// weight 1.
    pub positive_weights: Option<Vec<f64>>,
}

impl SeveralLoss {
    /// The mean loss of a batch and its gradient by the logits `[n, classes]`.
    pub fn evaluate(&self, logits: &Tensor, targets: &[Target]) -> (f64, Tensor) {
        let n_classes = logits.shape()[1];
        let n = (targets.len() * n_classes) as f64;
        let losses: Vec<TrainingLoss> = (0..n_classes).map(|class| self.of_class(class)).collect();
        let mut loss = 0.0;
        let mut slope = Vec::with_capacity(logits.values().len());
        for (row, target) in logits.rows().zip(targets) {
            for (class, (logit, of_class)) in row.chunks_exact(1).zip(&losses).enumerate() {
                let (own, slopes) = of_class.of_image(logit, usize::from(target.has(class)));
                loss += own;
                slope.push((slopes[0] / n) as f32);
            }
        }
        (loss / n, Tensor::new(logits.shape(), slope))
    }

    /// The loss of one class: whether an image has it is a choice between two.
    fn of_class(&self, class: usize) -> TrainingLoss {
        let Self { gamma, smoothing, .. } = *self;
        let class_weights = self.positive_weights.as_ref().map(|weights| vec![1.0, weights[class]]);
        TrainingLoss { gamma, smoothing, class_weights }
    }
}

/// `balanced` weights of the images that have each class: how many images lack it for each that has
/// it, so that both contribute the same to the loss (PyTorch's `pos_weight`). A class that no image has
/// or all have keeps the weight 1.
fn balanced_weights(counts: &[usize], n_images: usize) -> Vec<f64> {
    let weight = |&count: &usize| match (count, n_images - count) {
        (0, _) | (_, 0) => 1.0,
        (with, without) => without as f64 / with as f64,
    };
    counts.iter().map(weight).collect()
}

/// The weights of the images that have each class; `None` if all have the weight 1.
///
/// # Panics
/// When weights are by the effective number of images, or a class has no name in the spec. Both are
/// checked before a run starts.
pub fn positive_weights(
    spec: &ClassWeightsSpec,
    classes: &[String],
    counts: &[usize],
    n_images: usize,
) -> Option<Vec<f64>> {
    match spec {
        ClassWeightsSpec::Balanced => Some(balanced_weights(counts, n_images)),
        ClassWeightsSpec::None | ClassWeightsSpec::ByName(_) => {
            class_weights(spec, classes, counts)
        }
        ClassWeightsSpec::Effective { .. } => unreachable!("it is refused in a pipeline"),
    }
}
