//! Resolves stages that fit the head.

use super::augmentation;
use super::course::best_by;
use super::start::from_weights;
use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{RawHeadFit, RawL2, RawPenalty};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    FitMethod, FitSpec, HeadSpec, L2, PenaltySpec, PrototypesSpec, TargetSpec, TemperatureSpec,
};

pub(super) fn resolve(
    raw: &RawHeadFit,
    from: Option<String>,
    target: TargetSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> FitSpec {
    let (changes, views) = (&raw.augmentation, raw.augmentation_views);
    if raw.temperature.is_some() {
        check_temperature(raw, from.as_deref(), at, problems);
    } else if !changes.is_empty() && views.is_none() {
        let message = "a head is fitted to a fixed number of versions of each image";
        let problem = Problem::new(Code::Conflict, at.key("augmentation"), message);
        problems.push(problem.hint("add `augmentation_views: 4`, or leave `augmentation` out"));
    }
    let from_weights = from_weights(from.as_deref(), raw.from_weights, at, problems);
    FitSpec {
        from,
        from_weights,
        method: method(raw, target, at, problems),
        augmentation: augmentation::resolve(changes, views, at, problems),
        augmentation_views: views,
        best_by: best_by(raw.best_by),
    }
}

/// A head with hidden layers cannot be fitted at once.
pub(super) fn check_head(
    spec: &FitSpec,
    head: &HeadSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) {
    if head.hidden.is_empty() || matches!(spec.method, FitMethod::Temperature(_)) {
        return;
    }
    let message = "only a head of one layer can be fitted, and this one has hidden layers";
    let problem = Problem::new(Code::Conflict, at.clone(), message);
    problems.push(problem.hint("write `train` in its place, or remove `hidden` from `model.head`"));
}

/// The given method, or the one for the target.
fn method(
    raw: &RawHeadFit,
    target: TargetSpec,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> FitMethod {
    let is_number = target == TargetSpec::Number;
    let given = [
        ("logistic", raw.logistic.is_some()),
        ("ridge", raw.ridge.is_some()),
        ("prototypes", raw.prototypes.is_some()),
        ("temperature", raw.temperature.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(key, _)| *key).collect();
    let misfit = match given[..] {
        [first, .., second] => Some((
            second,
            format!("`{first}` and `{second}` both say how the head is fitted"),
            "keep one of them",
        )),
        ["logistic"] if is_number => Some((
            "logistic",
            "logistic regression is for classes, and not for numbers".to_owned(),
            "write `ridge`, or leave it out",
        )),
        ["ridge"] if !is_number => Some((
            "ridge",
            "ridge regression is for numbers, and not for classes".to_owned(),
            "write `logistic`, or leave it out",
        )),
        ["prototypes"] if target != TargetSpec::Class => Some((
            "prototypes",
            "prototypes are the means of classes, of which an image has one".to_owned(),
            "leave it out",
        )),
        ["temperature"] if is_number => Some((
            "temperature",
            "a temperature calibrates probabilities, and numbers have none".to_owned(),
            "leave this stage out",
        )),
        _ => None,
    };
    problems.extend(
        misfit.map(|(key, message, hint)| {
            Problem::new(Code::Conflict, at.key(key), message).hint(hint)
        }),
    );
    if raw.temperature.is_some() {
        return FitMethod::Temperature(TemperatureSpec {});
    }
    if raw.prototypes.is_some() {
        return FitMethod::Prototypes(PrototypesSpec {});
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

/// Reports what a temperature lacks or cannot use. `above` is the stage above it.
fn check_temperature(
    raw: &RawHeadFit,
    above: Option<&str>,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) {
    if raw.from.is_none() {
        let message = "a temperature needs `from`, the stage whose probabilities it calibrates";
        let problem = Problem::new(Code::MissingKey, at.key("temperature"), message);
        problems.push(problem.hint(match above {
            Some(stage) => format!("write `from: {stage}` beside it"),
            None => "put it after a stage that trains or fits the head".to_owned(),
        }));
    }
    if !raw.augmentation.is_empty() {
        let message = "a temperature is fitted to the validation images, which are not augmented";
        let problem = Problem::new(Code::Conflict, at.key("augmentation"), message);
        problems.push(problem.hint("leave `augmentation` out"));
    }
}
