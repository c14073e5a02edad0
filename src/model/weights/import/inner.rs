//! A file of a network inside other modules, whose names come before those of all tensors.

use std::collections::BTreeMap;

use super::{TensorFile, names};
use crate::model::weights::error::FormatError;
use crate::spec::Convention;

/// The tensors of a file without the prefix that they all have.
struct Inner {
    file: Box<dyn TensorFile>,
    prefix: String,
    shapes: BTreeMap<String, Vec<usize>>,
}

/// A file without the modules around its network, if there are any.
pub(super) fn without_prefix(file: Box<dyn TensorFile>) -> Box<dyn TensorFile> {
    let all = file.shapes().keys().map(String::as_str);
    let Some(prefix) = names::prefix(all).map(str::to_owned) else { return file };
    let shapes = file.shapes().iter();
    let shapes = shapes.map(|(name, shape)| (name[prefix.len()..].to_owned(), shape.clone()));
    Box::new(Inner { shapes: shapes.collect(), file, prefix })
}

impl TensorFile for Inner {
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    fn convention(&self) -> Option<Convention> {
        self.file.convention()
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError> {
        self.file.read(&format!("{}{name}", self.prefix))
    }
}
