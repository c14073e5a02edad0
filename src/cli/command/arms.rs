//! The arms of a sweep as pipelines, and all of their problems at once.

use super::Fetching;
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::exec::prepare;
use crate::pipeline::diagnostic;
use crate::pipeline::load::{Loaded, Rejected};
use crate::spec::{SearchSpec, SweepSpec};
use crate::sweep::search::{self, Trial};
use crate::sweep::tasks::{self, Task};

/// The arms of the first round of a sweep, with their runs.
pub(super) struct Arms {
    pub(super) sweep: SweepSpec,
    pub(super) trials: Vec<Trial>,
    pub(super) tasks: Vec<Task>,
}

impl Arms {
    /// The arms of a pipeline, if it describes a search.
    pub(super) fn of(loaded: &Loaded) -> Option<Self> {
        let sweep = loaded.sweep.clone()?;
        let trials = search::next(&sweep, &[]);
        let tasks = tasks::tasks(&loaded.spec, &sweep, &trials);
        Some(Self { sweep, trials, tasks })
    }

    /// Loads the pipeline of each arm, and checks its dataset and weights.
    pub(super) fn check(
        &self,
        loaded: &Loaded,
        settings: &Settings,
        fetching: Fetching<'_>,
    ) -> Result<(), Failure> {
        let mut rejected: Option<Rejected> = None;
        let mut reject = |more: Rejected| match &mut rejected {
            Some(all) => all.diagnostics.extend(more.diagnostics),
            None => rejected = Some(more),
        };
        // A search by results may come to other values than those of its first arms.
        let later = match self.sweep.search {
            SearchSpec::Tpe { .. } => search::covering(&self.sweep),
            SearchSpec::Grid | SearchSpec::Random { .. } | SearchSpec::Halving(_) => vec![],
        };
        let later: Vec<Trial> = later.into_iter().map(|arm| Trial { arm, epochs: None }).collect();
        let later = tasks::tasks(&loaded.spec, &self.sweep, &later);
        // The runs of an arm differ only in the number of the fold and in the seed.
        let each = self.sweep.runs_per_arm();
        let mut pipelines = vec![];
        for task in self.tasks.iter().chain(&later).step_by(each) {
            match loaded.with(&task.settings) {
                Ok(arm) => pipelines.push(arm),
                Err(more) => reject(more),
            }
        }
        for arm in pipelines {
            fetching.fetch(&arm, settings, None)?;
            if let Err(problems) = prepare::prepare(&arm.spec, settings.cache_folder.as_deref()) {
                reject(arm.reject(problems));
            }
        }
        match rejected {
            None => Ok(()),
            Some(Rejected { sources, diagnostics }) => {
                let diagnostics = diagnostic::in_order(diagnostics);
                Err(Failure::Rejected(Rejected { sources, diagnostics }))
            }
        }
    }
}
