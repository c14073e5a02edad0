//! Resolves where a stage starts from.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::RawFromWeights;
use crate::spec::FromWeights;
use crate::spec::problem::{Code, Problem};

/// The weights of another stage that a stage starts from.
pub(super) fn from_weights(
    from: Option<&str>,
    raw: Option<RawFromWeights>,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> Option<FromWeights> {
    if from.is_none() && raw.is_some() {
        let message = "the first stage starts from no other, so `from_weights` has no effect";
        problems.push(Problem::new(Code::Conflict, at.key("from_weights"), message));
    }
    from.is_some().then_some(match raw {
        Some(RawFromWeights::Last) => FromWeights::Last,
        Some(RawFromWeights::Best) | None => FromWeights::Best,
    })
}
