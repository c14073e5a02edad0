//! Encodes predictions as lists of numbers.

use std::collections::BTreeMap;

use crate::base::target::Target;
use crate::model::weights::bundle::{BundleError, Numbers};
use crate::train::evaluate::Prediction;

/// The position of each image in its dataset.
const SAMPLES: &str = "samples";
/// The class of each image, if it has one.
const LABELS: &str = "labels";
/// The number of classes of each image, if it may have several, and all of these classes, image after
/// image.
const COUNTS: &str = "counts";
const CLASSES: &str = "classes";
/// The number of each image, if it has one.
const NUMBERS: &str = "numbers";
/// The probability of each class or the estimate, image after image.
const PROBABILITIES: &str = "probabilities";

/// Predictions as lists of numbers. Their names begin with `prefix`.
pub(crate) fn numbers(prefix: &str, predictions: &[Prediction]) -> Vec<(String, Numbers)> {
    let samples = predictions.iter().map(|prediction| prediction.sample as u64).collect();
    let probabilities = predictions.iter().flat_map(|prediction| &prediction.outputs);
    let mut lists = vec![(SAMPLES, Numbers::Integers(samples))];
    let targets = || predictions.iter().map(|prediction| &prediction.target);
    match targets().next() {
        None | Some(Target::Class(_)) => {
            let labels = targets().map(|target| target.class() as u64).collect();
            lists.push((LABELS, Numbers::Integers(labels)));
        }
        Some(Target::Classes(_)) => {
            let counts = targets().map(|target| target.classes().len() as u64).collect();
            let classes = targets().flat_map(Target::classes).map(|class| u64::from(*class));
            lists.push((COUNTS, Numbers::Integers(counts)));
            lists.push((CLASSES, Numbers::Integers(classes.collect())));
        }
        Some(Target::Number(_)) => {
            let numbers = targets().map(Target::number).collect();
            lists.push((NUMBERS, Numbers::Floats(numbers)));
        }
    }
    lists.push((PROBABILITIES, Numbers::Floats(probabilities.copied().collect())));
    lists.into_iter().map(|(name, numbers)| (format!("{prefix}{name}"), numbers)).collect()
}

/// Reads predictions from lists of numbers whose names begin with `prefix`; empty without lists.
///
/// # Errors
/// When the lists do not match.
pub(crate) fn read(
    prefix: &str,
    numbers: &mut BTreeMap<String, Numbers>,
) -> Result<Vec<Prediction>, BundleError> {
    let failed = || BundleError::new("the lists of predictions do not match");
    let mut take = |name: &str| numbers.remove(&format!("{prefix}{name}"));
    let lists = [SAMPLES, PROBABILITIES].map(&mut take);
    let (samples, probabilities) = match lists {
        [None, None] => return Ok(vec![]),
        [Some(Numbers::Integers(samples)), Some(Numbers::Floats(probabilities))] => {
            (samples, probabilities)
        }
        _ => return Err(failed()),
    };
    let targets = targets(take).ok_or_else(failed)?;
    let n = samples.len();
    if targets.len() != n || !probabilities.len().is_multiple_of(n.max(1)) {
        return Err(failed());
    }
    let n_outputs = (probabilities.len() / n.max(1)).max(1);
    let rows = samples.iter().zip(targets).zip(probabilities.chunks_exact(n_outputs));
    let predictions = rows.map(|((&sample, target), row)| Prediction {
        sample: sample as usize,
        target,
        outputs: row.to_vec(),
    });
    Ok(predictions.collect())
}

/// The targets of all images; `None` if the lists are not those of targets.
fn targets(take: impl FnMut(&str) -> Option<Numbers>) -> Option<Vec<Target>> {
    match [LABELS, COUNTS, CLASSES, NUMBERS].map(take) {
        [Some(Numbers::Integers(labels)), None, None, None] => {
            Some(labels.into_iter().map(|label| Target::Class(label as usize)).collect())
        }
        [None, Some(Numbers::Integers(counts)), Some(Numbers::Integers(classes)), None] => {
            let mut rest = classes.into_iter().map(|class| class as u32);
            let sets = counts.iter().map(|&n| {
                let set: Vec<u32> = rest.by_ref().take(n as usize).collect();
                (set.len() as u64 == n).then(|| Target::Classes(set.into()))
            });
            sets.collect()
        }
        [None, None, None, Some(Numbers::Floats(numbers))] => {
            Some(numbers.into_iter().map(Target::Number).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_come_back_as_they_were() {
        let prediction = |sample, target, outputs: &[f64]| Prediction {
            sample,
            target,
            outputs: outputs.to_vec(),
        };
        for predictions in [
            vec![],
            vec![
                prediction(7, Target::Class(1), &[0.1, 0.2, 0.7]),
                prediction(3, Target::Class(0), &[1.0 / 3.0; 3]),
            ],
            vec![
                prediction(7, Target::Classes([0, 2].into()), &[0.1, 0.2, 0.7]),
                prediction(3, Target::Classes([].into()), &[0.9, 0.8, 0.7]),
            ],
            vec![prediction(1, Target::Number(-2.5), &[1.0 / 3.0])],
        ] {
            let mut lists: BTreeMap<String, Numbers> = numbers("", &predictions)
                .into_iter()
                .chain(numbers("other_", &predictions))
                .collect();
            for prefix in ["", "other_"] {
                assert_eq!(read(prefix, &mut lists).unwrap(), predictions);
            }
            assert!(lists.is_empty());
        }
    }
}
