//! The order in which images are visited in an epoch.

use alpaca_random::SeedStream;

use super::examine::Dataset;

/// Sorts `positions` into the random order of one epoch. Each image sorts by a number from the
/// stream of its path, so the order depends only on the stream and the images.
pub fn shuffled(dataset: &Dataset, positions: &[usize], epoch: SeedStream) -> Vec<usize> {
    let mut order = positions.to_vec();
    order.sort_by_cached_key(|&position| {
        let path = &dataset.samples[position].candidate.path;
        (epoch.child(path).sort_key(), position)
    });
    order
}
