//! Weights in safetensors files, under Keras's names: how they are written, and what can be wrong
//! with files of weights.

use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::Weights;
use super::import::FormatError;
use crate::base::fs::{self, FileError};
use crate::base::tensor::Tensor;
use crate::base::text;
use crate::spec::Convention;

/// Weights that could not be read or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a file of weights.
    #[error("`{}` cannot be used as weights", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// The tensors are not those of the model.
    #[error("the weights in `{}` do not fit the model", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Every difference.
        mismatch: Mismatch,
    },
    /// There is no classifier of ImageNet among the tensors.
    #[error("`{}` holds no classifier of ImageNet's 1,000 classes", path.display())]
    NoClassifier {
        /// The file.
        path: PathBuf,
    },
}

impl WeightsError {
    /// What the message leaves out: the differences, or what to do.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => vec![format!("the system says: {}", error.source)],
            Self::Format { source, .. } => vec![
                source.to_string(),
                "weights are read from safetensors, PyTorch's .pth, Keras's .h5 and ONNX files"
                    .to_owned(),
            ],
            Self::Mismatch { mismatch, .. } => mismatch.explain(),
            Self::NoClassifier { .. } => {
                vec!["files called `no_top`, and the weights of a run, leave it out".to_owned()]
            }
        }
    }
}

/// How the tensors of a file differ from the parameters of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Parameters that the file lacks.
    pub missing: Vec<String>,
    /// Tensors that the model does not have.
    pub unexpected: Vec<String>,
    /// Tensors of another shape or type, with both.
    pub different: Vec<String>,
}

impl Mismatch {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.different.is_empty()
    }

    fn explain(&self) -> Vec<String> {
        let part = |names: &[String], what: &str| {
            let lines = text::first_lines(names, 5);
            (!names.is_empty())
                .then(|| format!("{} {what}:\n{lines}", text::count(names.len(), "tensor")))
        };
        [
            part(&self.different, "of another shape or type than the model's"),
            part(&self.missing, "missing from the file"),
            part(&self.unexpected, "in the file that the model does not have"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A tensor of a file.
pub(super) fn tensor(view: &TensorView<'_>) -> Tensor {
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Tensor::new(view.shape(), values.collect())
}

/// The values of a tensor as a file has them.
pub(super) fn bytes(tensor: &Tensor) -> Vec<u8> {
    tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Bytes of a shape for a file.
pub(super) fn view<'a>(bytes: &'a [u8], shape: &[usize]) -> TensorView<'a> {
    TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("a tensor has four bytes a value")
}

/// The entry of a file's metadata that says how its network is built.
pub(super) const CONVENTION: &str = "convention";

/// Weights as the bytes of a safetensors file, with the convention that they belong to.
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
