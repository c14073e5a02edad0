//! What will run and what is reused, and why, before anything runs.

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
use crate::spec::{PipelineSpec, TaskSpec};

/// What the stages of a run will do, and what follows them.
pub struct Plan {
    /// In the order they come.
    pub stages: Vec<PlannedStage>,
    /// What is done after them, each time.
    pub tasks: Vec<TaskSpec>,
}

/// What a stage will do.
pub struct PlannedStage {
    /// Its name.
    pub name: String,
    /// What decides its result.
    pub key: StageKey,
    /// The epochs it has.
    pub n_epochs: usize,
    /// Why it runs; empty where an earlier result is reused.
    pub reasons: Vec<Reason>,
    /// The result that an earlier run left. Where the stage is made to run, its result must be the
    /// same.
    pub(crate) outcome: Option<Box<StageOutcome>>,
    /// How far a run that was cut short came with it.
    pub(crate) begun: Option<Begun>,
}

impl PlannedStage {
    /// Whether an earlier result is reused.
    pub fn is_reused(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The epochs that need not run because a run that was cut short did them.
    pub fn n_epochs_done(&self) -> usize {
        self.begun.as_ref().map_or(0, |begun| begun.state.done.epochs.len())
    }
}

/// Why a stage runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The pipeline has not run here with this stage.
    New,
    /// A value of the pipeline or another input changed.
    Changed(Change),
    /// Pictures changed: how, in sentences.
    Pictures(Vec<String>),
    /// The program changed.
    Program {
        /// The one that ran the last time.
        before: String,
        /// This one.
        now: String,
    },
    /// The weights that the pipeline starts from changed.
    Weights,
    /// The stage that it goes on from has another result.
    Upstream(String),
    /// Nothing changed, but the result is not in the cache.
    NotKept,
    /// The result in the cache is not what was written.
    Damaged(PathBuf),
    /// Somebody asked for it.
    Forced,
    /// Nothing is kept between runs.
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
            Self::Pictures(differences) => write!(f, "{}", differences.join("; ")),
            Self::Program { before, now } => write!(f, "the program: {before} → {now}"),
            Self::Weights => {
                write!(f, "the content of the file of weights, or of the base model, changed")
            }
            Self::Upstream(stage) => write!(f, "{stage} comes out differently"),
            Self::NotKept => write!(f, "its result is not in the cache"),
            Self::Damaged(_) => write!(f, "its result in the cache is damaged"),
            Self::Forced => write!(f, "--force"),
            Self::NoCache => write!(f, "nothing is kept between runs (--no-cache)"),
        }
    }
}

/// What a plan is made for, besides the pipeline.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Stages that run even where their result is known.
    pub force: Vec<String>,
    /// A run that was cut short, whose stage in progress may go on here.
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
        let train = &stage.train;
        let found = store.map(|store| store.find(&key));
        let (mut reasons, outcome) = match found {
            None => (vec![Reason::NoCache], None),
            Some(Stored::Outcome(outcome)) => (vec![], Some(outcome)),
            Some(Stored::Damaged(path)) => (vec![Reason::Damaged(path)], None),
            Some(Stored::Nothing) => {
                (reasons(&stage.name, stage.from(), &key, last.as_ref(), dataset), None)
            }
        };
        if options.force.contains(&stage.name) {
            reasons = vec![Reason::Forced];
        }
        let is_begun = begun.as_ref().is_some_and(|(of, _)| *of == key.digest());
        let begun = if is_begun && outcome.is_none() { begun.take() } else { None };
        PlannedStage {
            name: stage.name.clone(),
            key,
            n_epochs: train.epochs,
            reasons,
            outcome,
            begun: begun.map(|(_, begun)| begun),
        }
    });
    Plan { stages: stages.collect(), tasks: spec.tasks.clone() }
}

/// Why a stage whose result is not known has to run.
fn reasons(
    stage: &str,
    from: Option<&str>,
    key: &StageKey,
    last: Option<&LastTime>,
    dataset: &Dataset,
) -> Vec<Reason> {
    let Some((last, before)) = last.and_then(|last| Some((last, last.stages.get(stage)?))) else {
        return vec![Reason::New];
    };
    let changes = key.changes_since(before);
    if changes.is_empty() {
        return vec![Reason::NotKept];
    }
    let reasons =
        changes.into_iter().map(|change| match (change.path.to_string().as_str(), from) {
            (key::PICTURES, _) => Reason::Pictures(splits::differences(&last.pictures, dataset)),
            (key::PROGRAM, _) => {
                let [before, now] =
                    [change.before, change.now].map(|leaf| leaves::plain(leaf.as_ref()));
                Reason::Program { before, now }
            }
            (key::WEIGHTS, _) => Reason::Weights,
            (key::UPSTREAM, Some(from)) => Reason::Upstream(from.to_owned()),
            _ => Reason::Changed(change),
        });
    reasons.collect()
}
