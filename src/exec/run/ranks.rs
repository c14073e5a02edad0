//! What the ranks of a run do together besides sums: they compare what they begin with, take over the
//! plan of the first one, and end at the same step.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::checkpoint::Past;
use crate::base::cancel::Cancel;
use crate::base::leaves;
use crate::base::peers::{Alone, SharedPeers};
use crate::base::text;
use crate::engine::autodiff::Layers;
use crate::engine::share::images_of_rank;
use crate::exec::error::{RanksDiffer, RunError};
use crate::exec::plan::key::{self, StageKey};
use crate::exec::plan::outcome::StageOutcome;
use crate::exec::plan::stage_in_progress::{self, Begun};
use crate::exec::plan::{Plan, Reason};
use crate::train::TrainError;

/// The ranks of a run. A process that is alone is the only one.
#[derive(Clone, Debug)]
pub struct Ranks {
    peers: SharedPeers,
    /// Set when this process is asked to stop.
    asked: Cancel,
    /// Set when any rank was asked to stop, at the same step on all.
    agreed: Cancel,
}

/// How the images of a batch are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
    /// Each rank has some of this many micro-batches.
    MicroBatches(usize),
    /// Each rank has as many as the others, or one more.
    Even,
    /// Each rank has all.
    None,
}

impl Ranks {
    /// A process that does a run alone, and stops when it is asked to.
    pub fn alone(asked: &Cancel) -> Self {
        Self { peers: Arc::new(Alone), asked: asked.clone(), agreed: asked.clone() }
    }

    /// A rank among others.
    pub fn among(peers: SharedPeers, asked: &Cancel) -> Self {
        if peers.are_none() {
            return Self::alone(asked);
        }
        Self { peers, asked: asked.clone(), agreed: Cancel::new() }
    }

    pub(crate) fn peers(&self) -> &SharedPeers {
        &self.peers
    }

    /// Whether this process does the run alone.
    pub fn are_one(&self) -> bool {
        self.peers.are_none()
    }

    /// Whether this rank writes the run directory.
    pub fn is_first(&self) -> bool {
        self.peers.is_first()
    }

    /// Set once all ranks are to stop after the step in progress.
    pub(crate) fn agreed(&self) -> &Cancel {
        &self.agreed
    }

    /// The images of a batch of `n` that this rank has.
    pub(super) fn own(&self, n: usize, division: Division) -> Range<usize> {
        match division {
            Division::MicroBatches(count) => images_of_rank(self.peers.as_ref(), n, count),
            Division::Even => self.peers.share(n),
            Division::None => 0..n,
        }
    }

    /// Waits for the other ranks to get here. Whether one of them was asked to stop is then known to
    /// all, and an error of one of them is an error of all.
    ///
    /// # Errors
    /// The rank's own error, or that of another rank.
    pub(super) fn meet<T, E: Error + From<TrainError>>(&self, own: Result<T, E>) -> Result<T, E> {
        const ASKED: u8 = 1;
        const FAILED: u8 = 2;
        if self.are_one() {
            return own;
        }
        let state = if own.is_err() { FAILED } else { u8::from(self.asked.is_set()) };
        let states = self.peers.collect_bytes(&[state], &vec![1; self.peers.count()]);
        if states.contains(&ASKED) {
            self.agreed.set();
        }
        let Some(rank) = states.iter().position(|state| *state == FAILED) else { return own };
        let message = own.as_ref().err().map(|error| text::chain(error)).unwrap_or_default();
        let messages = self.peers.gather(message.as_bytes());
        let message = String::from_utf8_lossy(&messages[rank]).into_owned();
        own.and_then(|_| Err(TrainError::OtherRank { rank, message }.into()))
    }

    /// Does work that fills caches on the first rank, and then on the others.
    ///
    /// # Errors
    /// Those of the work. If it failed on the first rank, the others do not do it.
    pub(super) fn after_first<T, E: Error + From<TrainError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.is_first() {
            let done = work();
            let message = done.as_ref().err().map(|error| text::chain(error)).unwrap_or_default();
            self.peers.broadcast(message.as_bytes());
            return done;
        }
        let message = self.peers.broadcast(&[]);
        if message.is_empty() {
            return work();
        }
        let message = String::from_utf8_lossy(&message).into_owned();
        Err(TrainError::OtherRank { rank: 0, message }.into())
    }

    /// Checks that all ranks compute with the same program, and run the same stages on the same images
    /// and weights, on layers that can be shared.
    ///
    /// # Errors
    /// The first difference. All ranks get the same error.
    pub(super) fn compare(&self, plan: &Plan, layers: Layers) -> Result<(), RunError> {
        if self.are_one() {
            return Ok(());
        }
        if layers != Layers::Native {
            return Err(RunError::OneRankOnly);
        }
        let keys = plan.stages.iter().map(|stage| stage.key.document().clone());
        let own: Value = keys.collect();
        let all = self.peers.gather(own.to_string().as_bytes());
        let all: Vec<Value> =
            all.iter().map(|text| serde_json::from_slice(text).unwrap_or_default()).collect();
        let differs = |(rank, other): (usize, &Value)| difference(&all[0], other, rank);
        match all.iter().enumerate().find_map(differs) {
            None => Ok(()),
            Some(difference) => Err(difference.into()),
        }
    }

    /// What is left to do, and the results that there are: those of the first rank, on all.
    pub(super) fn take_over(&self, plan: &mut Plan, past: &mut Past) -> Result<(), RunError> {
        if self.are_one() {
            return Ok(());
        }
        let mut outcomes = std::mem::take(&mut past.outcomes).into_iter();
        let mut current = past.current.take();
        for planned in &mut plan.stages {
            let own = match outcomes.next() {
                Some(outcome) => Decision::Done(outcome),
                None => match current.take().or_else(|| planned.begun.take()) {
                    Some(begun) => Decision::Begun(begun),
                    None if planned.is_reused() => match planned.outcome.take() {
                        Some(outcome) => Decision::Reused(outcome),
                        None => Decision::Run,
                    },
                    None => Decision::Run,
                },
            };
            let message = if self.is_first() { own.encode(&planned.key) } else { vec![] };
            let message = self.peers.broadcast(&message);
            let decision = if self.is_first() { own } else { Decision::decode(&message)? };
            planned.begun = None;
            match decision {
                Decision::Done(outcome) => past.outcomes.push(outcome),
                Decision::Begun(begun) => planned.begun = Some(begun),
                Decision::Reused(outcome) => {
                    (planned.reasons, planned.outcome) = (vec![], Some(outcome));
                }
                Decision::Run if !self.is_first() => planned.reasons = vec![Reason::NotKept],
                Decision::Run => {}
            }
        }
        Ok(())
    }
}

/// What the first rank has decided about a stage.
enum Decision {
    Run,
    /// It was in progress when the run was interrupted.
    Begun(Begun),
    /// It was done before the run was interrupted.
    Done(StageOutcome),
    /// An earlier run has its result.
    Reused(Box<StageOutcome>),
}

impl Decision {
    fn encode(&self, key: &StageKey) -> Vec<u8> {
        let (kind, bytes) = match self {
            Self::Run => (0, vec![]),
            Self::Begun(begun) => {
                (1, stage_in_progress::encode(key.digest(), &begun.facts, &begun.state))
            }
            Self::Done(outcome) => (2, outcome.encode()),
            Self::Reused(outcome) => (3, outcome.encode()),
        };
        [&[kind], &bytes[..]].concat()
    }

    fn decode(message: &[u8]) -> Result<Self, RunError> {
        let (kind, bytes) = message.split_first().unwrap_or((&0, &[]));
        let decision = match kind {
            0 => Ok(Self::Run),
            1 => stage_in_progress::decode(bytes).map(|(_, begun)| Self::Begun(begun)),
            2 => StageOutcome::decode(bytes).map(Self::Done),
            _ => StageOutcome::decode(bytes).map(|outcome| Self::Reused(Box::new(outcome))),
        };
        decision.map_err(RunError::Plan)
    }
}

/// The first difference between the keys of the stages of the first rank and of another one.
fn difference(first: &Value, other: &Value, rank: usize) -> Option<RanksDiffer> {
    let of = |keys: &Value| keys.as_array().map_or(0, Vec::len);
    let found =
        |what: String, first: String, other: String| Some(RanksDiffer { rank, what, first, other });
    let changes = |(first, other): (&Value, &Value)| leaves::changes(first, other);
    let stages = first.as_array()?.iter().zip(other.as_array()?);
    // What the program is explains all other differences.
    let mut all: Vec<leaves::Change> = stages.flat_map(changes).collect();
    all.sort_by_key(|change| change.path.to_string() != key::PROGRAM);
    if let Some(change) = all.into_iter().find(|change| change.path.to_string() != key::UPSTREAM) {
        let path = change.path.to_string();
        let what = match path.as_str() {
            key::PROGRAM => "the program".to_owned(),
            key::IMAGES => "the images: their fingerprint".to_owned(),
            key::WEIGHTS => "the weights file or the base model: its digest".to_owned(),
            key::TEACHER => "the teacher: its digest".to_owned(),
            key::UNLABELED => "the unlabeled images: their fingerprint".to_owned(),
            _ => format!("the pipeline: `{path}`"),
        };
        let [first, other] = [change.before, change.now].map(|leaf| leaves::plain(leaf.as_ref()));
        return found(what, first, other);
    }
    let [n_first, n_other] = [of(first), of(other)];
    if n_first == n_other {
        return None;
    }
    found("the number of stages".to_owned(), n_first.to_string(), n_other.to_string())
}
