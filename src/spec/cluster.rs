//! Where the tasks of a command run, and what each may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What runs tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// Processes of this machine.
    Local,
    /// HyperQueue.
    HyperQueue,
    /// Slurm.
    Slurm,
}

impl Scheduler {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Local, Self::HyperQueue, Self::Slurm];

    /// Its name in pipelines and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::HyperQueue => "hyperqueue",
            Self::Slurm => "slurm",
        }
    }

    /// Its name in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::Local => "this machine",
            Self::HyperQueue => "HyperQueue",
            Self::Slurm => "Slurm",
        }
    }
}

/// Where the tasks of a command run, and what each may use. It does not affect results.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ClusterSpec {
    /// What runs them.
    pub on: Scheduler,
    /// The partition of Slurm; `None` for its usual one.
    pub queue: Option<String>,
    /// Processors of each task.
    pub cpus: usize,
    /// Memory of each task in bytes; `None` for what the scheduler gives.
    pub memory: Option<u64>,
    /// Longest time of each task; `None` for what the scheduler allows.
    pub time: Option<Duration>,
    /// How often a task starts again after the loss of its machine or the end of its time.
    pub retries: usize,
    /// Lines of the scripts that are submitted: options that begin with `--`, and commands.
    pub extra: Vec<String>,
}
