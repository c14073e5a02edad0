//! Errors of weights files.

use std::path::PathBuf;

use crate::base::fs::FileError;
use crate::base::text;
use crate::model::timm;
use crate::spec::Architecture;

/// A file that is damaged, or contains something that tensors do not need.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FormatError(String);

impl FormatError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Weights that could not be read or do not fit.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a weights file.
    #[error("`{}` cannot be used as weights", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Problem of the file.
        source: FormatError,
    },
    /// The tensors are not those of the model.
    #[error("the weights in `{}` do not fit the model", path.display())]
    Mismatch {
        /// Path of the file.
        path: PathBuf,
        /// All differences.
        mismatch: Mismatch,
    },
    /// timm publishes several models of the network under the same names, and nothing tells which it
    /// is.
    #[error(
        "`{}` could be one of several models of {} in timm, which pad or scale images differently",
        path.display(),
        architecture.title()
    )]
    UnknownTimm {
        /// Path of the file.
        path: PathBuf,
        /// Network of the pipeline.
        architecture: Architecture,
    },
    /// The file holds weights of a network that differs from the one here.
    #[error("`{}` cannot be used as weights: {what}", path.display())]
    Unsupported {
        /// Path of the file.
        path: PathBuf,
        /// What the file holds.
        what: String,
        /// What to use instead.
        hint: String,
    },
    /// The tensors do not include an ImageNet classifier.
    #[error("`{}` contains no classifier of ImageNet's 1,000 classes", path.display())]
    NoClassifier {
        /// Path of the file.
        path: PathBuf,
    },
}

impl WeightsError {
    /// All differences.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Mismatch { mismatch, .. } => mismatch.explain(),
            Self::File(_)
            | Self::Format { .. }
            | Self::UnknownTimm { .. }
            | Self::Unsupported { .. }
            | Self::NoClassifier { .. } => vec![],
        }
    }

    /// How to fix the problem.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(_) | Self::Mismatch { .. } => vec![],
            Self::Format { .. } => {
                vec![
                    "use weights in a safetensors, PyTorch (.pth), Keras (.h5) or ONNX file"
                        .to_owned(),
                ]
            }
            Self::UnknownTimm { architecture, .. } => {
                let mut names: Vec<String> = vec![];
                let mut conventions = vec![];
                for model in timm::models_of(*architecture) {
                    if !conventions.contains(&model.convention) {
                        conventions.push(model.convention);
                        names.push(format!("{}.safetensors", model.full_name()));
                    }
                }
                let names = text::any_of(names.iter().map(String::as_str));
                vec![format!(
                    "name the file after the model in timm, as in {names}, or put the model's \
                     `config.json` beside it"
                )]
            }
            Self::Unsupported { hint, .. } => vec![hint.clone()],
            Self::NoClassifier { .. } => {
                vec![
                    "use a file that includes it; `no_top` files and the weights of a run do not"
                        .to_owned(),
                ]
            }
        }
    }
}

/// How the tensors of a file differ from the parameters of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Parameters that are missing from the file.
    pub missing: Vec<String>,
    /// Tensors that the model does not have.
    pub unexpected: Vec<String>,
    /// Tensors of a different shape or type, with both.
    pub different: Vec<String>,
}

impl Mismatch {
    /// Whether there is no difference.
    pub(super) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.different.is_empty()
    }

    fn explain(&self) -> Vec<String> {
        [
            part(&self.different, "with another shape or type than in the model"),
            part(&self.missing, "missing from the file"),
            part(&self.unexpected, "in the file but not in the model"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The number of tensors and their names; `None` if there are none.
fn part(names: &[String], what: &str) -> Option<String> {
    let lines = text::first_lines(names, 5);
    (!names.is_empty()).then(|| format!("{} {what}:\n{lines}", text::count(names.len(), "tensor")))
}
