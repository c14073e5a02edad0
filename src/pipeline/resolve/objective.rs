//! Resolves the loss of a stage and its class weights.

use crate::pipeline::raw::{
    RawClassWeight, RawClassWeights, RawClassWeightsRule, RawEffective, RawEffectiveWeights,
    defaults,
};
use crate::spec::ClassWeightsSpec;

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
