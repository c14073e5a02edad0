//! The order in which images are visited in an epoch.

use alpaca_random::SeedStream;

use super::examine::Dataset;

/// `positions` in the random order of one epoch: each image sorts by a number from the stream of
/// its path, so that the order is a function of the stream and the images alone.
pub fn shuffled(dataset: &Dataset, positions: &[usize], epoch: SeedStream) -> Vec<usize> {
    let mut order = positions.to_vec();
    order.sort_by_cached_key(|&position| {
        let path = &dataset.samples[position].candidate.path;
        (epoch.child(path).sort_key(), position)
    });
    order
}
