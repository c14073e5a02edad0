//! Resolves where tasks run.

use std::time::Duration;

use crate::base::key_path::KeyPath;
use crate::base::quantities;
use crate::pipeline::cluster::ClusterValues;
use crate::pipeline::raw::{RawCluster, RawScheduler};
use crate::spec::Scheduler;
use crate::spec::problem::{Code, Problem};

/// The longest time of a task.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Reads the values of a section.
pub(in crate::pipeline) fn resolve(raw: &RawCluster, problems: &mut Vec<Problem>) -> ClusterValues {
    let at = KeyPath::of(&["cluster"]);
    let time = quantity(raw.time.as_deref(), quantities::period, at.key("time"), problems);
    if time.is_some_and(|time| time > YEAR) {
        let message = "a task can have at most a year, `365d`";
        problems.push(Problem::new(Code::OutOfRange, at.key("time"), message));
    }
    ClusterValues {
        on: raw.on.map(|on| match on {
            RawScheduler::Local => Scheduler::Local,
            RawScheduler::HyperQueue => Scheduler::HyperQueue,
            RawScheduler::Slurm => Scheduler::Slurm,
        }),
        queue: raw.queue.clone(),
        cpus: raw.cpus,
        memory: quantity(raw.memory.as_deref(), quantities::size, at.key("memory"), problems),
        time,
        retries: raw.retries,
        extra: raw.extra.clone(),
    }
}

/// Reads a number with a unit.
fn quantity<T>(
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
    at: KeyPath,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let text = text?;
    match read(text) {
        Ok(value) => Some(value),
        Err(hint) => {
            let message = format!("`{text}` is not a number with a unit");
            problems.push(Problem::new(Code::OutOfRange, at, message).hint(hint));
            None
        }
    }
}
