//! Resolves the images, the loss and the class weights of a stage.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{
    RawClassWeight, RawClassWeights, RawClassWeightsRule, RawEffective, RawEffectiveWeights,
    RawFocal, RawLoss, RawSampling, defaults,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{ClassWeightsSpec, LossSpec, SamplingSpec};

pub(super) fn loss(raw: RawLoss) -> LossSpec {
    match raw {
        RawLoss::CrossEntropy => LossSpec::CrossEntropy,
        RawLoss::Focal(RawFocal { gamma }) => LossSpec::Focal { gamma },
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
