//! The images of an epoch and the order in which they are visited.

use alpaca_random::SeedStream;

use super::examine::Dataset;
use crate::base::batch::Visit;

/// Visits each image at `positions` once, in random order. Each image sorts by a number from the
/// stream of its path, so the order depends only on the stream and the images.
pub fn shuffled(dataset: &Dataset, positions: &[usize], epoch: SeedStream) -> Vec<Visit> {
    let mut order = positions.to_vec();
    order.sort_by_cached_key(|&position| {
        (epoch.child(path(dataset, position)).sort_key(), position)
    });
    order.into_iter().map(Visit::from).collect()
}

/// Visits as many images as there are `positions`, each class equally often, in random order.
///
/// The visits are shared out evenly among the classes; if they cannot be, the classes with the
/// lowest numbers from the streams of their names get one more. A class takes all of its images as
/// often as they fit into its share, and the rest of it are the images with the lowest numbers from
/// the streams of their paths. So within a class no image is visited more than once more often than
/// another. The numbers of `draw` decide which images are visited, those of `epoch` their order.
pub fn balanced(
    dataset: &Dataset,
    positions: &[usize],
    draw: SeedStream,
    epoch: SeedStream,
) -> Vec<Visit> {
    let mut classes: Vec<(usize, Vec<usize>)> =
        (0..dataset.classes.len()).map(|class| (class, vec![])).collect();
    for &position in positions {
        classes[dataset.samples[position].candidate.label].1.push(position);
    }
    classes.retain(|(_, images)| !images.is_empty());
    classes
        .sort_by_cached_key(|(class, _)| (draw.child(&dataset.classes[*class]).sort_key(), *class));
    let n_classes = classes.len().max(1);
    let (share, n_larger) = (positions.len() / n_classes, positions.len() % n_classes);
    let mut visits = Vec::with_capacity(positions.len());
    for (rank, (_, mut images)) in classes.into_iter().enumerate() {
        let mut left = share + usize::from(rank < n_larger);
        for repeat in 0.. {
            if left < images.len() {
                let stream = draw.at(repeat as u64);
                images.sort_by_cached_key(|&position| {
                    (stream.child(path(dataset, position)).sort_key(), position)
                });
                images.truncate(left);
            }
            visits.extend(images.iter().map(|&sample| Visit { sample, repeat }));
            left -= images.len();
            if left == 0 {
                break;
            }
        }
    }
    visits.sort_by_cached_key(|&Visit { sample, repeat }| {
        let stream = epoch.child(path(dataset, sample)).at(repeat as u64);
        (stream.sort_key(), sample, repeat)
    });
    visits
}

fn path(dataset: &Dataset, position: usize) -> &str {
    &dataset.samples[position].candidate.path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::digest::Digest;
    use crate::dataset::examine::Sample;
    use crate::dataset::likeness::Likeness;
    use crate::dataset::scan::Candidate;

    /// A dataset of so many images per class, which are listed backwards if `reversed`.
    fn dataset(counts: &[usize], reversed: bool) -> Dataset {
        let of_class = |(class, &n): (usize, &usize)| {
            let sample = move |i: usize| {
                let path = format!("c{class}/{i:03}.jpg");
                let digest = Digest::of(path.as_bytes());
                let likeness = Likeness::default();
                Sample { candidate: Candidate::of_file(&path, class), digest, likeness }
            };
            (0..n).map(sample).collect::<Vec<_>>()
        };
        let mut samples: Vec<Sample> = counts.iter().enumerate().flat_map(of_class).collect();
        if reversed {
            samples.reverse();
        }
        let classes = (0..counts.len()).map(|class| format!("c{class}")).collect();
        Dataset { classes, samples, ..Dataset::default() }
    }

    /// The visits of an epoch as paths and repeats.
    fn visits(dataset: &Dataset, epoch: u64) -> Vec<(String, usize)> {
        let positions: Vec<usize> = (0..dataset.samples.len()).collect();
        let stream = SeedStream::new(1);
        let visits = balanced(
            dataset,
            &positions,
            stream.child("sampling").at(epoch),
            stream.child("order").at(epoch),
        );
        visits.iter().map(|v| (path(dataset, v.sample).to_owned(), v.repeat)).collect()
    }

    #[test]
    fn classes_are_visited_equally_often_and_their_images_too() {
        let dataset = dataset(&[50, 7, 2], false);
        let mut shares = BTreeMap::new();
        for epoch in 0..90 {
            let visits = visits(&dataset, epoch);
            assert_eq!(visits.len(), 59);
            let mut by_class: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
            for (path, _) in visits {
                let class = by_class.entry(path[..2].to_owned()).or_default();
                *class.entry(path).or_default() += 1;
            }
            for ((class, images), n) in by_class.iter().zip([50, 7, 2]) {
                let share: usize = images.values().sum();
                assert!((19..=20).contains(&share), "59 visits for three classes");
                *shares.entry(class.clone()).or_insert(0) += share;
                let least = share / n;
                assert!(images.values().all(|n| (least..=least + 1).contains(n)), "{images:?}");
                assert_eq!(images.len(), n.min(share));
            }
        }
        // Two of three classes get one more in each epoch.
        assert!(shares.values().all(|share| (1750..=1790).contains(share)), "{shares:?}");
    }

    #[test]
    fn the_visits_depend_on_the_epoch_and_not_on_the_order_of_files() {
        let [forwards, backwards] = [false, true].map(|reversed| dataset(&[30, 4], reversed));
        assert_eq!(visits(&forwards, 1), visits(&backwards, 1));
        assert_ne!(visits(&forwards, 1), visits(&forwards, 2));
        let repeats: Vec<usize> =
            visits(&forwards, 1).into_iter().filter(|v| v.0 == "c1/000.jpg").map(|v| v.1).collect();
        assert_eq!(repeats.len(), repeats.iter().collect::<std::collections::BTreeSet<_>>().len());
    }

    #[test]
    fn even_classes_are_visited_like_shuffled_ones() {
        let dataset = dataset(&[20, 20], false);
        assert!(visits(&dataset, 1).iter().all(|(_, repeat)| *repeat == 0));
    }
}
