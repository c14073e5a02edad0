//! Where tasks run, by a pipeline or a settings file.

use std::time::Duration;

use crate::spec::{ClusterSpec, Scheduler};

/// Processors of a task if no file has the number: as many as a network of usual size can use.
const CPUS: usize = 4;
/// How often a task starts again if no file has the number.
const RETRIES: usize = 5;

/// The values of a section `cluster`; `None` for those that it leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterValues {
    pub(super) on: Option<Scheduler>,
    pub(super) queue: Option<String>,
    pub(super) cpus: Option<usize>,
    pub(super) memory: Option<u64>,
    pub(super) time: Option<Duration>,
    pub(super) retries: Option<usize>,
    pub(super) extra: Option<Vec<String>>,
}

impl ClusterValues {
    /// These values, and those of `others` in place of the ones that are left out.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        let others = others.clone();
        Self {
            on: self.on.or(others.on),
            queue: self.queue.or(others.queue),
            cpus: self.cpus.or(others.cpus),
            memory: self.memory.or(others.memory),
            time: self.time.or(others.time),
            retries: self.retries.or(others.retries),
            extra: self.extra.or(others.extra),
        }
    }

    /// Where tasks run, if they do not run in the process of the command. `on` has precedence.
    pub fn resolve(self, on: Option<Scheduler>) -> Option<ClusterSpec> {
        Some(ClusterSpec {
            on: on.or(self.on)?,
            queue: self.queue,
            cpus: self.cpus.unwrap_or(CPUS),
            memory: self.memory,
            time: self.time,
            retries: self.retries.unwrap_or(RETRIES),
            extra: self.extra.unwrap_or_default(),
        })
    }
}
