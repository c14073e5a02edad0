//! The peak throughput of this machine: of its arithmetic, and of its memory.

use std::fmt;
use std::time::Instant;

use alpaca_kernels::Kernels;
use rayon::prelude::*;

use crate::model::network::Network;

/// Multiply-adds per second of all threads without memory accesses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Of the numbers that convolutions multiply.
    pub numbers: f64,
    /// Of bytes, if some layers multiply those.
    pub bytes: Option<f64>,
}

impl Peak {
    /// The peak of `n_threads` threads.
    pub fn measure(network: &Network, n_threads: usize) -> Self {
        let kernels = Kernels::best().in_precision(network.precision);
        let bytes =
            (network.n_int8_units > 0).then(|| peak(n_threads, |n| kernels.byte_multiply_adds(n)));
        Self { numbers: peak(n_threads, |n| kernels.multiply_adds(n)), bytes }
    }

    /// The seconds that multiply-adds take, of which `of_bytes` are of bytes.
    pub fn seconds(self, multiply_adds: f64, of_bytes: f64) -> f64 {
        let numbers = (multiply_adds - of_bytes) / self.numbers;
        numbers + of_bytes / self.bytes.unwrap_or(self.numbers)
    }
}

impl fmt::Display for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peak: {:.1} billion multiply-adds per second", self.numbers / 1e9)?;
        match self.bytes {
            Some(bytes) => write!(f, ", {:.1} of `int8`", bytes / 1e9),
            None => Ok(()),
        }
    }
}

fn peak(n_threads: usize, multiply_adds: impl Fn(usize) -> f64 + Sync) -> f64 {
    /// Long enough for clock frequencies to settle.
    const N: usize = 20_000_000;
    let tasks: Vec<usize> = (0..n_threads).collect();
    let rates = (0..3).map(|_| {
        let start = Instant::now();
        let n: f64 = tasks.par_iter().with_max_len(1).map(|_| multiply_adds(N)).sum();
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
