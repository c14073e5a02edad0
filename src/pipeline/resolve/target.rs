//! Checks that everything in a pipeline fits what its model learns: one class, several classes or a
//! number.

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::{RawLabels, RawPipeline, RawTarget};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    BestBy, ClassWeightsSpec, DatasetSource, DatasetSpec, EvaluateOn, EvaluateSpec, LimitSpec,
    LossSpec, ModelSpec, SamplingSpec, ShardsSpec, StageSpec, TableSpec, TargetSpec, TaskKind,
    TaskSpec, TopSpec, TrainSpec,
};

/// A value that does not fit: its place, what is wrong, and what to do.
type Misfit = (KeyPath, String, &'static str);

/// Reports values of the dataset, the model and the training stages that do not fit the target.
pub(super) fn check(
    raw: &RawPipeline,
    dataset: &DatasetSpec,
    model: &ModelSpec,
    stages: &[StageSpec],
    problems: &mut Vec<Problem>,
) {
    let at = KeyPath::of(&["dataset"]);
    if (raw.dataset.labels, raw.dataset.target) == (RawLabels::Many, RawTarget::Number) {
        let message = "`labels: many` and `target: number` exclude each other";
        let problem = Problem::new(Code::Conflict, at.key("labels"), message);
        problems.push(problem.hint("an image has classes or a number; keep one of the two"));
    }
    let mut misfits = of_dataset(dataset, &at);
    if dataset.target != TargetSpec::Class && model.top == TopSpec::Pretrained {
        misfits.push((
            KeyPath::of(&["model", "top"]),
            "the ImageNet classifier gives each image one class".to_owned(),
            "write `top: new`",
        ));
    }
    for stage in stages {
        let at = KeyPath::of(&["stages", &stage.name, stage.key()]);
        misfits.extend(
            stage
                .train()
                .map(|train| of_training(dataset.target, train, &at))
                .into_iter()
                .flatten(),
        );
        misfits.extend(of_metric(dataset.target, stage.best_by(), &at));
    }
    problems.extend(misfits.into_iter().map(problem));
}

/// Reports evaluations that the target does not allow.
pub(super) fn check_tasks(target: TargetSpec, tasks: &[TaskSpec], problems: &mut Vec<Problem>) {
    for TaskSpec { name, kind } in tasks {
        if let (TargetSpec::Number, TaskKind::Evaluate(EvaluateSpec { on, .. })) = (target, kind)
            && matches!(on, EvaluateOn::Directory(_))
        {
            let at = KeyPath::of(&["stages", name, "evaluate", "directory"]);
            let message = "directories have no numbers to evaluate on".to_owned();
            problems.push(problem((
                at,
                message,
                "evaluate on `split: test` or `split: validation`",
            )));
        }
    }
}

fn problem((at, message, hint): Misfit) -> Problem {
    Problem::new(Code::Conflict, at, message).hint(hint)
}

fn of_dataset(dataset: &DatasetSpec, at: &KeyPath) -> Vec<Misfit> {
    let what = words(dataset.target);
    let mut misfits = vec![];
    let mut add = |key: &str, message: String, hint| misfits.push((at.key(key), message, hint));
    let is_many = dataset.target == TargetSpec::Classes;
    match (&dataset.source, dataset.target) {
        (DatasetSource::Directory { .. }, TargetSpec::Number) => {
            add("directory", "directories are classes, not numbers".to_owned(), TABLE);
        }
        (DatasetSource::Archive { .. }, TargetSpec::Number) => {
            add("archive", "directories are classes, not numbers".to_owned(), TABLE);
        }
        (DatasetSource::Parts(_), TargetSpec::Number) => {
            add("train", "directories are classes, not numbers".to_owned(), TABLE);
        }
        (DatasetSource::Generator { .. }, TargetSpec::Classes | TargetSpec::Number) => {
            let hint = "use a directory or a table, or leave `labels` and `target` out";
            add("generator", "each drawn image is of one class".to_owned(), hint);
        }
        (
            DatasetSource::Table(TableSpec { columns, .. })
            | DatasetSource::Shards(ShardsSpec { columns, .. }),
            TargetSpec::Class | TargetSpec::Number,
        ) if columns.separator.is_some() => {
            let hint = "write `labels: many` under `dataset`, or leave it out";
            let at = at.key("columns").key("separator");
            misfits.push((at, "`separator` is for several labels an image".to_owned(), hint));
        }
        _ => {}
    }
    if dataset.target == TargetSpec::Number && dataset.classes.is_some() {
        let hint = "leave `classes` out, or write `target: class`";
        misfits.push((at.key("classes"), format!("there are no classes with {what}"), hint));
    }
    if dataset.limit.is_some() && dataset.unites_copies() {
        let hint = "write the labels into a table, and name it as `table`";
        let message = "`limit` could leave out some of the files of an image, and with them labels";
        misfits.push((at.key("limit"), message.to_owned(), hint));
    } else if let (Some(LimitSpec::PerClass { .. }), true) =
        (dataset.limit, is_many || dataset.target == TargetSpec::Number)
    {
        let hint = "write the number of all images, such as `limit: 200`";
        let message = format!("images cannot be counted by class with {what}");
        misfits.push((at.key("limit").key("per_class"), message, hint));
    }
    misfits
}

const TABLE: &str = "write the number of each image into a table, and name it as `table`";

fn of_training(target: TargetSpec, stage: &TrainSpec, at: &KeyPath) -> Vec<Misfit> {
    let what = words(target);
    let mut misfits: Vec<Misfit> = vec![];
    let mut add = |key: &str, message: String, hint| misfits.push((at.key(key), message, hint));
    match (stage.loss, target) {
        (LossSpec::Mse | LossSpec::Huber { .. }, TargetSpec::Class | TargetSpec::Classes) => {
            let hint =
                "write `loss: cross_entropy` or `focal`, or `target: number` under `dataset`";
            add("loss", "this loss is for numbers, and not for classes".to_owned(), hint);
        }
        (LossSpec::CrossEntropy | LossSpec::Focal { .. }, TargetSpec::Number) => {
            let hint = "write `loss: mse` or `loss: { huber: { delta: 1.0 } }`";
            add("loss", "this loss is for classes, and not for numbers".to_owned(), hint);
        }
        _ => {}
    }
    match (&stage.class_weights, target) {
        (ClassWeightsSpec::Effective { .. }, TargetSpec::Classes) => add(
            "class_weights",
            format!("weights by the effective number of images are not defined for {what}"),
            "write `balanced`, or a weight for each class",
        ),
        (ClassWeightsSpec::None, _) | (_, TargetSpec::Class | TargetSpec::Classes) => {}
        (_, TargetSpec::Number) => {
            let hint = "leave `class_weights` out";
            add("class_weights", format!("there are no classes with {what}"), hint);
        }
    }
    if stage.label_smoothing > 0.0 && target == TargetSpec::Number {
        let hint = "leave `label_smoothing` out";
        add("label_smoothing", format!("there are no classes with {what}"), hint);
    }
    if stage.sampling == SamplingSpec::Balanced && target != TargetSpec::Class {
        let message = format!("images cannot be drawn by class with {what}");
        add("sampling", message, "leave `sampling` out");
    }
    misfits
}

fn of_metric(target: TargetSpec, by: BestBy, at: &KeyPath) -> Option<Misfit> {
    let fitting = BestBy::of(target);
    if fitting.contains(&by) {
        return None;
    }
    let (what, names) = (words(target), text::any_of(fitting.iter().map(|by| by.name())));
    let message = format!("`{}` is not a metric of {what}; write {names}", by.name());
    Some((at.key("best_by"), message, "by default it is `val/loss`"))
}

/// The target in words, after "with".
fn words(target: TargetSpec) -> &'static str {
    match target {
        TargetSpec::Class => "one class an image",
        TargetSpec::Classes => "several labels an image",
        TargetSpec::Number => "a number an image",
    }
}
