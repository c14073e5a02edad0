//! Resolves which weights of the layers that are not frozen are trained, and how fast.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{RawTrain, RawTrained};
use crate::spec::problem::{Code, Problem};
use crate::spec::{BaseModel, FreezeSpec, ModelSpec, TrainedSpec};

/// The weights that are trained, and the factor of the learning rate from block to block.
pub(super) fn resolve(
    raw: &RawTrain,
    freeze: &FreezeSpec,
    model: &ModelSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> (TrainedSpec, Option<f64>) {
    let parameters = match raw.parameters {
        RawTrained::All => TrainedSpec::All,
        RawTrained::Normalization => TrainedSpec::Normalization,
        RawTrained::Biases => TrainedSpec::Biases,
    };
    let mut conflict = |key: &str, message: String, hint: &str| {
        problems.push(Problem::new(Code::Conflict, at.key(key), message).hint(hint));
    };
    let given = [("parameters", !parameters.is_all()), ("layer_decay", raw.layer_decay.is_some())];
    if *freeze == FreezeSpec::All {
        for (key, _) in given.into_iter().filter(|(_, is)| *is) {
            let message = format!("`{key}` has no effect when the whole base model is frozen");
            conflict(key, message, "remove it, or write `freeze: none` or `unfreeze_from`");
        }
    } else if raw.layer_decay.is_some() && matches!(model.base, BaseModel::Onnx(_)) {
        let message = "the blocks of a base model from a file are not known, so `layer_decay` \
                       cannot be applied to them"
            .to_owned();
        conflict("layer_decay", message, "remove it, and use a smaller `learning_rate`");
    }
    (parameters, raw.layer_decay)
}
