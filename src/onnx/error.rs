//! Errors of files that cannot be base models.

use std::path::PathBuf;

use super::run;
use crate::base::fs::FileError;
use crate::base::tensor::shape_text;
use crate::spec::problem::Code;
/// A file that cannot be a base model.
#[derive(Debug, thiserror::Error)]
pub enum BackboneError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not an ONNX file, or lacks a part.
    #[error("`{}` cannot be read as an ONNX file: {reason}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// No node or value has this name.
    #[error("the base model has no node or value `{wanted}`")]
    UnknownNode {
        /// Name that was given.
        wanted: String,
        /// Similar names.
        nearest: Vec<String>,
        /// Last values that it computes.
        last: Vec<String>,
    },
    /// Some operators are not supported.
    #[error("tract, which runs ONNX files here, does not support {}", operators(.0))]
    Unsupported(
        /// Each operator with its first node.
        Vec<(String, String)>,
    ),
    /// Its input does not accept the images of the pipeline.
    #[error("{reason}")]
    Input {
        /// What the input accepts.
        reason: String,
        /// Hint on how to fix it.
        hint: String,
    },
    /// Its output is neither an image nor a vector.
    #[error("its features have the shape {}, which no head can use", shape_text(.0))]
    Shape(
        /// Shape for one image, with the number of images first.
        Vec<usize>,
    ),
    /// Its features are not finite numbers.
    #[error(
        "its features of a black image contain {0}: a weight is not a number, or far too large"
    )]
    NotFinite(f32),
    /// It computes features only for a fixed number of images, but images are run one by one.
    #[error(
        "`{}` is fixed to batches of {n_images} images, and its features cannot be computed for one \
         image",
        path.display()
    )]
    FixedBatch {
        /// Path of the file.
        path: PathBuf,
        /// Number of images in its input.
        n_images: usize,
    },
    /// It cannot be run.
    #[error("`{}` cannot be a base model", path.display())]
    Run {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: run::GraphError,
    },
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn operators(all: &[(String, String)]) -> String {
    let named = all.iter().map(|(operator, node)| format!("{operator} (node `{node}`)"));
    named.collect::<Vec<_>>().join(", ")
}

impl BackboneError {
    /// The problem code.
    pub fn code(&self) -> Code {
        match self {
            Self::File(_)
            | Self::Format { .. }
            | Self::Unsupported(_)
            | Self::NotFinite(_)
            | Self::Run { .. } => Code::BaseFile,
            Self::UnknownNode { .. } => Code::UnknownNode,
            Self::Input { .. } | Self::FixedBatch { .. } | Self::Shape(_) => Code::BaseMismatch,
        }
    }

    /// Details.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::UnknownNode { last, .. } => {
                vec![format!("its last values are {}", quoted(last))]
            }
            _ => vec![],
        }
    }

    /// Hint on how to fix it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(_) | Self::Format { .. } | Self::NotFinite(_) => vec![],
            Self::UnknownNode { nearest, .. } if nearest.is_empty() => vec![],
            Self::UnknownNode { nearest, .. } => vec![format!("did you mean {}?", quoted(nearest))],
            Self::Unsupported(_) | Self::Run { .. } => vec![
                "name an earlier node as `features`, or export the network with other operators"
                    .to_owned(),
            ],
            Self::FixedBatch { .. } => vec![
                "export it for one image or for any number of images, or name a node before its \
                 `Reshape` as `features`"
                    .to_owned(),
            ],
            Self::Input { hint, .. } => vec![hint.clone()],
            Self::Shape(_) => vec![
                "name a node whose output has the shape [n, features] or [n, channels, height, width]"
                    .to_owned(),
            ],
        }
    }
}
