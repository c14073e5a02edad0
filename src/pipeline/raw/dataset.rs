//! `dataset:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// The pictures and their split.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawDataset {
    /// The folder with one folder per class. Classes are numbered in the order of their sorted names.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) directory: Option<String>,
    /// Pictures drawn from formulas, in place of a folder.
    pub(in crate::pipeline) generator: Option<RawGenerator>,
    /// The size every picture is brought to: one number for a square, or `[height, width]`.
    #[serde(default)]
    pub(in crate::pipeline) image_size: RawImageSize,
    /// How pictures are brought to that size.
    #[serde(default = "defaults::resize")]
    pub(in crate::pipeline) resize: RawResize,
    /// How pictures are divided into training, validation and test.
    #[serde(default = "defaults::split")]
    pub(in crate::pipeline) split: RawSplit,
    /// Pictures a step.
    #[serde(default = "defaults::batch_size")]
    #[schemars(range(min = 1, max = 65536))]
    pub(in crate::pipeline) batch_size: usize,
    /// How many batches are decoded and augmented ahead of training: `auto`, or a number.
    #[serde(default = "defaults::prefetch")]
    pub(in crate::pipeline) prefetch: RawPrefetch,
    /// What happens when a file is not a readable picture. All such files are listed either way.
    #[serde(default = "defaults::on_bad_image")]
    pub(in crate::pipeline) on_bad_image: RawOnBadImage,
    /// What happens to copies of an image: files with the same content.
    #[serde(default = "defaults::duplicates")]
    pub(in crate::pipeline) duplicates: RawDuplicates,
}

/// Pictures drawn from formulas while they are needed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawGenerator {
    /// What is drawn; classes take turns among the kinds.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) kinds: Vec<RawKind>,
    /// How many classes there are.
    #[schemars(range(min = 2, max = 100_000))]
    pub(in crate::pipeline) classes: usize,
    /// How many pictures each class has.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub(in crate::pipeline) images: usize,
    /// The root of all that is drawn; the pipeline's seed where it is left out.
    pub(in crate::pipeline) seed: Option<u64>,
    /// Whether training pictures are others in each epoch; validation pictures never are.
    #[serde(default)]
    pub(in crate::pipeline) afresh: bool,
}

/// A kind of drawn pictures.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawKind {
    /// Figures of affine maps, in colours.
    Fractals,
    /// Outlines filled with cloth.
    Contours,
    /// Surfaces: cells, stripes, spots, strands, weaves.
    Textures,
    /// Things of a few rounded parts, lit and seen from any side.
    Solids,
    /// Four-legged animals of made-up species in landscapes.
    Animals,
    /// The build and the coat of a made-up animal, painted in a scene; about twelve times slower to draw than the others.
    Species,
}

/// A size in pixels: one number for a square, or `[height, width]`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawImageSize {
    /// A square.
    Side(usize),
    /// Height and width.
    HeightWidth([usize; 2]),
}

impl Default for RawImageSize {
    fn default() -> Self {
        Self::Side(defaults::image_size())
    }
}

/// How pictures are brought to size.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawResize {
    /// The filter.
    #[serde(default = "defaults::interpolation")]
    pub(in crate::pipeline) interpolation: RawInterpolation,
    /// Whether the filter widens when a picture shrinks, so that fine detail does not turn into noise.
    #[serde(default = "defaults::antialias")]
    pub(in crate::pipeline) antialias: bool,
    /// What happens to pictures of another shape.
    #[serde(default = "defaults::fit")]
    pub(in crate::pipeline) fit: RawFit,
}

/// A filter.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawInterpolation {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos3,
}

/// What happens to pictures of another shape than `image_size`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFit {
    /// They are stretched, as Keras does by default.
    Stretch,
    /// Their centre is cut out.
    Crop,
    /// They are centred on black.
    Pad,
}

/// Shares of the dataset. They sum to one; `train` is what the others leave where it is left out.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSplit {
    /// Share of the pictures that train.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) train: Option<f64>,
    /// Share of the pictures that validate.
    #[serde(default = "defaults::validation")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) validation: f64,
    /// Share of the pictures that no stage looks at.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) test: f64,
    /// How pictures are drawn.
    #[serde(default = "defaults::split_by")]
    pub(in crate::pipeline) by: RawSplitBy,
    /// The root of the draw; the pipeline's seed where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) seed: Option<u64>,
}

/// How pictures are drawn.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSplitBy {
    /// The same shares within each class.
    Stratified,
    /// Shares of the whole dataset, whatever the classes.
    Random,
}

/// How many batches are made ahead of training.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawPrefetch {
    /// As many as keep the threads busy.
    Auto(Auto),
    /// This many.
    Batches(#[schemars(range(min = 1, max = 1024))] usize),
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum Auto {
    Auto,
}

/// What happens when a file is not a readable picture.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawOnBadImage {
    /// Nothing runs.
    Error,
    /// The files are left out.
    Skip,
}

/// What happens to copies of an image.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawDuplicates {
    /// Nothing runs where the same image is in two classes, or in two parts of the split. Copies in one class and one part stay.
    Error,
    /// Of copies in one class the first by path stays; an image in two classes is left out of both. What is left out is listed and recorded.
    Drop,
    /// All stay, with a warning about those in two classes or two parts of the split.
    Keep,
}
