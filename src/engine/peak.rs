//! The peak throughput of this machine.

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
