//! Throughput: items per second.

use std::time::Duration;

/// Items per second of the slowest, the median and the fastest of several passes over `n` items.
///
/// # Panics
/// When there is no pass.
pub fn rates(n: usize, mut times: Vec<Duration>) -> [f64; 3] {
    times.sort();
    [times.len() - 1, times.len() / 2, 0]
        .map(|position| n as f64 / times[position].as_secs_f64().max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_slowest_the_median_and_the_fastest_pass() {
        let times = [1, 4, 2].map(Duration::from_secs);
        assert_eq!(rates(8, times.to_vec()), [2.0, 4.0, 8.0]);
    }
}
