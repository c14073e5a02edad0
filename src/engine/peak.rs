//! The peak throughput of this machine: of its arithmetic, and of its memory.

use std::time::Instant;

use alpaca_kernels::Kernels;
use rayon::prelude::*;

/// Multiply-adds per second of `n_threads` threads without memory accesses.
pub fn peak(kernels: Kernels, n_threads: usize) -> f64 {
    /// Long enough for clock frequencies to settle.
    const N: usize = 20_000_000;
    let tasks: Vec<usize> = (0..n_threads).collect();
    let rates = (0..3).map(|_| {
        let start = Instant::now();
        let n: f64 = tasks.par_iter().with_max_len(1).map(|_| kernels.multiply_adds(N)).sum();
        n / start.elapsed().as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}

/// Bytes per second that `n_threads` threads read from memory together, in arrays that are larger than
/// any cache (the STREAM benchmark, without its writes).
pub fn bandwidth(n_threads: usize) -> f64 {
    /// 256 MiB for each thread.
    const N: usize = 1 << 25;
    let arrays: Vec<Vec<u64>> = (0..n_threads as u64).map(|fill| vec![fill | 1; N]).collect();
    let rates = (0..3).map(|_| {
        let start = Instant::now();
        let sums = arrays.par_iter().with_max_len(1).map(|array| {
            let lanes = array.chunks_exact(8).fold([0u64; 8], |mut sums, values| {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = sum.wrapping_add(*value);
                }
                sums
            });
            lanes.iter().fold(0, |sum: u64, lane| sum.wrapping_add(*lane))
        });
        std::hint::black_box(sums.reduce(|| 0, u64::wrapping_add));
        (n_threads * N * size_of::<u64>()) as f64 / start.elapsed().as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}
