//! The dataset: where its images come from, and how they are split, resized and batched.

use alpaca_painter::Kind;
use serde::{Deserialize, Serialize, Serializer};

use super::Location;

/// The dataset of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetSpec {
    /// Where the images come from.
    #[serde(flatten)]
    pub source: DatasetSource,
    /// Size that every image is resized to.
    pub image_size: ImageSize,
    /// How images are resized.
    pub resize: ResizeSpec,
    /// Fractions of the training, validation and test sets.
    pub split: SplitSpec,
    /// Images per step.
    pub batch_size: usize,
    /// Number of batches decoded ahead. It does not affect results.
    pub prefetch: Prefetch,
    /// What to do with files that are not readable images.
    pub on_bad_image: OnBadImage,
    /// What to do with copies of an image.
    pub duplicates: Duplicates,
}

/// Where the images of a dataset come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetSource {
    /// A directory with one subdirectory per class.
    Directory(Location),
    /// They are drawn from formulas.
    Generator(GeneratorSpec),
}

impl DatasetSource {
    /// Whether new training images are drawn in each epoch.
    pub fn is_afresh(&self) -> bool {
        matches!(self, Self::Generator(generator) if generator.afresh)
    }
}

/// Images that are drawn from formulas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GeneratorSpec {
    /// Kinds of images. Classes alternate between them.
    pub kinds: Vec<Kind>,
    /// Number of classes.
    pub classes: usize,
    /// Number of images per class.
    pub images: usize,
    /// Seed of the drawn images.
    pub seed: u64,
    /// Whether new training images are drawn in each epoch.
    pub afresh: bool,
}

/// The size of an image in pixels, written as one number if it is square.
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

/// How an image is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ResizeSpec {
    /// Filter that computes the new pixels.
    pub interpolation: Interpolation,
    /// Whether to widen the filter when an image is made smaller, so that detail does not turn into
    /// noise.
    pub antialias: bool,
    /// What to do with images of another aspect ratio.
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

/// What to do with an image whose aspect ratio differs from that of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Stretch it.
    Stretch,
    /// Crop it around the center.
    Crop,
    /// Center it and pad it with black.
    Pad,
}

/// The fractions of the dataset, which sum to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SplitSpec {
    /// Fraction in the training set.
    pub train: f64,
    /// Fraction in the validation set.
    pub validation: f64,
    /// Fraction in the test set; may be zero.
    pub test: f64,
    /// How images are drawn for each part.
    pub by: SplitBy,
    /// Seed of the split.
    pub seed: u64,
}

/// How images are drawn for each part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// The same fractions of each class.
    Stratified,
    /// Fractions of the whole dataset, regardless of the classes.
    Random,
}

/// Number of batches to prepare ahead of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefetch {
    /// As many as keep the threads busy.
    Auto,
    /// A fixed number.
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

/// What to do with files that are not readable images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadImage {
    /// List all of them and do not start the run.
    Error,
    /// List all of them and leave them out.
    Skip,
}

/// What to do with copies of an image, which are files with the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Do not start the run if the same image is in two classes, or in two parts of the split.
    Error,
    /// Keep the first copy, or none if the copies are in two classes.
    Drop,
    /// Keep all copies.
    Keep,
}
