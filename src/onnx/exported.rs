//! Reads classifiers that this program exported as ONNX files.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{ModelProto, ValueInfoProto, type_proto};

use super::run::{GraphError, Model};
use super::{CLASSES, IMAGES, NORMALISED, OUTPUT, OutputKind, RECIPE, Size};
use crate::base::fs::{self, FileError};
use crate::base::tensor::transposed;
use crate::model::weights::import::constants;
use crate::spec::{Alpha, ResizeSpec, TargetSpec};

/// A file that is not a classifier exported by this program.
#[derive(Debug, thiserror::Error)]
pub enum ExportedError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not an ONNX file.
    #[error("`{}` is neither a run directory nor an ONNX file: {reason}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// Another program wrote it, so its metadata is missing.
    #[error("`{}` has no metadata about its classes and its input", .0.display())]
    Foreign(PathBuf),
    /// It cannot be run.
    #[error("`{}` cannot be run", path.display())]
    Run {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: GraphError,
    },
}

impl ExportedError {
    /// Hints on how to fix it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Foreign(_) => vec![
                "files written by `alpaca-run export` have it".to_owned(),
                "to use a network of another program, make it the base model of a pipeline: `model: { \
                 base: { onnx: FILE, features: NODE, preprocessing: … } }`"
                    .to_owned(),
            ],
            Self::File(_) | Self::Format { .. } | Self::Run { .. } => vec![],
        }
    }
}

/// A classifier in an ONNX file.
pub struct Exported {
    /// Names of the classes, in the order of the output.
    pub classes: Vec<String>,
    /// What the output is.
    pub target: TargetSpec,
    /// Input of the graph.
    pub input: ExportedInput,
    /// What is done with the transparency of images before they are given to the graph.
    pub alpha: Alpha,
    /// File, to be prepared for an image size.
    pub model: Model,
}

/// The input of an exported classifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExportedInput {
    /// Images as bytes, of any size or of one fixed size.
    Pixels(Option<Size>),
    /// Values that are computed from images by a recipe.
    Normalised(ReadRecipe),
}

/// The preprocessing of an image for the network.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct ReadRecipe {
    /// Size that images are resized to, in pixels.
    pub size: Size,
    /// How images are resized.
    pub resize: ResizeSpec,
    /// Factor for values from 0 to 255, for red, green and blue.
    pub scale: [f32; 3],
    /// Offset that is added after multiplication.
    pub shift: [f32; 3],
}

/// The part of a recipe that is needed whatever the input of the graph is.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct AlphaOfRecipe {
    #[serde(default)]
    alpha: Alpha,
}

impl ReadRecipe {
    /// Scales resized pixels for the network: from `[height, width, 3]` to `[3, height, width]`.
    pub fn numbers(&self, pixels: &[u8]) -> Vec<f32> {
        let scaled = pixels.iter().enumerate();
        let scaled =
            scaled.map(|(at, &value)| f32::from(value) * self.scale[at % 3] + self.shift[at % 3]);
        transposed(&scaled.collect::<Vec<f32>>(), 3)
    }
}

impl Exported {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or run, or was written by another program.
    pub fn open(path: &Path) -> Result<Self, ExportedError> {
        let bytes = fs::read(path)?;
        let model = constants::read_model(&bytes).map_err(|error| {
            let reason = error.to_string();
            ExportedError::Format { path: path.to_path_buf(), reason }
        })?;
        let foreign = || ExportedError::Foreign(path.to_path_buf());
        let classes: Vec<String> = entry(&model, CLASSES).ok_or_else(foreign)?;
        let states_output = model.metadata_props.iter().any(|entry| entry.key == OUTPUT);
        let target = match entry::<OutputKind>(&model, OUTPUT) {
            // A later version may have outputs that this one would misread.
            None if states_output => return Err(foreign()),
            None => TargetSpec::Class,
            Some(OutputKind::Classes) => TargetSpec::Classes,
            Some(OutputKind::Number) => TargetSpec::Number,
        };
        let inputs = || model.graph.iter().flat_map(|graph| &graph.input);
        let input = match inputs().map(|input| &input.name[..]).collect::<Vec<&str>>()[..] {
            [IMAGES] => ExportedInput::Pixels(inputs().find_map(fixed_size)),
            [NORMALISED] => ExportedInput::Normalised(entry(&model, RECIPE).ok_or_else(foreign)?),
            _ => return Err(foreign()),
        };
        // Files from before there was a choice do not state it.
        let alpha = entry::<AlphaOfRecipe>(&model, RECIPE).unwrap_or_default().alpha;
        let model = Model::read(&bytes)
            .map_err(|source| ExportedError::Run { path: path.to_path_buf(), source })?;
        Ok(Self { classes, target, input, alpha, model })
    }
}

/// The image size of an input `[n, height, width, 3]`, if it is fixed.
fn fixed_size(input: &ValueInfoProto) -> Option<Size> {
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else {
        return None;
    };
    let length = |axis: usize| match tensor.shape.as_ref()?.dim.get(axis)?.value {
        Some(dimension::Value::DimValue(length)) => usize::try_from(length).ok(),
        _ => None,
    };
    Some(Size { height: length(1)?, width: length(2)? })
}

/// A metadata entry that contains JSON.
fn entry<T: DeserializeOwned>(model: &ModelProto, key: &str) -> Option<T> {
    let entry = model.metadata_props.iter().find(|entry| entry.key == key)?;
    serde_json::from_str(&entry.value).ok()
}
