//! Resolves the teacher of a stage.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{RawTeacher, RawTeacherSettings, defaults};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    ClassWeightsSpec, DatasetSpec, Location, LossSpec, SamplingSpec, StageSpec, TargetSpec,
    TeacherSpec, TrainSpec,
};

/// The teacher as it is given.
pub(super) fn resolve(
    raw: &RawTeacher,
    at: &KeyPath,
    locate: &impl Fn(&KeyPath, &str) -> Location,
) -> TeacherSpec {
    match raw {
        RawTeacher::Model(model) => TeacherSpec {
            model: locate(at, model),
            share: defaults::teacher_share(),
            temperature: defaults::teacher_temperature(),
        },
        RawTeacher::Settings(RawTeacherSettings { model, share, temperature }) => {
            let model = locate(&at.key("model"), model);
            TeacherSpec { model, share: *share, temperature: *temperature }
        }
    }
}

/// Reports settings of stages that have no effect or no meaning with their teacher.
pub(super) fn check(dataset: &DatasetSpec, stages: &[StageSpec], problems: &mut Vec<Problem>) {
    let is_unused = !dataset.unlabeled.is_empty()
        && !stages.iter().any(|stage| stage.train().is_some_and(|train| train.teacher.is_some()));
    if is_unused {
        let message = "`unlabeled` has no effect: only a stage with a `teacher` uses these images";
        let hint = "write `teacher: RUN` in a stage that trains, or leave `unlabeled` out";
        let at = KeyPath::of(&["dataset", "unlabeled"]);
        problems.push(Problem::new(Code::Conflict, at, message).hint(hint));
    }
    for stage in stages {
        let Some(train) = stage.train() else { continue };
        let Some(teacher) = &train.teacher else { continue };
        let at = KeyPath::of(&["stages", &stage.name, "train"]);
        let mut conflict = |at: KeyPath, message: &str, hint: &str| {
            problems.push(Problem::new(Code::Conflict, at, message).hint(hint));
        };
        if dataset.source.is_afresh() {
            let message =
                "a teacher sees each image once, but `afresh` draws new ones in each epoch";
            let hint = "leave out `afresh: true` under `generator`, or the teacher";
            conflict(at.key("teacher"), message, hint);
        }
        if dataset.target == TargetSpec::Number && teacher.temperature != 1.0 {
            let message = "a number has no probabilities that a temperature could change";
            conflict(at.key("teacher").key("temperature"), message, "leave `temperature` out");
        }
        if !dataset.unlabeled.is_empty() && train.sampling == SamplingSpec::Balanced {
            let message = "unlabeled images have no class that they could be drawn by";
            conflict(at.key("sampling"), message, "leave `sampling` out, or `unlabeled`");
        }
        if teacher.share == 1.0 {
            for key in of_labels(train) {
                let message =
                    format!("`{key}` has no effect with `share: 1`, since labels are not used");
                let hint = format!("leave `{key}` out, or write a smaller `share`");
                conflict(at.key(key), &message, &hint);
            }
        }
    }
}

/// The settings of a stage that only change the loss of labels.
fn of_labels(train: &TrainSpec) -> impl Iterator<Item = &'static str> {
    let is_plain = matches!(train.loss, LossSpec::CrossEntropy | LossSpec::Mse);
    let given = [
        ("loss", !is_plain),
        ("label_smoothing", train.label_smoothing > 0.0),
        ("class_weights", train.class_weights != ClassWeightsSpec::None),
    ];
    given.into_iter().filter(|(_, is_given)| *is_given).map(|(key, _)| key)
}
