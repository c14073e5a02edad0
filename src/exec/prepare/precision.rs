//! Checks that a network can be computed with the precision of a pipeline.

use crate::base::key_path::KeyPath;
use crate::model::fuse::{ConvolutionUnit, UnitKind};
use crate::model::network::Network;
use crate::spec::problem::{Code, Problem};
use crate::spec::{PipelineSpec, Precision};

/// Why the precision does not fit the network or the stages.
pub(super) fn check(spec: &PipelineSpec, network: &Network) -> Option<Problem> {
    let precision = spec.model.precision;
    let conflict = |message: String, hint: &str| {
        let at = KeyPath::of(&["model", "precision"]);
        Problem::new(Code::Conflict, at, message).hint(hint.to_owned())
    };
    if network.is_opaque() && !precision.is_f32() {
        let message = "this base model runs as a whole, by an ONNX library that computes in `f32`";
        return Some(conflict(message.to_owned(), "remove `precision`"));
    }
    if precision != Precision::Int8 {
        return None;
    }
    let frozen = network.units[..network.n_int8_units].iter().filter_map(|unit| match &unit.kind {
        UnitKind::Convolution(convolution) => Some(convolution),
        _ => None,
    });
    let frozen: Vec<&ConvolutionUnit> = frozen.collect();
    if frozen.is_empty() {
        let stage =
            spec.stages.iter().min_by_key(|stage| network.first_trainable(stage.freeze()))?;
        let message = format!(
            "`int8` is for the layers that no stage trains, and stage `{}` trains them all",
            stage.name
        );
        let hint = "write `unfreeze_from` in that stage, or `precision: bf16`";
        return Some(conflict(message, hint));
    }
    if frozen.iter().all(|convolution| convolution.norm.is_none()) {
        let message = "`int8` needs batch normalizations, which tell the range of values, and the frozen \
                       layers of this base model have none";
        return Some(conflict(message.to_owned(), "remove `precision`, or write `bf16`"));
    }
    None
}
