//! Pictures: where they are, how they are split, sized and batched.

use alpaca_painter::Kind;
use serde::{Deserialize, Serialize, Serializer};

use super::Location;

/// The dataset of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetSpec {
    /// Where they come from.
    #[serde(flatten)]
    pub source: DatasetSource,
    /// The size every picture is brought to.
    pub image_size: ImageSize,
    /// How it is brought to that size.
    pub resize: ResizeSpec,
    /// Training, validation and test shares.
    pub split: SplitSpec,
    /// Pictures a step.
    pub batch_size: usize,
    /// How far decoding runs ahead. Not part of any result.
    pub prefetch: Prefetch,
    /// What happens when a file is not a readable picture.
    pub on_bad_image: OnBadImage,
    /// What happens to copies of an image.
    pub duplicates: Duplicates,
}

/// Where the pictures of a dataset come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetSource {
    /// A folder with one folder per class.
    Directory(Location),
    /// They are drawn.
    Generator(GeneratorSpec),
}

impl DatasetSource {
    /// Whether training pictures are others in each epoch.
    pub fn is_afresh(&self) -> bool {
        matches!(self, Self::Generator(generator) if generator.afresh)
    }
}

/// Pictures that are drawn from formulas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GeneratorSpec {
    /// What is drawn; classes take turns among the kinds.
    pub kinds: Vec<Kind>,
    /// How many classes there are.
    pub classes: usize,
    /// How many pictures each class has.
    pub images: usize,
    /// The root of all that is drawn.
    pub seed: u64,
    /// Whether training pictures are others in each epoch.
    pub afresh: bool,
}

/// A picture's size in pixels; written as one number where it is square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.height == self.width {
            serializer.serialize_u64(self.height as u64)
        } else {
            [self.height, self.width].serialize(serializer)
        }
    }
}

/// How a picture is brought to size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ResizeSpec {
    /// The filter.
    pub interpolation: Interpolation,
    /// Whether the filter widens when a picture shrinks, so that no detail turns into noise.
    pub antialias: bool,
    /// What happens to pictures of another shape.
    pub fit: Fit,
}

/// A filter for resizing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Interpolation {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos3,
}

/// What happens to a picture whose shape is not that of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// It is stretched.
    Stretch,
    /// Its centre is cut out.
    Crop,
    /// It is centred on black.
    Pad,
}

/// The shares of the dataset; they sum to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SplitSpec {
    /// Share that trains.
    pub train: f64,
    /// Share that validates.
    pub validation: f64,
    /// Share that is set aside; may be zero.
    pub test: f64,
    /// How pictures are drawn.
    pub by: SplitBy,
    /// The root of the draw.
    pub seed: u64,
}

/// How pictures are drawn for a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// The same shares within each class.
    Stratified,
    /// Shares of the whole dataset.
    Random,
}

/// How many batches are made ahead of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefetch {
    /// As many as keep the threads busy.
    Auto,
    /// This many.
    Batches(usize),
}

impl Serialize for Prefetch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Batches(batches) => serializer.serialize_u64(*batches as u64),
        }
    }
}

/// What happens when a file is not a readable picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadImage {
    /// All such files are listed and nothing runs.
    Error,
    /// All such files are listed and left out.
    Skip,
}

/// What happens to copies of an image: files with the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Nothing runs where the same image is in two classes, or in two parts of the split.
    Error,
    /// The first of them stays; none where they are in two classes.
    Drop,
    /// All stay.
    Keep,
}
