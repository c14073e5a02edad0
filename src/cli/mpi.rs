//! Ranks over MPI, which only carries numbers: it never adds them, since its sums depend on the number
//! of ranks.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::collective::CommunicatorCollectives;
use mpi::datatype::{Equivalence, Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::{Communicator, SimpleCommunicator};

use crate::base::peers::{Peers, SharedPeers};

/// The most elements of one message; MPI counts in 32 bits.
const MOST: usize = 1 << 30;
/// How long a failed process waits for the others to end with it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a process that has nothing left to do looks for the others.
const LOOK: Duration = Duration::from_millis(5);

/// This process among those that MPI knows.
pub struct Process {
    /// Ended by [`leave`](Self::leave) alone: MPI waits for all processes at its end, and would wait for
    /// ever if one panicked.
    universe: ManuallyDrop<Universe>,
    /// Processes end on a communicator of their own, whatever messages others wait for.
    end: SimpleCommunicator,
}

/// Joins the other processes.
///
/// # Errors
/// When MPI cannot be used from the thread that computes.
pub fn join() -> Result<(Process, SharedPeers), &'static str> {
    let (universe, threading) =
        mpi::initialize_with_threading(Threading::Serialized).ok_or("MPI was started before")?;
    if threading < Threading::Serialized {
        return Err("this MPI cannot be used with threads");
    }
    let world = universe.world();
    let peers = Mpi { rank: world.rank() as usize, count: world.size() as usize };
    let process = Process { universe: ManuallyDrop::new(universe), end: world.duplicate() };
    Ok((process, Arc::new(peers)))
}

impl Process {
    /// Waits for the other processes and ends MPI. If this process failed with an exit code and they do
    /// not come, they wait for a message of it, and are ended.
    pub fn leave(self, failed: Option<u8>) {
        let Self { universe, end } = self;
        let since = Instant::now();
        let mut request = end.immediate_barrier();
        while let Err(pending) = request.test() {
            request = pending;
            if let Some(code) = failed.filter(|_| since.elapsed() > PATIENCE) {
                end.abort(code.into());
            }
            thread::sleep(LOOK);
        }
        drop(end);
        drop(ManuallyDrop::into_inner(universe));
    }
}

/// The ranks of MPI's world.
#[derive(Debug)]
struct Mpi {
    rank: usize,
    count: usize,
}

impl Peers for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn collect_bytes(&self, own: &[u8], lengths: &[usize]) -> Vec<u8> {
        collect(own, lengths)
    }

    fn collect(&self, own: &[f32], lengths: &[usize]) -> Vec<f32> {
        collect(own, lengths)
    }

    fn exchange(&self, own: &[f32], to: &[usize], from: &[usize]) -> Vec<f32> {
        let n_received = from.iter().sum::<usize>();
        let mut received = vec![0.0; n_received + 1];
        let (counts, places) = layout(to);
        let sent = Partition::new(somewhere(own, &[0.0]), counts, places);
        let (counts, places) = layout(from);
        let mut place = PartitionMut::new(&mut received[..], counts, places);
        SimpleCommunicator::world().all_to_all_varcount_into(&sent, &mut place);
        received.truncate(n_received);
        received
    }
}

/// The elements of all ranks, one after the other.
fn collect<T: Equivalence + Copy + Default>(own: &[T], lengths: &[usize]) -> Vec<T> {
    if lengths.iter().sum::<usize>() > MOST {
        return collect_in_rounds(own, lengths);
    }
    let total = lengths.iter().sum::<usize>();
    let mut all = vec![T::default(); total + 1];
    let (counts, places) = layout(lengths);
    let mut place = PartitionMut::new(&mut all[..], counts, places);
    let here = [T::default()];
    SimpleCommunicator::world().all_gather_varcount_into(somewhere(own, &here), &mut place);
    all.truncate(total);
    all
}

/// The same values. An empty list may have any address, and a few addresses mean something else to MPI.
fn somewhere<'a, T>(values: &'a [T], place: &'a [T; 1]) -> &'a [T] {
    if values.is_empty() { &place[..0] } else { values }
}

/// The elements of all ranks, where they are too many for one message.
fn collect_in_rounds<T: Equivalence + Copy + Default>(own: &[T], lengths: &[usize]) -> Vec<T> {
    let each = MOST / lengths.len();
    let mut parts: Vec<Vec<T>> = lengths.iter().map(|length| Vec::with_capacity(*length)).collect();
    let longest = lengths.iter().copied().max().unwrap_or_default();
    for first in (0..longest).step_by(each) {
        let now: Vec<usize> =
            lengths.iter().map(|length| length.saturating_sub(first).min(each)).collect();
        let chunk = &own[first.min(own.len())..(first + each).min(own.len())];
        let mut rest = &collect(chunk, &now)[..];
        for (part, n) in parts.iter_mut().zip(now) {
            let (chunk, more) = rest.split_at(n);
            part.extend_from_slice(chunk);
            rest = more;
        }
    }
    parts.concat()
}

/// Lengths and places of neighboring parts, as MPI counts.
fn layout(lengths: &[usize]) -> (Vec<i32>, Vec<i32>) {
    let counted =
        |n: usize| i32::try_from(n).expect("a gradient has fewer numbers than MPI counts");
    let mut place = 0;
    let parts = lengths.iter().map(|&length| {
        place += length;
        (counted(length), counted(place - length))
    });
    parts.unzip()
}
