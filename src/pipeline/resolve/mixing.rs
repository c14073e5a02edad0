//! Resolves random mixtures of the images of a batch.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{RawCutMix, RawMixUp, RawMixing};
use crate::spec::problem::{Code, Problem};
use crate::spec::{BetaSpec, MixingSpec};

/// Mixtures as they are given.
pub(super) fn resolve(raw: RawMixing, at: &KeyPath, problems: &mut Vec<Problem>) -> MixingSpec {
    let RawMixing { mix_up, cut_mix, probability } = raw;
    if mix_up.is_none() && cut_mix.is_none() {
        let message = "`mixing` does not say how images are mixed";
        let hint = "write `mixing: { mix_up: {} }`, `mixing: { cut_mix: {} }`, or both";
        problems.push(Problem::new(Code::Conflict, at.clone(), message).hint(hint));
    }
    let beta = |alpha: f64| BetaSpec { alpha };
    MixingSpec {
        mix_up: mix_up.map(|RawMixUp { alpha }| beta(alpha)),
        cut_mix: cut_mix.map(|RawCutMix { alpha }| beta(alpha)),
        probability,
    }
}
