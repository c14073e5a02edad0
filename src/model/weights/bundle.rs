//! Bundles: facts, several sets of weights and other numbers in one safetensors file. Its tensors
//! are named `SET/NAME` (weights), `facts` (JSON) or anything else without a slash (numbers). The
//! headers of such files must be small, so nothing that grows with the dataset is stored there.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Weights, file};

/// The tensor that holds the facts.
const FACTS: &str = "facts";

/// Bytes that are not a bundle, or not one with these facts.
#[derive(Debug, thiserror::Error)]
#[error("not an alpaca-run file: {reason}")]
pub struct BundleError {
    reason: String,
}

impl BundleError {
    /// An error for a reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    fn of(error: &impl ToString) -> Self {
        Self::new(error.to_string())
    }
}

/// A list of numbers that are not weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// In double precision.
    Floats(Vec<f64>),
    /// Integers.
    Integers(Vec<u64>),
}

/// The content of a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents<T> {
    /// The facts.
    pub facts: T,
    /// Sets of weights by name.
    pub sets: BTreeMap<String, Weights>,
    /// Other numbers by name.
    pub numbers: BTreeMap<String, Numbers>,
}

/// Writes facts, weights and numbers as bytes. Equal content gives equal bytes.
pub fn encode(
    facts: &impl Serialize,
    sets: &[(&str, &Weights)],
    numbers: &[(String, Numbers)],
) -> Vec<u8> {
    let facts = serde_json::to_vec(facts).expect("facts are plain data");
    let n_facts = [facts.len()];
    let weights = sets
        .iter()
        .flat_map(|(set, weights)| weights.iter().map(move |tensor| (set, tensor)))
        .map(|(set, (name, tensor))| {
            (format!("{set}/{name}"), Dtype::F32, tensor.shape().to_vec(), file::bytes(tensor))
        });
    let numbers = numbers.iter().map(|(name, numbers)| {
        let (kind, n, bytes) = match numbers {
            Numbers::Floats(values) => {
                (Dtype::F64, values.len(), little_endian(values, f64::to_le_bytes))
            }
            Numbers::Integers(values) => {
                (Dtype::U64, values.len(), little_endian(values, u64::to_le_bytes))
            }
        };
        (name.clone(), kind, vec![n], bytes)
    });
    let tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = weights.chain(numbers).collect();
    let views =
        tensors.iter().map(|(name, kind, shape, bytes)| (name.as_str(), view(*kind, shape, bytes)));
    let views = views.chain([(FACTS, view(Dtype::U8, &n_facts, &facts))]);
    safetensors::serialize(views, None).expect("tensors have distinct names and sound shapes")
}

fn little_endian<T: Copy>(values: &[T], bytes: fn(T) -> [u8; 8]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}

fn view<'a>(kind: Dtype, shape: &[usize], bytes: &'a [u8]) -> TensorView<'a> {
    TensorView::new(kind, shape.to_vec(), bytes).expect("the bytes are those of the shape")
}

/// Reads facts, weights and numbers from bytes.
///
/// # Errors
/// When the bytes are not a bundle, or its facts are of another kind.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Contents<T>, BundleError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| BundleError::of(&error))?;
    let facts = tensors.tensor(FACTS).map_err(|error| BundleError::of(&error))?;
    let facts = serde_json::from_slice(facts.data()).map_err(|error| BundleError::of(&error))?;
    let mut contents = Contents { facts, sets: BTreeMap::new(), numbers: BTreeMap::new() };
    for (name, view) in tensors.iter() {
        let eight = || view.data().as_chunks::<8>().0.iter();
        match (name.split_once('/'), view.dtype()) {
            (Some((set, name)), Dtype::F32) => {
                let set: &mut Weights = contents.sets.entry(set.to_owned()).or_default();
                set.insert(name, file::tensor(&view));
            }
            (None, Dtype::F64) => {
                let values = eight().map(|bytes| f64::from_le_bytes(*bytes)).collect();
                contents.numbers.insert(name.to_owned(), Numbers::Floats(values));
            }
            (None, Dtype::U64) => {
                let values = eight().map(|bytes| u64::from_le_bytes(*bytes)).collect();
                contents.numbers.insert(name.to_owned(), Numbers::Integers(values));
            }
            (None, Dtype::U8) if name == FACTS => {}
            _ => return Err(BundleError::new(format!("an unexpected tensor `{name}`"))),
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tensor::Tensor;

    #[test]
    fn facts_and_weights_come_back_as_they_were() {
        let weights = |value: f32| -> Weights {
            [("a/kernel".to_owned(), Tensor::filled(&[2, 3], value))].into_iter().collect()
        };
        // A third has no finite binary expansion, the sum no short decimal one.
        let facts = (1.0f64 / 3.0, 0.1 + 0.2, "text".to_owned());
        let (first, second) = (weights(1.5), weights(-0.1));
        let numbers = [
            ("halves".to_owned(), Numbers::Floats(vec![0.5, 0.1 + 0.2, f64::MIN_POSITIVE])),
            ("counts".to_owned(), Numbers::Integers(vec![0, u64::MAX])),
        ];
        let bytes = encode(&facts, &[("first", &first), ("second", &second)], &numbers);
        let again: Contents<(f64, f64, String)> = decode(&bytes).unwrap();
        let expected = Contents {
            facts,
            sets: [("first", first), ("second", second)]
                .map(|(name, set)| (name.to_owned(), set))
                .into(),
            numbers: numbers.into(),
        };
        assert_eq!(again, expected);
        assert!(decode::<u32>(&bytes).is_err());
        assert!(decode::<u32>(b"rubbish").is_err());
        assert!(decode::<(f64, f64, String)>(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn facts_and_numbers_may_be_larger_than_the_header_of_a_file() {
        let facts = "x".repeat(101_000_000);
        let numbers = [("many".to_owned(), Numbers::Floats(vec![0.1; 5_100_000]))];
        let bytes = encode(&facts, &[], &numbers);
        let again: Contents<String> = decode(&bytes).unwrap();
        assert!(again.facts == facts && again.numbers["many"] == numbers[0].1);
    }
}
