//! Resolves `stages:`: finds freeze points and orders the stages.

use indexmap::IndexMap;

use super::{
    augmentation, check_name, course, fit, mixing, objective, soups, start, tasks, teacher, trained,
};
use crate::base::key_path::KeyPath;
use crate::model::architecture;
use crate::model::freeze::{self, LayerRef};
use crate::model::graph::Graph;
use crate::pipeline::raw::{
    RawAdam, RawAdamw, RawFreeze, RawLayer, RawOptimizer, RawSgd, RawStage, RawTrain,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    AdamSpec, BaseModel, Convention, DatasetSpec, FreezeSpec, Location, ModelSpec, OptimizerSpec,
    SgdSpec, StageKind, StageSpec, TargetSpec, TaskKind, TaskSpec, TrainSpec,
};

/// Resolves the stages of a pipeline and puts each after the one it starts from, and its tasks.
pub(super) fn resolve(
    raw: &IndexMap<String, RawStage>,
    model: &ModelSpec,
    dataset: &DatasetSpec,
    locate: &impl Fn(&KeyPath, &str) -> Location,
    problems: &mut Vec<Problem>,
) -> (Vec<StageSpec>, Vec<TaskSpec>) {
    // Layer names do not depend on the size of images, which may be one of the problems.
    let base = match model.base {
        BaseModel::Named(named) => {
            Some(architecture::outline(named, Convention::default(), model.width()))
        }
        BaseModel::Onnx(_) => None,
    };
    let (mut stages, mut tasks) = (vec![], vec![]);
    let mut above: Option<&str> = None;
    for (name, raw) in raw {
        let at = KeyPath::of(&["stages"]).key(name);
        check_name(name, at.clone(), "a stage", problems);
        // Empty for a task that names no stage and has none above it.
        let trained =
            |from: &Option<String>| from.as_deref().or(above).unwrap_or_default().to_owned();
        let (kind, at) = match raw {
            RawStage::Train(raw) => {
                let from = raw.from.as_deref().or(above).map(str::to_owned);
                let given = Given { base: base.as_ref(), model, target: dataset.target };
                let spec = train(raw, from, given, &at.key("train"), locate, problems);
                let kind = StageKind::Train(Box::new(spec));
                stages.push(StageSpec { name: name.clone(), kind });
                above = Some(name);
                continue;
            }
            RawStage::Fit(raw) => {
                let from = raw.from.as_deref().or(above).map(str::to_owned);
                let spec = fit::resolve(raw, from, dataset.target, &at.key("fit"), problems);
                fit::check_head(&spec, &model.head, &at.key("fit"), problems);
                stages.push(StageSpec { name: name.clone(), kind: StageKind::Fit(spec) });
                above = Some(name);
                continue;
            }
            RawStage::Evaluate(raw) => {
                let (from, at) = (trained(&raw.from), at.key("evaluate"));
                let spec = tasks::evaluate(raw, from, &at, dataset, locate, problems);
                (TaskKind::Evaluate(spec), at)
            }
            RawStage::Export(raw) => {
                let kind = TaskKind::Export(tasks::export(raw, trained(&raw.from)));
                (kind, at.key("export"))
            }
        };
        tasks.push((TaskSpec { name: name.clone(), kind }, at));
    }
    check_references(&stages, problems);
    soups::check(&stages, problems);
    tasks::check_references(&tasks, &stages, problems);
    (in_order(stages, problems), tasks.into_iter().map(|(task, _)| task).collect())
}

/// What a stage works on.
#[derive(Clone, Copy)]
struct Given<'a> {
    /// The layers of the base model, unless it is a file.
    base: Option<&'a Graph>,
    model: &'a ModelSpec,
    target: TargetSpec,
}

fn train(
    raw: &RawTrain,
    from: Option<String>,
    Given { base, model, target }: Given<'_>,
    at: &KeyPath,
    locate: &impl Fn(&KeyPath, &str) -> Location,
    problems: &mut Vec<Problem>,
) -> TrainSpec {
    let from_weights = start::from_weights(from.as_deref(), raw.from_weights, at, problems);
    let freeze = freeze_rule(raw, base, at, problems);
    let changes = raw.augmentation.as_deref();
    let augmentation = match (changes, raw.augmentation_views) {
        (None, None) => None,
        (None, Some(_)) => {
            let message = "`augmentation_views` of a stage is only for a stage that has its own \
                           `augmentation`";
            problems
                .push(Problem::new(Code::Conflict, at.key("augmentation_views"), message).hint(
                "write `augmentation` in this stage too, or `augmentation_views` at the top level",
            ));
            None
        }
        (Some(changes), views) => Some(augmentation::resolve(changes, views, at, problems)),
    };
    let (schedule, warmup) = course::schedule(raw, at, problems);
    let class_weights = objective::class_weights(&raw.class_weights);
    let (parameters, layer_decay) = trained::resolve(raw, &freeze, model, at, problems);
    TrainSpec {
        from,
        from_weights,
        augmentation,
        augmentation_views: raw.augmentation_views,
        epochs: raw.epochs,
        optimizer: optimizer(raw.optimizer),
        schedule,
        warmup,
        layer_decay,
        parameters,
        batch_norm: course::batch_norm(raw.batch_norm, &freeze, at, problems),
        freeze,
        loss: objective::loss(raw.loss, target),
        label_smoothing: raw.label_smoothing,
        sampling: objective::sampling(raw.sampling, &class_weights, at, problems),
        class_weights,
        gradient_clipping: raw.gradient_clipping.map(course::clipping),
        weight_average: raw.weight_average.map(course::average),
        soup: raw.soup.as_ref().map(|soup| course::soup(soup, raw.epochs, at, problems)),
        mixing: raw.mixing.map(|raw| mixing::resolve(raw, &at.key("mixing"), problems)),
        teacher: raw.teacher.as_ref().map(|raw| teacher::resolve(raw, &at.key("teacher"), locate)),
        early_stopping: raw.early_stopping.map(course::early_stopping),
        best_by: course::best_by(raw.best_by),
        micro_batches: raw.micro_batches,
    }
}

fn freeze_rule(
    raw: &RawTrain,
    base: Option<&Graph>,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> FreezeSpec {
    let given = [
        ("freeze", raw.freeze.is_some()),
        ("unfreeze_from", raw.unfreeze_from.is_some()),
        ("unfreeze_last", raw.unfreeze_last.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(key, _)| *key).collect();
    if let [first, .., second] = given[..] {
        let message = format!("`{first}` and `{second}` both specify which layers are trained");
        let problem = Problem::new(Code::Conflict, at.key(second), message);
        problems.push(problem.hint("keep one of them"));
        return FreezeSpec::All;
    }
    let found = match (&raw.freeze, &raw.unfreeze_from, raw.unfreeze_last, base) {
        (Some(RawFreeze::None), ..) => return FreezeSpec::None,
        (.., Some(n), base) => freeze::find_last(base, n, at.key("unfreeze_last")),
        (_, None, ..) => return FreezeSpec::All,
        // The layer is looked up later, when the files of the run are opened.
        (_, Some(RawLayer::Name(name)), _, None) => {
            return FreezeSpec::Before { layer: name.clone() };
        }
        (_, Some(RawLayer::Index(_)), _, None) => {
            let message = "layers of a base model from a file must be given by name";
            let problem = Problem::new(Code::UnknownLayer, at.key("unfreeze_from"), message);
            Err(problem.hint("`alpaca-run layers` lists all layers"))
        }
        (_, Some(layer), _, Some(base)) => {
            let layer = match layer {
                RawLayer::Name(name) => LayerRef::Name(name),
                RawLayer::Index(index) => LayerRef::Index(*index),
            };
            freeze::find_at(base, layer, at.key("unfreeze_from"))
        }
    };
    match found {
        Ok(layer) => FreezeSpec::Before { layer: layer.name.clone() },
        Err(problem) => {
            problems.push(problem);
            FreezeSpec::All
        }
    }
}

fn optimizer(raw: RawOptimizer) -> OptimizerSpec {
    match raw {
        RawOptimizer::Adam(RawAdam { learning_rate, beta_1, beta_2, epsilon }) => {
            OptimizerSpec::Adam(AdamSpec { learning_rate, beta_1, beta_2, epsilon })
        }
        RawOptimizer::Adamw(RawAdamw { weight_decay, learning_rate, beta_1, beta_2, epsilon }) => {
            let adam = AdamSpec { learning_rate, beta_1, beta_2, epsilon };
            OptimizerSpec::Adamw { weight_decay, adam }
        }
        RawOptimizer::Sgd(RawSgd { learning_rate, momentum, nesterov }) => {
            OptimizerSpec::Sgd(SgdSpec { learning_rate, momentum, nesterov })
        }
    }
}

fn from_path(stage: &StageSpec) -> KeyPath {
    KeyPath::of(&["stages", &stage.name, stage.key(), "from"])
}

fn check_references(stages: &[StageSpec], problems: &mut Vec<Problem>) {
    let names = || stages.iter().map(|stage| stage.name.as_str());
    for stage in stages {
        let Some(from) = stage.from().filter(|from| !names().any(|name| name == *from)) else {
            continue;
        };
        let hint = start::hint(from, &stage.name, stages, "from");
        let message = format!("stage `{}` starts from `{from}`, which is not a stage", stage.name);
        problems.push(Problem::new(Code::UnknownStage, from_path(stage), message).hint(hint));
    }
}

/// Sorts stages so that each follows those that it needs, and otherwise keeps their order.
fn in_order(mut rest: Vec<StageSpec>, problems: &mut Vec<Problem>) -> Vec<StageSpec> {
    let mut ordered: Vec<StageSpec> = vec![];
    loop {
        let ready = rest.iter().position(|stage| {
            stage.needs().all(|needed| !rest.iter().any(|other| other.name == needed))
        });
        let Some(next) = ready else { break };
        ordered.push(rest.remove(next));
    }
    if let Some(first) = rest.first() {
        let circle = circle_from(first, &rest);
        let is_in = |name: &str| circle.iter().any(|stage| stage.name == name);
        // Or some of them average the others.
        let starts = circle.iter().all(|stage| stage.from().is_some_and(is_in));
        let message = if circle.len() == 1 {
            format!("stage `{}` starts from itself", circle[0].name)
        } else {
            let names: Vec<String> =
                circle.iter().map(|stage| format!("`{}`", stage.name)).collect();
            let what = if starts { "start from" } else { "need the weights of" };
            format!("stages {what} each other in a cycle: {} → {}", names.join(" → "), names[0])
        };
        let problem = Problem::new(Code::StageCycle, from_path(circle[0]), message);
        problems.push(problem.hint(if starts {
            "make one of them start from another stage, or put it first without `from`"
        } else {
            "leave one of them out of `soup`"
        }));
    }
    ordered
}

/// The cycle that is reached by following the stages that each one needs.
fn circle_from<'a>(start: &'a StageSpec, stages: &'a [StageSpec]) -> Vec<&'a StageSpec> {
    let mut seen = vec![start];
    let mut stage = start;
    while let Some(following) =
        stage.needs().find_map(|needed| stages.iter().find(|other| other.name == needed))
    {
        if let Some(position) = seen.iter().position(|earlier| earlier.name == following.name) {
            seen.drain(..position);
            break;
        }
        seen.push(following);
        stage = following;
    }
    seen.sort_by_key(|stage| stages.iter().position(|other| other.name == stage.name));
    seen
}
