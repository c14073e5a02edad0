//! Writes weights as safetensors files, under Keras's names.

use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::Weights;
use crate::base::fs::{self, FileError};
use crate::base::tensor::Tensor;
use crate::spec::Convention;

/// A tensor of a file.
pub(super) fn tensor(view: &TensorView<'_>) -> Tensor {
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Tensor::new(view.shape(), values.collect())
}

/// The values of a tensor as bytes of a file.
pub(super) fn bytes(tensor: &Tensor) -> Vec<u8> {
    tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Bytes of a shape for a file.
pub(super) fn view<'a>(bytes: &'a [u8], shape: &[usize]) -> TensorView<'a> {
    TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("a tensor has four bytes a value")
}

/// The metadata entry with the convention of the network.
pub(super) const CONVENTION: &str = "convention";

/// Weights as the bytes of a safetensors file, with the convention of their network.
pub fn encode(weights: &Weights, convention: Convention) -> Vec<u8> {
    let tensors: Vec<(&str, Vec<u8>, &[usize])> =
        weights.iter().map(|(name, tensor)| (name, bytes(tensor), tensor.shape())).collect();
    let views = tensors.iter().map(|(name, bytes, shape)| (*name, view(bytes, shape)));
    let metadata = [(CONVENTION.to_owned(), convention.name().to_owned())].into();
    safetensors::serialize(views, Some(metadata))
        .expect("tensors have distinct names and sound shapes")
}

/// Writes weights as a safetensors file, complete or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save(path: &Path, weights: &Weights, convention: Convention) -> Result<(), FileError> {
    fs::write_atomic(path, &encode(weights, convention))
}
