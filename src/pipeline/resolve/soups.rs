//! Checks which stages are averaged.

use super::start;
use crate::base::key_path::KeyPath;
use crate::spec::problem::{Code, Problem};
use crate::spec::{BatchNormSpec, FreezeSpec, StageSpec, TrainedSpec};

/// Reports stages of a soup that do not exist, or have other trained layers or another start.
pub(super) fn check(stages: &[StageSpec], problems: &mut Vec<Problem>) {
    for stage in stages {
        for (position, name) in stage.soup_with().iter().enumerate() {
            let path = ["stages", &stage.name, "train", "soup", "with"];
            let at = KeyPath::of(&path).index(position);
            match stages.iter().find(|other| other.name == *name) {
                None => problems.push(unknown(name, stage, stages, at)),
                Some(_) if stage.soup_with()[..position].contains(name) => {
                    let message = format!("stage `{name}` is there twice");
                    problems.push(Problem::new(Code::Conflict, at, message).hint("name it once"));
                }
                Some(other) if other.name == stage.name => {
                    let message = format!("stage `{name}` is averaged with itself");
                    let problem = Problem::new(Code::StageCycle, at, message);
                    problems.push(problem.hint("its own epochs are in `epochs` of `soup`"));
                }
                Some(other) => problems.extend(misfit(stage, other, at)),
            }
        }
    }
}

fn unknown(name: &str, stage: &StageSpec, stages: &[StageSpec], at: KeyPath) -> Problem {
    let hint = start::hint(name, &stage.name, stages, "with");
    let message = format!("stage `{}` averages with `{name}`, which is not a stage", stage.name);
    Problem::new(Code::UnknownStage, at, message).hint(hint)
}

/// Averages are only good around the same start: two heads that begin with other random numbers have
/// nothing in common.
fn misfit(stage: &StageSpec, other: &StageSpec, at: KeyPath) -> Option<Problem> {
    let (name, own) = (&other.name, &stage.name);
    let (what, hint) = if other.start() != stage.start() {
        let from = match (stage.from(), other.from()) {
            (Some(from), _) if from != name => format!("write `from: {from}` in `{name}`"),
            (_, Some(from)) if from != own => format!("write `from: {from}` in `{own}`"),
            _ => {
                let head = "`head: { fit: {} }`";
                format!("put a stage before both, such as {head}, and write `from: head` in both")
            }
        };
        ("start from", from)
    } else if trained(other) != trained(stage) {
        let keys = "`freeze`, `unfreeze_from`, `unfreeze_last`, `parameters` and `batch_norm`";
        ("train", format!("give both the same {keys}"))
    } else {
        return None;
    };
    let message =
        format!("`{own}` and `{name}` {what} different weights, so their average has no meaning");
    Some(Problem::new(Code::Conflict, at, message).hint(hint))
}

/// What decides which weights a stage changes.
fn trained(stage: &StageSpec) -> (&FreezeSpec, TrainedSpec, BatchNormSpec) {
    let train = stage.train();
    let parameters = train.map_or(TrainedSpec::All, |train| train.parameters);
    let batch_norm = train.map_or(BatchNormSpec::Frozen, |train| train.batch_norm);
    (stage.freeze(), parameters, batch_norm)
}
