//! Encodes predictions as lists of numbers.

use std::collections::BTreeMap;

use crate::model::weights::bundle::{BundleError, Numbers};
use crate::train::evaluate::Prediction;

/// The position of each image in its dataset.
const SAMPLES: &str = "samples";
/// The class of each image.
const LABELS: &str = "labels";
/// The probability of each class, image after image.
const PROBABILITIES: &str = "probabilities";

/// Predictions as lists of numbers.
pub(crate) fn numbers(predictions: &[Prediction]) -> [(&'static str, Numbers); 3] {
    let whole = |of: fn(&Prediction) -> usize| {
        Numbers::Integers(predictions.iter().map(|prediction| of(prediction) as u64).collect())
    };
    let probabilities = predictions.iter().flat_map(|prediction| &prediction.probabilities);
    [
        (SAMPLES, whole(|prediction| prediction.sample)),
        (LABELS, whole(|prediction| prediction.label)),
        (PROBABILITIES, Numbers::Floats(probabilities.copied().collect())),
    ]
}

/// Reads predictions from lists of numbers; empty without lists.
///
/// # Errors
/// When the lists do not match.
pub(crate) fn read(
    numbers: &mut BTreeMap<String, Numbers>,
) -> Result<Vec<Prediction>, BundleError> {
    let lists = [SAMPLES, LABELS, PROBABILITIES].map(|name| numbers.remove(name));
    let (samples, labels, probabilities) = match lists {
        [None, None, None] => return Ok(vec![]),
        [
            Some(Numbers::Integers(samples)),
            Some(Numbers::Integers(labels)),
            Some(Numbers::Floats(probabilities)),
        ] if samples.len() == labels.len()
            && probabilities.len().is_multiple_of(samples.len().max(1)) =>
        {
            (samples, labels, probabilities)
        }
        _ => return Err(BundleError::new("the lists of predictions do not match")),
    };
    let n_classes = (probabilities.len() / samples.len().max(1)).max(1);
    let rows = samples.iter().zip(&labels).zip(probabilities.chunks_exact(n_classes));
    let predictions = rows.map(|((&sample, &label), row)| Prediction {
        sample: sample as usize,
        label: label as usize,
        probabilities: row.to_vec(),
    });
    Ok(predictions.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_come_back_as_they_were() {
        let prediction = |sample, label, probabilities: [f64; 3]| Prediction {
            sample,
            label,
            probabilities: probabilities.to_vec(),
        };
        for predictions in
            [vec![], vec![prediction(7, 1, [0.1, 0.2, 0.7]), prediction(3, 0, [1.0 / 3.0; 3])]]
        {
            let lists = numbers(&predictions);
            let mut lists: BTreeMap<String, Numbers> =
                lists.into_iter().map(|(name, numbers)| (name.to_owned(), numbers)).collect();
            assert_eq!(read(&mut lists).unwrap(), predictions);
            assert!(lists.is_empty());
        }
    }
}
