//! The schedulers by their names.

use std::path::PathBuf;

use super::hyperqueue::HyperQueue;
use super::local::Local;
use super::scheduler::Scheduler;
use super::slurm::Slurm;
use crate::spec::{self, ClusterSpec};

/// The scheduler of a section `cluster`, for a machine with `threads` threads to use. `hq` is the
/// program of HyperQueue.
pub fn of(cluster: &ClusterSpec, threads: usize, hq: PathBuf) -> Box<dyn Scheduler> {
    match cluster.on {
        spec::Scheduler::Local => Box::new(Local::new((threads / cluster.cpus).max(1))),
        spec::Scheduler::HyperQueue => Box::new(HyperQueue::new(hq)),
        spec::Scheduler::Slurm => Box::new(Slurm),
    }
}
