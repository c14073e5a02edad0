//! Decides which stages run and which are reused, and why, before anything runs.

pub mod key;
pub(crate) mod outcome;
pub(crate) mod predictions;
pub mod program;
pub(crate) mod splits;
pub(crate) mod stage_in_progress;
pub(crate) mod store;

use std::fmt;
use std::path::{Path, PathBuf};

use self::key::{Inputs, StageKey};
use self::outcome::StageOutcome;
use self::stage_in_progress::Begun;
use self::store::{LastTime, StageStore, Stored};
use crate::base::leaves::{self, Change};
use crate::dataset::examine::Dataset;
use crate::spec::{PipelineSpec, StageSpec, TaskSpec};

/// The planned stages of a run, and the tasks after them.
pub struct Plan {
    /// The stages in order.
    pub stages: Vec<PlannedStage>,
    /// The tasks after the stages, which always run.
    pub tasks: Vec<TaskSpec>,
}

/// A stage of a plan.
pub struct PlannedStage {
    /// Name of the stage.
    pub name: String,
    /// Everything that determines its result.
    pub key: StageKey,
    /// Number of epochs.
    pub n_epochs: usize,
    /// Why it runs; empty if an earlier result is reused.
    pub reasons: Vec<Reason>,
    /// The cached result of an earlier run. If the stage is forced to run, the result must be
    /// equal.
    pub(crate) outcome: Option<Box<StageOutcome>>,
    /// The progress of an interrupted run in this stage.
    pub(crate) begun: Option<Begun>,
}

impl PlannedStage {
    /// Whether an earlier result is reused.
    pub fn is_reused(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Number of epochs that an interrupted run has already completed.
    pub fn n_epochs_done(&self) -> usize {
        self.begun.as_ref().map_or(0, |begun| begun.state.done.epochs.len())
    }
}

/// Why a stage runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The pipeline has not run with this stage before.
    New,
    /// A value of the pipeline or another input changed.
    Changed(Change),
    /// Images changed; the changes as sentences.
    Images(Vec<String>),
    /// The program changed.
    Program {
        /// The program of the last run.
        before: String,
        /// The current program.
        now: String,
    },
    /// The weights that the pipeline starts from changed.
    Weights,
    /// The model that the stage learns from changed.
    Teacher,
    /// The images without labels changed.
    Unlabeled,
    /// The stage that it starts from has another result.
    Upstream(String),
    /// Nothing changed, but the result is not in the cache.
    NotKept,
    /// The result in the cache is damaged.
    Damaged(PathBuf),
    /// The stage is forced with `--force`.
    Forced,
    /// The cache is disabled.
    NoCache,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New => write!(f, "it has not run before"),
            Self::Changed(Change { path, before, now }) => {
                let [before, now] = [before, now].map(|leaf| leaves::plain(leaf.as_ref()));
                write!(f, "{path}: {before} → {now}")
            }
            Self::Images(differences) => write!(f, "{}", differences.join("; ")),
            Self::Program { before, now } => write!(f, "the program: {before} → {now}"),
            Self::Weights => {
                write!(f, "the content of the weights file or of the base model changed")
            }
            Self::Teacher => write!(f, "the content of the teacher changed"),
            Self::Unlabeled => write!(f, "the unlabeled images changed"),
            Self::Upstream(stage) => write!(f, "the result of {stage} changes"),
            Self::NotKept => write!(f, "its result is not in the cache"),
            Self::Damaged(_) => write!(f, "its result in the cache is damaged"),
            Self::Forced => write!(f, "--force"),
            Self::NoCache => write!(f, "the cache is disabled (--no-cache)"),
        }
    }
}

/// Options of a plan.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Stages that run even if their result is cached.
    pub force: Vec<String>,
    /// The directory of an interrupted run. Its stage in progress can continue.
    pub unfinished: Option<PathBuf>,
}

/// Decides for each stage whether it runs.
pub(crate) fn plan(
    spec: &PipelineSpec,
    inputs: &Inputs,
    dataset: &Dataset,
    store: Option<&StageStore>,
    directory: &Path,
    options: &PlanOptions,
) -> Plan {
    let last = store.and_then(|store| store.last_time(directory, &spec.name));
    let mut begun = options.unfinished.as_deref().and_then(stage_in_progress::read);
    let keys = key::keys(spec, inputs);
    let stages = spec.stages.iter().zip(keys).map(|(stage, key)| {
        let found = store.map(|store| store.find(&key));
        let (mut reasons, outcome) = match found {
            None => (vec![Reason::NoCache], None),
            Some(Stored::Outcome(outcome)) => (vec![], Some(outcome)),
            Some(Stored::Damaged(path)) => (vec![Reason::Damaged(path)], None),
            Some(Stored::Nothing) => (reasons(stage, &key, last.as_ref(), dataset), None),
        };
        if options.force.contains(&stage.name) {
            reasons = vec![Reason::Forced];
        }
        let is_begun = begun.as_ref().is_some_and(|(of, _)| *of == key.digest());
        let begun = if is_begun && outcome.is_none() { begun.take() } else { None };
        PlannedStage {
            name: stage.name.clone(),
            key,
            n_epochs: stage.epochs(),
            reasons,
            outcome,
            begun: begun.map(|(_, begun)| begun),
        }
    });
    Plan { stages: stages.collect(), tasks: spec.tasks.clone() }
}

/// Why a stage without a cached result has to run.
fn reasons(
    stage: &StageSpec,
    key: &StageKey,
    last: Option<&LastTime>,
    dataset: &Dataset,
) -> Vec<Reason> {
    let Some((last, before)) = last.and_then(|last| Some((last, last.stages.get(&stage.name)?)))
    else {
        return vec![Reason::New];
    };
    let changes = key.changes_since(before);
    if changes.is_empty() {
        return vec![Reason::NotKept];
    }
    let from = stage.from();
    let is_new_or_gone = |change: &Change| change.before.is_none() || change.now.is_none();
    // A teacher that is new or gone shows in the pipeline, too.
    let changes = changes
        .into_iter()
        .filter(|change| change.path.to_string() != key::TEACHER || !is_new_or_gone(change));
    let reasons = changes.map(|change| match (change.path.to_string().as_str(), from) {
        (key::IMAGES, _) => Reason::Images(splits::differences(&last.images, dataset)),
        (key::PROGRAM, _) => {
            let [before, now] =
                [change.before, change.now].map(|leaf| leaves::plain(leaf.as_ref()));
            Reason::Program { before, now }
        }
        (key::WEIGHTS, _) => Reason::Weights,
        (key::TEACHER, _) => Reason::Teacher,
        (key::UNLABELED, _) => Reason::Unlabeled,
        (key::UPSTREAM, Some(from)) => Reason::Upstream(from.to_owned()),
        (path, _) => match path.split_once('.') {
            Some((key::SOUP, stage)) => Reason::Upstream(stage.to_owned()),
            _ => Reason::Changed(change),
        },
    });
    reasons.collect()
}
