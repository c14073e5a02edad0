//! The weights of a network, by name.

pub mod builtin;
pub mod bundle;
pub mod error;
pub mod file;
pub mod import;

use std::collections::BTreeMap;

use crate::base::digest::Digest;
use crate::base::tensor::Tensor;

/// Tensors by the name of their parameter, in name order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// The tensor named `name`.
    ///
    /// # Panics
    /// When it does not exist. Weights are imported or initialized for all parameters of a network.
    pub fn get(&self, name: &str) -> &Tensor {
        match self.0.get(name) {
            Some(tensor) => tensor,
            None => unreachable!("the weights of a network include `{name}`"),
        }
    }

    /// Sets the tensor named `name`.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.0.insert(name.into(), tensor);
    }

    /// Adds all tensors of `other`, and replaces those of the same name.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// All tensors in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The digest of each tensor whose name is not in `except`.
    pub fn digests_except(&self, except: &[String]) -> BTreeMap<String, Digest> {
        let kept = self.0.iter().filter(|(name, _)| !except.contains(name));
        kept.map(|(name, tensor)| (name.clone(), tensor.digest())).collect()
    }
}

impl IntoIterator for Weights {
    type Item = (String, Tensor);
    type IntoIter = std::collections::btree_map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}
