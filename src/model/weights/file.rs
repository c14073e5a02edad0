//! Weights in safetensors files, under Keras's names.
//!
//! Import is strict: every parameter is there once, in its shape, and nothing else is.

use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use super::Weights;
use crate::base::fs::{self, FileError};
use crate::base::tensor::{Tensor, shape_text};
use crate::base::text;
use crate::model::graph::Parameter;

/// Weights that could not be read or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a safetensors file.
    #[error("`{}` is not a safetensors file", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SafeTensorError,
    },
    /// The tensors are not those of the model.
    #[error("the weights in `{}` do not fit the model", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Every difference.
        mismatch: Mismatch,
    },
}

impl WeightsError {
    /// What the message leaves out: the differences, or what to do.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => vec![format!("the system says: {}", error.source)],
            Self::Format { .. } => {
                vec!["weights are read from safetensors files under Keras's names".to_owned()]
            }
            Self::Mismatch { mismatch, .. } => mismatch.explain(),
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
    fn is_empty(&self) -> bool {
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

/// Reads the weights of `parameters` from a safetensors file.
///
/// # Errors
/// When the file cannot be read, or holds anything but exactly these parameters.
pub fn load(path: &Path, parameters: &[Parameter]) -> Result<Weights, WeightsError> {
    let bytes = fs::read(path)?;
    let format = |source| WeightsError::Format { path: path.to_path_buf(), source };
    let file = SafeTensors::deserialize(&bytes).map_err(format)?;
    let mismatch = compare(&file, parameters);
    if !mismatch.is_empty() {
        return Err(WeightsError::Mismatch { path: path.to_path_buf(), mismatch });
    }
    Ok(file.tensors().into_iter().map(|(name, view)| (name, tensor(&view))).collect())
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

fn compare(file: &SafeTensors<'_>, parameters: &[Parameter]) -> Mismatch {
    let mut mismatch = Mismatch::default();
    for Parameter { name, shape, .. } in parameters {
        match file.tensor(name) {
            Err(_) => mismatch.missing.push(name.clone()),
            Ok(view) if view.shape() != shape || view.dtype() != Dtype::F32 => {
                mismatch.different.push(format!(
                    "{name}: {} {:?} in the file, {} F32 in the model",
                    shape_text(view.shape()),
                    view.dtype(),
                    shape_text(shape)
                ));
            }
            Ok(_) => {}
        }
    }
    let is_known = |name: &&str| parameters.iter().any(|parameter| parameter.name == *name);
    mismatch.unexpected =
        file.names().into_iter().filter(|name| !is_known(name)).map(str::to_owned).collect();
    mismatch.unexpected.sort();
    mismatch
}

/// Writes weights as a safetensors file, complete or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save(path: &Path, weights: &Weights) -> Result<(), FileError> {
    let tensors: Vec<(&str, Vec<u8>, &[usize])> =
        weights.iter().map(|(name, tensor)| (name, bytes(tensor), tensor.shape())).collect();
    let views = tensors.iter().map(|(name, bytes, shape)| (*name, view(bytes, shape)));
    let file =
        safetensors::serialize(views, None).expect("tensors have distinct names and sound shapes");
    fs::write_atomic(path, &file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::Role;

    fn parameter(name: &str, shape: &[usize]) -> Parameter {
        Parameter { name: name.to_owned(), shape: shape.to_vec(), layer: 0, role: Role::Kernel }
    }

    #[test]
    fn weights_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.safetensors");
        let tensor = Tensor::new(&[2, 3], vec![0.0, -1.5, f32::MIN_POSITIVE, 3.0, 4.0, 1e30]);
        let weights: Weights =
            [("b/kernel".to_owned(), tensor.clone()), ("a/kernel".to_owned(), tensor)]
                .into_iter()
                .collect();
        save(&path, &weights).unwrap();
        let parameters = [parameter("a/kernel", &[2, 3]), parameter("b/kernel", &[2, 3])];
        assert_eq!(load(&path, &parameters).unwrap(), weights);
    }

    #[test]
    fn every_difference_is_listed_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights.safetensors");
        let tensor = || Tensor::zeros(&[2]);
        let weights: Weights = ["kept", "extra", "short"]
            .map(|name| (name.to_owned(), tensor()))
            .into_iter()
            .collect();
        save(&path, &weights).unwrap();
        let parameters =
            [parameter("kept", &[2]), parameter("short", &[3]), parameter("gone", &[1])];
        let Err(WeightsError::Mismatch { mismatch, .. }) = load(&path, &parameters) else {
            panic!("a file that does not fit was read")
        };
        assert_eq!(mismatch.missing, ["gone"]);
        assert_eq!(mismatch.unexpected, ["extra"]);
        assert_eq!(mismatch.different, ["short: 2 F32 in the file, 3 F32 in the model"]);
    }
}
