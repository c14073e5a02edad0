//! Facts and several sets of weights in one file: a safetensors file whose tensors are called
//! `SET/NAME` and whose metadata holds the facts as JSON.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Weights, file};

/// The entry of the metadata that holds the facts.
const FACTS: &str = "facts";

/// Bytes that are no bundle, or not one with these facts.
#[derive(Debug, thiserror::Error)]
#[error("not a file of ours: {reason}")]
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

/// Facts and weights as bytes; equal ones give equal bytes.
pub fn encode(facts: &impl Serialize, sets: &[(&str, &Weights)]) -> Vec<u8> {
    let facts = serde_json::to_string(facts).expect("facts are plain data");
    let tensors: Vec<(String, Vec<u8>, &[usize])> = sets
        .iter()
        .flat_map(|(set, weights)| weights.iter().map(move |tensor| (set, tensor)))
        .map(|(set, (name, tensor))| (format!("{set}/{name}"), file::bytes(tensor), tensor.shape()))
        .collect();
    let views =
        tensors.iter().map(|(name, bytes, shape)| (name.as_str(), file::view(bytes, shape)));
    let metadata = [(FACTS.to_owned(), facts)].into();
    safetensors::serialize(views, Some(metadata))
        .expect("tensors have distinct names and sound shapes")
}

/// Facts and weights from bytes.
///
/// # Errors
/// When the bytes are no bundle, or its facts are of another kind.
pub fn decode<T: DeserializeOwned>(
    bytes: &[u8],
) -> Result<(T, BTreeMap<String, Weights>), BundleError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| BundleError::of(&error))?;
    let facts = header.metadata().as_ref().and_then(|metadata| metadata.get(FACTS));
    let facts = facts.ok_or_else(|| BundleError::new("no facts in it"))?;
    let facts = serde_json::from_str(facts).map_err(|error| BundleError::of(&error))?;
    let mut sets: BTreeMap<String, Weights> = BTreeMap::new();
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| BundleError::of(&error))?;
    for (name, view) in tensors.iter() {
        let (set, name) =
            name.split_once('/').ok_or_else(|| BundleError::new("a tensor without a set"))?;
        sets.entry(set.to_owned()).or_default().insert(name, file::tensor(&view));
    }
    Ok((facts, sets))
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
        let bytes = encode(&facts, &[("first", &first), ("second", &second)]);
        let (again, sets): ((f64, f64, String), _) = decode(&bytes).unwrap();
        assert_eq!(again, facts);
        assert_eq!(
            sets,
            BTreeMap::from([("first".to_owned(), first), ("second".to_owned(), second)])
        );
        assert!(decode::<u32>(&bytes).is_err());
        assert!(decode::<u32>(b"rubbish").is_err());
        assert!(decode::<(f64, f64, String)>(&bytes[..bytes.len() - 1]).is_err());
    }
}
