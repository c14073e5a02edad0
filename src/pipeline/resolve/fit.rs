//! Resolves stages that fit the head.

use super::augmentation;
use super::course::best_by;
use super::start::from_weights;
use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{RawHeadFit, RawL2, RawPenalty};
use crate::spec::problem::{Code, Problem};
use crate::spec::{FitMethod, FitSpec, L2, PenaltySpec, TargetSpec};

pub(super) fn resolve(
    raw: &RawHeadFit,
    from: Option<String>,
    target: TargetSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> FitSpec {
    let from_weights = from_weights(from.as_deref(), raw.from_weights, at, problems);
    let (changes, views) = (&raw.augmentation, raw.augmentation_views);
    if !changes.is_empty() && views.is_none() {
        let message = "a head is fitted to a fixed number of versions of each image";
        let problem = Problem::new(Code::Conflict, at.key("augmentation"), message);
        problems.push(problem.hint("add `augmentation_views: 4`, or leave `augmentation` out"));
    }
    FitSpec {
        from,
        from_weights,
        method: method(raw, target, at, problems),
        augmentation: augmentation::resolve(changes, views, at, problems),
        augmentation_views: views,
        best_by: best_by(raw.best_by),
    }
}

/// The given method, or the one for the target.
fn method(
    raw: &RawHeadFit,
    target: TargetSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> FitMethod {
    let is_number = target == TargetSpec::Number;
    let mut conflict = |key: &str, message: &str, hint: &str| {
        problems.push(Problem::new(Code::Conflict, at.key(key), message).hint(hint));
    };
    match (raw.logistic, raw.ridge) {
        (Some(_), Some(_)) => conflict(
            "ridge",
            "`logistic` and `ridge` both say how the head is fitted",
            "keep one of them",
        ),
        (Some(_), None) if is_number => conflict(
            "logistic",
            "logistic regression is for classes, and not for numbers",
            "write `ridge`, or leave it out",
        ),
        (None, Some(_)) if !is_number => conflict(
            "ridge",
            "ridge regression is for numbers, and not for classes",
            "write `logistic`, or leave it out",
        ),
        _ => {}
    }
    let RawPenalty { l2 } = raw.logistic.or(raw.ridge).unwrap_or_default();
    let penalty = PenaltySpec {
        l2: match l2 {
            RawL2::Auto(_) => L2::Auto,
            RawL2::Fixed(l2) => L2::Fixed(l2),
        },
    };
    if is_number { FitMethod::Ridge(penalty) } else { FitMethod::Logistic(penalty) }
}
