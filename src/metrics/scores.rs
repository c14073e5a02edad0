//! What one prediction is worth, for comparisons of models on the same images.

use super::calibration::surprise;
use super::{number, predicted, several};
use crate::base::target::Target;

/// The accuracy and the loss of one prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// 1 if the prediction is right, else 0; of several labels, all of them must be right. `None` for
    /// numbers.
    pub accuracy: Option<f64>,
    /// The log loss, in nats; of several labels, its mean over the classes; of a number, the absolute
    /// error.
    pub loss: f64,
}

impl Scores {
    /// Of a target and its prediction: the probability of each class, or one number.
    pub fn of(target: &Target, outputs: &[f64]) -> Self {
        let is = |right: bool| Some(f64::from(u8::from(right)));
        match target {
            Target::Class(label) => {
                Self { accuracy: is(predicted(outputs) == *label), loss: surprise(outputs[*label]) }
            }
            Target::Classes(labels) => {
                let scored = several::Scored { labels, probabilities: outputs };
                Self { accuracy: is(scored.is_exact()), loss: scored.log_loss() }
            }
            Target::Number(number) => {
                let scored = number::Scored { number: *number, estimate: outputs[0] };
                Self { accuracy: None, loss: scored.error().abs() }
            }
        }
    }
}
