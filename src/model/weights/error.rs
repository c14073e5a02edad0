//! Errors of weights files.

use std::fmt;
use std::path::PathBuf;

use crate::base::fs::FileError;
use crate::base::text;
use crate::model::{timm, torchvision};
use crate::spec::{Architecture, Convention, Preprocessing};

/// A file that is damaged, or contains something that tensors do not need.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct FormatError {
    what: String,
    /// What to do about it.
    hint: &'static str,
}

impl FormatError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        let hint = "use weights in a safetensors, PyTorch (.pth), Keras (.h5) or ONNX file";
        Self { what: what.into(), hint }
    }

    /// A file that ends before its content does.
    pub(super) fn cut_off(how: impl fmt::Display) -> Self {
        let what = format!("it seems to be cut off: {how}");
        Self { what, hint: "download or copy the file again" }
    }

    /// A file of PyTorch with other things than tensors.
    pub(super) fn no_tensors(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: "save `model.state_dict()`, not the model" }
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
    /// Several models of the network have the same tensor names, and nothing tells which it is.
    #[error(
        "`{}` could be one of several models of {}, which {} images differently",
        path.display(),
        architecture.title_of(*width),
        different(*architecture, *width)
    )]
    UnknownTimm {
        /// Path of the file.
        path: PathBuf,
        /// Network of the pipeline.
        architecture: Architecture,
        /// Its width; 1 if its family has no other.
        width: f64,
        /// Why the `config.json` beside it does not tell.
        config: Option<String>,
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
            Self::UnknownTimm { config, .. } => config.iter().cloned().collect(),
            Self::File(_)
            | Self::Format { .. }
            | Self::Unsupported { .. }
            | Self::NoClassifier { .. } => vec![],
        }
    }

    /// How to fix the problem.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(_) | Self::Mismatch { .. } => vec![],
            Self::Format { source, .. } => vec![source.hint.to_owned()],
            Self::UnknownTimm { architecture, width, .. } => {
                vec![format!(
                    "name the file after its model, as in {}; or put the model's `config.json` \
                     beside it, with `mean` and `std` under `pretrained_cfg`",
                    names_of_files(*architecture, *width)
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

/// What the conventions of weights do differently.
fn different(architecture: Architecture, width: f64) -> &'static str {
    let mut conventions = timm::possible(architecture, width).into_iter().map(|(_, found)| found);
    let Some(first) = conventions.next() else { return "scale" };
    let pads = |convention: Convention| (convention.pads_evenly(), convention.epsilon().to_bits());
    if conventions.any(|convention| pads(convention) != pads(first)) {
        "pad or scale"
    } else {
        "scale"
    }
}

/// A name of a file for each convention of weights.
fn names_of_files(architecture: Architecture, width: f64) -> String {
    let names = timm::possible(architecture, width).into_iter().map(|(name, convention)| {
        let in_torchvision = torchvision::file_named_as_in_timm(architecture)
            .filter(|_| convention == Convention::of_torchvision(architecture));
        match in_torchvision {
            Some(other) => {
                format!("`{name}` or torchvision's `{other}` ({})", values_of(convention))
            }
            None => format!("`{name}` ({})", values_of(convention)),
        }
    });
    text::join(names, "or")
}

/// The pixel values that a network was trained with.
fn values_of(convention: Convention) -> String {
    let padding = if convention.pads_evenly() { "PyTorch's" } else { "TensorFlow's" };
    let values = match convention.preprocessing() {
        Preprocessing::MinusOneToOne => "pixel values from -1 to 1",
        Preprocessing::ZeroToOne => "pixel values from 0 to 1",
        Preprocessing::ZeroTo255 => "pixel values from 0 to 255",
        Preprocessing::ImagenetStatistics => "ImageNet's mean and standard deviation",
        Preprocessing::Statistics { .. } => "statistics of its own",
    };
    format!("{padding} padding, {values}")
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

    /// All differences in one phrase, with a name of each kind.
    pub fn summary(&self) -> String {
        let parts = [
            (&self.different, "with another shape or type"),
            (&self.missing, "missing"),
            (&self.unexpected, "that the network does not have"),
        ];
        let parts = parts.into_iter().filter_map(|(names, what)| {
            let first = names.first()?;
            Some(format!("{} {what} (`{first}`)", text::count(names.len(), "tensor")))
        });
        text::join(parts, "and")
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
