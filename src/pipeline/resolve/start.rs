//! Resolves where a stage starts from.

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::RawFromWeights;
use crate::spec::problem::{Code, Problem};
use crate::spec::{FromWeights, StageSpec};

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

/// A hint on a name that is not that of another stage than `own`, under a key.
pub(super) fn hint(name: &str, own: &str, stages: &[StageSpec], key: &str) -> String {
    let others = || stages.iter().map(|stage| stage.name.as_str()).filter(|other| *other != own);
    match text::nearest(name, others(), 1)[..] {
        [nearest] => format!("did you mean `{nearest}`?"),
        _ if stages.len() == 1 => format!("this is the only stage; leave `{key}` out"),
        _ => format!("the other stages are {}", text::any_of(others())),
    }
}
