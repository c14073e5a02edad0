//! The learning-rate range test of a stage, from the weights that it would start from.

use super::begin::Planned;
use super::session::Session;
use crate::exec::error::RunError;
use crate::spec::PipelineSpec;
use crate::train::range_test;
pub use crate::train::range_test::{Found, RangeTest, Tried, find};

impl Session {
    /// Tries learning rates in the last stage of a pipeline. The results of the stages before it must
    /// be cached. Nothing is written.
    ///
    /// # Errors
    /// When an image cannot be prepared or the engine fails, or it is canceled.
    ///
    /// # Panics
    /// When the stage does not train, or the result of the stage that it starts from is not there.
    pub fn try_rates(
        &self,
        spec: &PipelineSpec,
        planned: &Planned,
        test: &RangeTest,
    ) -> Result<Vec<Tried>, RunError> {
        let last = spec.stages.len() - 1;
        let outcome = spec.stages[last].from().map(|from| {
            let planned = planned.plan.stages.iter().find(|planned| planned.name == from);
            let outcome = planned.and_then(|planned| planned.outcome.as_deref());
            outcome.expect("the stages before are cached")
        });
        self.rehearse((spec, planned), last, outcome, |stage| {
            range_test::run(stage.course, stage.source, stage.trainer, test)
        })
    }
}
