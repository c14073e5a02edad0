//! The sum of a gradient over ranks in the fixed tree, and by MPI itself, which adds in an order that
//! depends on the number of ranks:
//!
//! `cargo bench --features mpi --bench sums --no-run`, then `mpirun -np 2 target/release/deps/sums-…`

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::Instant;

use alpaca_run::base::digest::Digest;
use alpaca_run::cli::mpi as transport;
use alpaca_run::engine::share::Share;
use mpi::collective::SystemOperation;
use mpi::topology::SimpleCommunicator;
use mpi::traits::CommunicatorCollectives;

/// The weights of MobileNetV2 of width 1.0, and those of its largest layer.
const LENGTHS: [usize; 2] = [2_257_984, 409_600];
const MICRO_BATCHES: usize = 16;
const ROUNDS: usize = 31;

/// Milliseconds: the least, the median and the most.
fn times(mut work: impl FnMut()) -> [f64; 3] {
    let mut all: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    [all[0], all[ROUNDS / 2], all[ROUNDS - 1]]
}

/// What a sum is, shortly.
fn digest(sum: &[f32]) -> String {
    let bytes: Vec<u8> = sum.iter().flat_map(|value| value.to_le_bytes()).collect();
    Digest::of(&bytes).to_string()[..8].to_owned()
}

fn main() {
    let (process, peers) = transport::join().expect("MPI can be used");
    let (rank, count) = (peers.rank(), peers.count());
    for len in LENGTHS {
        let share = Share::new(MICRO_BATCHES, std::sync::Arc::clone(&peers));
        // Gradients of micro-batches, the same whatever the number of ranks.
        let own: Vec<f32> = peers
            .share(MICRO_BATCHES)
            .flat_map(|piece| {
                (0..len).map(move |i| ((i * 31 + piece * 17) % 1009) as f32 / 1009.0 - 0.3)
            })
            .collect();
        let sums = share.own_sums(&own, len);
        let block: Vec<f32> =
            (0..len).map(|i| own.iter().skip(i).step_by(len).sum::<f32>()).collect();
        let mut of_mpi = vec![0.0_f32; len];
        let by_mpi = times(|| {
            let sum = SystemOperation::sum();
            SimpleCommunicator::world().all_reduce_into(&block[..], &mut of_mpi[..], sum);
        });
        let mut ordered = vec![];
        let in_order = times(|| ordered = share.total(sums.clone(), len));
        if rank == 0 {
            let line = |[least, median, most]: [f64; 3], sum: &[f32]| {
                format!("{median:.2} ms ({least:.2} to {most:.2}), {}", digest(sum))
            };
            println!("{count} ranks, {len} numbers");
            println!("  MPI_Allreduce  {}", line(by_mpi, &of_mpi));
            println!("  in order       {}", line(in_order, &ordered));
        }
    }
    process.leave(None);
}
