//! `dataset:` as written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// The images, and how they are split and resized.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawDataset {
    /// Directory with one subdirectory of images per class. Classes are numbered in the order of
    /// their sorted names. A directory with `train` and `val` or `test` inside, or other usual names
    /// of parts, is a dataset that is split already.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) directory: Option<String>,
    /// Directory of the training images, with one subdirectory per class, in place of `directory`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) train: Option<String>,
    /// Directory of the validation images, with the classes of `train`. Without it, they are drawn
    /// from `train`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) validation: Option<String>,
    /// Directory of the test images, with the classes of `train`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) test: Option<String>,
    /// Table with a row for each image, in place of `directory`: CSV, TSV, JSON lines or Parquet, also
    /// with the images inside. The tables of a run, splits.csv and predictions.csv, are such tables.
    /// `data/{000..099}.parquet` are a hundred files, and `*` is any text of a file name.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) table: Option<String>,
    /// Names of the columns of `table`, or of the keys in the JSON files of shards. Usual names, such
    /// as `path`, `file_name`, `label`, `class`, `split` and `group`, are found without it.
    pub(in crate::pipeline) columns: Option<RawColumns>,
    /// Directory that the paths in `table` are relative to. By default the directory of the table.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) root: Option<String>,
    /// Tar or zip archive of such a directory, in place of `directory`; it is read without being
    /// unpacked. Or `{ url: …, sha256: … }`: an archive that is downloaded once.
    pub(in crate::pipeline) archive: Option<RawArchive>,
    /// WebDataset shards, in place of `directory`: tar archives of images with their labels.
    /// `data/{000..099}.tar` are a hundred files, and `*` is any text of a file name.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) shards: Option<String>,
    /// Shards with the training images, in place of `shards`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) train_shards: Option<String>,
    /// Shards with the validation images. Without it, they are drawn from `train_shards`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) validation_shards: Option<String>,
    /// Shards with the test images.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) test_shards: Option<String>,
    /// Draw images from formulas instead of reading a directory.
    pub(in crate::pipeline) generator: Option<RawGenerator>,
    /// How many labels an image has: one class, or any number of classes, as in `cat|dog`. In
    /// directories, an image has several classes if files with its content are in several class
    /// directories.
    #[serde(default = "defaults::labels")]
    pub(in crate::pipeline) labels: RawLabels,
    /// What labels are: names of classes, or numbers that a model estimates, such as ages or counts.
    /// Numbers need a `table`.
    #[serde(default = "defaults::target")]
    pub(in crate::pipeline) target: RawTarget,
    /// The classes and their order: a list of names, or for each class the names that it takes:
    /// `{ cat: [tabby, siamese], other: "*" }`. `"*"` takes all that are left; without it, other
    /// classes are left out. By default all classes, in the order of their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) classes: Option<RawClasses>,
    /// Directory of images without labels, or a list of directories, with images at any depth. Only
    /// stages with a `teacher` train on them, and nothing is measured on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) unlabeled: Option<RawUnlabeled>,
    /// Number of images to use, for a first try: `200`, or `{ per_class: 50 }`. They are drawn from
    /// each class in proportion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) limit: Option<RawLimit>,
    /// Size in pixels that every image is resized to. One number means a square; write `[height,
    /// width]` for any other shape.
    #[serde(default)]
    pub(in crate::pipeline) image_size: RawImageSize,
    /// How images are resized to `image_size`.
    #[serde(default = "defaults::resize")]
    pub(in crate::pipeline) resize: RawResize,
    /// What to do with the transparency (alpha) of images, before they are resized.
    #[serde(default = "defaults::alpha")]
    pub(in crate::pipeline) alpha: RawAlpha,
    /// How the images are split into training set, validation set and test set.
    #[serde(default = "defaults::split")]
    pub(in crate::pipeline) split: RawSplit,
    /// Number of images per training step.
    #[serde(default = "defaults::batch_size")]
    #[schemars(range(min = 1, max = 65536))]
    pub(in crate::pipeline) batch_size: usize,
    /// Number of batches to decode and augment ahead of training, or `auto`. It changes the speed
    /// and the memory, never the results.
    #[serde(default = "defaults::prefetch")]
    pub(in crate::pipeline) prefetch: RawPrefetch,
    /// What to do with files that are not readable images. All such files are listed either way.
    #[serde(default = "defaults::on_bad_image")]
    pub(in crate::pipeline) on_bad_image: RawOnBadImage,
    /// What to do with copies of an image, which are files with the same content.
    #[serde(default = "defaults::duplicates")]
    pub(in crate::pipeline) duplicates: RawDuplicates,
}

/// How many labels an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawLabels {
    /// One class.
    One,
    /// Any number of classes. The model gives each class a probability of its own.
    Many,
}

/// What labels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawTarget {
    /// Names of classes.
    Class,
    /// Numbers.
    Number,
}

/// The classes and their order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawClasses {
    /// Names of classes, in order.
    Names(#[schemars(length(min = 2))] Vec<String>),
    /// Each class with the names that it takes.
    Merged(IndexMap<String, RawNames>),
}

/// One name, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawNames {
    /// One name, or `"*"` for all that are left.
    One(String),
    /// Several names.
    Several(Vec<String>),
}

/// Number of images to use.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawLimit {
    /// In all.
    All(#[schemars(range(min = 4))] usize),
    /// Of each class.
    PerClass(RawPerClass),
}

/// Number of images of each class.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPerClass {
    /// Number of images of each class.
    #[schemars(range(min = 2))]
    pub(in crate::pipeline) per_class: usize,
}

/// A tar or zip archive.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawArchive {
    /// Path of the archive.
    File(#[schemars(length(min = 1))] String),
    /// An archive on a server.
    Download(RawDownload),
}

/// A file on a server, which is downloaded once.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawDownload {
    /// URL of the file.
    pub(in crate::pipeline) url: String,
    /// SHA-256 of the file, as `sha256sum` prints it.
    pub(in crate::pipeline) sha256: String,
}

/// Names of the columns of a table.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawColumns {
    /// Path of the image. The name of a column, or text with columns in braces:
    /// `photos/{id}.jpg`.
    pub(in crate::pipeline) path: Option<String>,
    /// Label: the name of the class, or a number.
    pub(in crate::pipeline) label: Option<String>,
    /// Set of the image: `train`, `validation`, `test` or a usual name for them. Rows without a
    /// value are drawn as `split` says.
    pub(in crate::pipeline) split: Option<String>,
    /// Weight of the image's loss in training: a number of at least 0, and 1 without a value.
    pub(in crate::pipeline) weight: Option<String>,
    /// Group of the image, such as a patient or a video. All images of a group go into the same
    /// set.
    pub(in crate::pipeline) group: Option<String>,
    /// What separates labels in a cell, with `labels: many`: `","` or `" "`, for example. By default
    /// `|` or `;`, whichever the column has. Lists in JSON need none.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) separator: Option<String>,
}

/// Images drawn from formulas when they are needed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawGenerator {
    /// Kinds of images to draw. Classes alternate between the kinds.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) kinds: Vec<RawKind>,
    /// Number of classes.
    #[schemars(range(min = 2, max = 100_000))]
    pub(in crate::pipeline) classes: usize,
    /// Number of images per class.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub(in crate::pipeline) images: usize,
    /// Seed of the drawn images. The pipeline's `seed` by default.
    pub(in crate::pipeline) seed: Option<u64>,
    /// Whether to draw new training images in each epoch. Validation images stay the same.
    #[serde(default)]
    pub(in crate::pipeline) afresh: bool,
}

/// A kind of drawn images.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawKind {
    /// Fractals of affine maps, in color.
    Fractals,
    /// Outlines filled with fabric.
    Contours,
    /// Surfaces of cells, stripes, spots, strands or weaves.
    Textures,
    /// Objects of a few rounded parts, lit and seen from any side.
    Solids,
    /// Four-legged animals of invented species in landscapes.
    Animals,
    /// Invented animals that differ in build and coat, painted in a scene. They take about twelve
    /// times as long to draw as the others.
    Species,
}

/// Size in pixels: one number for a square, or `[height, width]`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawImageSize {
    /// Height and width of a square.
    Side(#[schemars(range(min = 1))] usize),
    /// Height and width.
    HeightWidth([usize; 2]),
}

impl Default for RawImageSize {
    fn default() -> Self {
        Self::Side(defaults::image_size())
    }
}

/// How images are resized.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawResize {
    /// Filter that computes the new pixels.
    #[serde(default = "defaults::interpolation")]
    pub(in crate::pipeline) interpolation: RawInterpolation,
    /// Whether to widen the filter when an image is made smaller. It prevents fine detail from
    /// turning into noise, and matches Pillow and torchvision.
    #[serde(default = "defaults::antialias")]
    pub(in crate::pipeline) antialias: bool,
    /// What to do with images whose aspect ratio differs from that of `image_size`.
    #[serde(default = "defaults::fit")]
    pub(in crate::pipeline) fit: RawFit,
}

/// A filter for resizing.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawInterpolation {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos3,
}

/// What to do with images whose aspect ratio differs from that of `image_size`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFit {
    /// Stretch them, as Keras does by default.
    Stretch,
    /// Crop them around the center.
    Crop,
    /// Center them and pad them with black.
    Pad,
}

/// What to do with the transparency (alpha) of images.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawAlpha {
    /// Drop it, as Keras and torchvision do. Transparent pixels have the color stored with them.
    Drop,
    /// Put the image over white, as most programs show it.
    White,
    /// Put the image over black.
    Black,
}

/// Fractions of the dataset, which sum to one, and how images are assigned to them.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSplit {
    /// Fraction of the images in the training set. By default everything outside the other two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) train: Option<f64>,
    /// Fraction of the images in the validation set, which selects the best epoch. 0.2 by default, or
    /// one fold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) validation: Option<f64>,
    /// Fraction held out from training and validation, for a final test.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) test: f64,
    /// How images are drawn for each set.
    #[serde(default = "defaults::split_by")]
    pub(in crate::pipeline) by: RawSplitBy,
    /// A regular expression that finds the group of an image in its path, such as a patient or a
    /// video: `'([^/]+)_frame'`. The group is what the first pair of parentheses matches, or the
    /// whole match. All images of a group go into the same set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) groups: Option<String>,
    /// Number of equal folds for cross-validation. One of them is the validation set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub(in crate::pipeline) folds: Option<usize>,
    /// The fold that is the validation set, from 0 on. With `repeats`, the folds of the second
    /// division follow those of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) fold: Option<usize>,
    /// How often the images are divided into folds anew. 1 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::pipeline) repeats: Option<usize>,
    /// Seed of the split. The pipeline's `seed` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) seed: Option<u64>,
}

/// How images are drawn for each set.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSplitBy {
    /// The same fractions of each class.
    Stratified,
    /// Fractions of the whole dataset, regardless of the classes.
    Random,
    /// Each image by a hash of its path, or of its group. The sizes of the sets vary a little, and
    /// an image that is added later moves no other.
    Hash,
}

/// Number of batches to decode and augment ahead of training.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawPrefetch {
    /// As many as keep all threads busy.
    Auto(Auto),
    /// A fixed number of batches.
    Batches(#[schemars(range(min = 1, max = 1024))] usize),
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum Auto {
    Auto,
}

/// What to do with files that are not readable images.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawOnBadImage {
    /// Report all of them and do not start the run.
    Error,
    /// Leave them out.
    Skip,
}

/// What to do with copies of an image.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawDuplicates {
    /// Do not start the run if the same image is in two classes or in two parts of the split.
    /// Copies within one class and one part are kept.
    Error,
    /// Keep the first copy in each class, by path, and leave out images that are in two classes.
    /// All images left out are listed and recorded.
    Drop,
    /// Keep all copies, and warn about those in two classes or two parts of the split.
    Keep,
}

/// Directories of images without labels.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawUnlabeled {
    /// One directory.
    One(#[schemars(length(min = 1))] String),
    /// Several directories.
    Several(#[schemars(length(min = 1))] Vec<String>),
}
