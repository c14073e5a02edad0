//! Resolves the images, the loss and the class weights of a stage.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{
    RawClassWeight, RawClassWeights, RawClassWeightsRule, RawEffective, RawEffectiveWeights,
    RawFocal, RawHuber, RawLoss, RawSampling, defaults,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{ClassWeightsSpec, LossSpec, SamplingSpec, TargetSpec};

pub(super) fn loss(raw: Option<RawLoss>, target: TargetSpec) -> LossSpec {
    match (raw, target) {
        (None, TargetSpec::Class | TargetSpec::Classes) => LossSpec::CrossEntropy,
        (None, TargetSpec::Number) => LossSpec::Mse,
        (Some(RawLoss::CrossEntropy), _) => LossSpec::CrossEntropy,
        (Some(RawLoss::Focal(RawFocal { gamma })), _) => LossSpec::Focal { gamma },
        (Some(RawLoss::Mse), _) => LossSpec::Mse,
        (Some(RawLoss::Huber(RawHuber { delta })), _) => LossSpec::Huber { delta },
    }
}

pub(super) fn sampling(
    raw: RawSampling,
    weights: &ClassWeightsSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> SamplingSpec {
    match (raw, weights) {
        (RawSampling::Shuffled, _) => SamplingSpec::Shuffled,
        (RawSampling::Balanced, weights) => {
            use ClassWeightsSpec::{Balanced, Effective};
            if matches!(weights, Balanced | Effective { .. }) {
                let message = "`sampling` and `class_weights` both make up for uneven classes, so \
                               that rare ones would count twice";
                let problem = Problem::new(Code::Conflict, at.key("sampling"), message);
                problems.push(problem.hint("keep one of them, or name the weight of each class"));
            }
            SamplingSpec::Balanced
        }
    }
}

pub(super) fn class_weights(raw: &RawClassWeights) -> ClassWeightsSpec {
    match raw {
        RawClassWeights::Rule(RawClassWeightsRule::None) => ClassWeightsSpec::None,
        RawClassWeights::Rule(RawClassWeightsRule::Balanced) => ClassWeightsSpec::Balanced,
        RawClassWeights::Rule(RawClassWeightsRule::Effective) => {
            ClassWeightsSpec::Effective { beta: defaults::effective_beta() }
        }
        RawClassWeights::Effective(RawEffectiveWeights { effective: RawEffective { beta } }) => {
            ClassWeightsSpec::Effective { beta: *beta }
        }
        RawClassWeights::ByName(weights) => {
            let weights = weights.iter().map(|(name, RawClassWeight(w))| (name.clone(), *w));
            ClassWeightsSpec::ByName(weights.collect())
        }
    }
}
