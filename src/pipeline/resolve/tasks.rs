//! Resolves the tasks under `stages:`, which are evaluations and exports.

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::{RawEvaluate, RawExport, RawFromWeights, RawSplitPart};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    DatasetSpec, EvaluateOn, EvaluateSpec, ExportSpec, FromWeights, Location, SplitPart, StageSpec,
    TaskSpec,
};

/// Resolves an evaluation.
pub(super) fn evaluate(
    raw: &RawEvaluate,
    from: String,
    at: &KeyPath,
    dataset: &DatasetSpec,
    locate: &impl Fn(&KeyPath, &str) -> Location,
    problems: &mut Vec<Problem>,
) -> EvaluateSpec {
    let on = match (raw.split, &raw.directory) {
        (Some(_), Some(_)) => {
            let message = "`split` and `directory` both specify the images to evaluate on";
            let problem = Problem::new(Code::Conflict, at.key("directory"), message);
            problems.push(problem.hint("keep one of the two"));
            EvaluateOn::Split(SplitPart::Validation)
        }
        (None, Some(directory)) => EvaluateOn::Directory(locate(&at.key("directory"), directory)),
        (Some(RawSplitPart::Validation), None) => EvaluateOn::Split(SplitPart::Validation),
        (Some(RawSplitPart::Test) | None, None) => {
            if dataset.split.test == 0.0 {
                let at = if raw.split.is_some() { at.key("split") } else { at.clone() };
                let message = "the dataset has no test set";
                problems.push(Problem::new(Code::Conflict, at, message).hint(
                    "hold out images with `dataset.split.test`, or write `split: validation`",
                ));
            }
            EvaluateOn::Split(SplitPart::Test)
        }
    };
    EvaluateSpec { from, from_weights: from_weights(raw.from_weights), on }
}

/// Resolves an export.
pub(super) fn export(raw: &RawExport, from: String) -> ExportSpec {
    let RawExport { normalised, .. } = *raw;
    ExportSpec { from, from_weights: from_weights(raw.from_weights), normalised }
}

fn from_weights(raw: Option<RawFromWeights>) -> FromWeights {
    match raw {
        Some(RawFromWeights::Last) => FromWeights::Last,
        Some(RawFromWeights::Best) | None => FromWeights::Best,
    }
}

/// Checks that each task uses the model of a training stage.
pub(super) fn check_references(
    tasks: &[(TaskSpec, KeyPath)],
    stages: &[StageSpec],
    problems: &mut Vec<Problem>,
) {
    let names = || stages.iter().map(|stage| stage.name.as_str());
    for (task, at) in tasks {
        let (name, from) = (&task.name, task.from());
        if names().any(|stage| stage == from) {
            continue;
        }
        let problem = if from.is_empty() {
            let message = format!("no training stage above `{name}` provides a model for it");
            Problem::new(Code::UnknownStage, at.clone(), message)
                .hint("move it below a training stage, or name one with `from`")
        } else {
            let message =
                format!("`{name}` takes the model of `{from}`, which is not a training stage");
            let hint = match text::nearest(from, names(), 1)[..] {
                [nearest] => format!("did you mean `{nearest}`?"),
                _ => format!("the training stages are {}", text::all_of(names())),
            };
            Problem::new(Code::UnknownStage, at.key("from"), message).hint(hint)
        };
        problems.push(problem);
    }
}
