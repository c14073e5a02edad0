//! Where tasks run, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the tasks of a sweep, of folds or of shards run: on this machine, with HyperQueue or with
/// Slurm. It never changes results. The same section in the settings file of a user is for all
/// pipelines; a value of the pipeline has precedence.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawCluster {
    /// What runs the tasks; `--on` has precedence. By default they run one after the other, in the
    /// process of the command.
    pub(in crate::pipeline) on: Option<RawScheduler>,
    /// The partition of Slurm. HyperQueue and this machine have none.
    pub(in crate::pipeline) queue: Option<String>,
    /// Number of processors of each task. 4 by default.
    #[schemars(range(min = 1, max = 1024))]
    pub(in crate::pipeline) cpus: Option<usize>,
    /// Memory of each task, as in `8GB`. By default what the scheduler gives.
    pub(in crate::pipeline) memory: Option<String>,
    /// Longest time of each task, as in `2h`. Slurm ends a task after this time; shortly before, it
    /// saves its state, and continues when it is started again. HyperQueue starts a task only where
    /// this time is left. By default what the scheduler allows.
    pub(in crate::pipeline) time: Option<String>,
    /// How often a task starts again after its machine was lost or its time was over. 5 by default.
    #[schemars(range(max = 100))]
    pub(in crate::pipeline) retries: Option<usize>,
    /// Lines for the scripts that are submitted. Those that begin with `--` are options of Slurm's
    /// `sbatch`, such as `--account=vision`. All others are commands that a task runs first, such as
    /// `module load cuda`.
    pub(in crate::pipeline) extra: Option<Vec<String>>,
}

/// What runs tasks.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::pipeline) enum RawScheduler {
    /// Processes of this machine, as many at a time as it has processors for.
    Local,
    /// HyperQueue: the server that `hq` finds.
    HyperQueue,
    /// Slurm: `sbatch` on this machine.
    Slurm,
}
