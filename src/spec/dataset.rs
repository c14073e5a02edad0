//! The dataset: where its images come from, and how they are split, resized and batched.

use std::path::{Path, PathBuf};

use alpaca_painter::Kind;
use serde::{Deserialize, Serialize, Serializer};

use super::{Location, TargetSpec};

/// The dataset of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetSpec {
    /// Where the images come from.
    #[serde(flatten)]
    pub source: DatasetSource,
    /// What a model learns about an image.
    #[serde(flatten)]
    pub target: TargetSpec,
    /// The classes and their order; by default those of the source, in the order of their names.
    #[serde(serialize_with = "serialize_classes", skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<ClassSpec>>,
    /// Directories of images without labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlabeled: Vec<Location>,
    /// How many images are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitSpec>,
    /// Size that every image is resized to.
    pub image_size: ImageSize,
    /// How images are resized.
    pub resize: ResizeSpec,
    /// What to do with transparency.
    pub alpha: Alpha,
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

impl DatasetSpec {
    /// Whether files with the same content are one image that is of the classes of all of them.
    pub fn unites_copies(&self) -> bool {
        self.target == TargetSpec::Classes && !self.source.gives_labels()
    }

    /// Everything that turns the image in a file into pixels.
    pub fn pixels(&self) -> PixelSpec {
        PixelSpec { image_size: self.image_size, resize: self.resize, alpha: self.alpha }
    }
}

/// Everything that turns the image in a file into the pixels that are trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PixelSpec {
    /// Size that the image is resized to.
    pub image_size: ImageSize,
    /// How it is resized.
    pub resize: ResizeSpec,
    /// What is done with transparency, before resizing.
    pub alpha: Alpha,
}

/// Where the images of a dataset come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DatasetSource {
    /// A directory with one subdirectory per class, or one per part of a split.
    Directory {
        /// The directory.
        directory: Location,
    },
    /// A directory for each part of the split, with one subdirectory per class in each.
    Parts(PartsSpec),
    /// A table with a row for each image.
    Table(TableSpec),
    /// An archive of directories, as in [`Directory`](Self::Directory).
    Archive {
        /// The archive.
        archive: ArchiveSpec,
    },
    /// WebDataset shards.
    Shards(ShardsSpec),
    /// They are drawn from formulas.
    Generator {
        /// What is drawn.
        generator: GeneratorSpec,
    },
}

impl DatasetSource {
    /// Whether new training images are drawn in each epoch.
    pub fn is_afresh(&self) -> bool {
        matches!(self, Self::Generator { generator } if generator.afresh)
    }

    /// Whether it gives the whole label of each image: a table or shards, and not directories, which
    /// give a single class.
    pub fn gives_labels(&self) -> bool {
        matches!(self, Self::Table(_) | Self::Shards(_))
    }

    /// The directories, tables and archives of the images.
    pub fn directories(&self) -> Vec<&Location> {
        match self {
            Self::Directory { directory } => vec![directory],
            Self::Parts(PartsSpec { train, validation, test }) => {
                std::iter::once(train).chain(validation).chain(test).collect()
            }
            Self::Table(TableSpec { table, root, .. }) => vec![root.as_ref().unwrap_or(table)],
            Self::Archive { archive: ArchiveSpec::File(file) } => vec![file],
            Self::Shards(shards) => shards.locations().collect(),
            Self::Archive { archive: ArchiveSpec::Download(_) } => vec![],
            Self::Generator { .. } => vec![],
        }
    }

    /// The names of columns of its table or of keys of its shards; those that are found by usual names
    /// for any other.
    pub fn columns(&self) -> ColumnsSpec {
        match self {
            Self::Table(TableSpec { columns, .. }) | Self::Shards(ShardsSpec { columns, .. }) => {
                columns.clone()
            }
            _ => ColumnsSpec::default(),
        }
    }

    /// The file on a server that it is read from, if there is one.
    pub fn download(&self) -> Option<&DownloadSpec> {
        match self {
            Self::Archive { archive: ArchiveSpec::Download(download) } => Some(download),
            _ => None,
        }
    }

    /// What to call the dataset: its directories as written, or "drawn images".
    pub fn title(&self) -> String {
        if let Some(download) = self.download() {
            return download.url.clone();
        }
        let names: Vec<&str> =
            self.directories().into_iter().map(|directory| directory.written.as_str()).collect();
        if names.is_empty() { "drawn images".to_owned() } else { names.join(", ") }
    }
}

/// A class that is made of classes of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassSpec {
    /// Its name.
    pub name: String,
    /// The classes of the source that it takes.
    pub of: Vec<String>,
    /// Whether it takes all classes that no other takes.
    pub takes_rest: bool,
}

/// A class that takes all others in a pipeline.
pub const REST: &str = "*";

/// Writes classes as a mapping from the name to the classes that it takes.
#[expect(clippy::ref_option, reason = "serde passes the field")]
fn serialize_classes<S: Serializer>(
    classes: &Option<Vec<ClassSpec>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let classes = classes.iter().flatten().map(|ClassSpec { name, of, takes_rest }| {
        let rest = takes_rest.then(|| REST.to_owned());
        (name, of.iter().cloned().chain(rest).collect::<Vec<String>>())
    });
    serializer.collect_map(classes)
}

/// How many images are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum LimitSpec {
    /// This number in all.
    All(usize),
    /// This number of each class.
    PerClass {
        /// The number.
        per_class: usize,
    },
}

/// A table of images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableSpec {
    /// CSV, TSV or JSON lines.
    pub table: Location,
    /// The columns that are read.
    #[serde(skip_serializing_if = "ColumnsSpec::is_default")]
    pub columns: ColumnsSpec,
    /// Directory that the paths in the table are relative to; by default that of the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Location>,
}

/// The names of the columns of a table. Those that are `None` are found by usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ColumnsSpec {
    /// Path of the image: a column, or text with columns in braces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Label of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Part of the split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Group of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Weight of the image's loss in training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// What separates the labels of an image that may have several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
}

impl ColumnsSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The directories of a dataset that is split already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartsSpec {
    /// Images to train on.
    pub train: Location,
    /// Images to validate with. If there are none, they are drawn from the training images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Location>,
    /// Images for a final test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Location>,
}

/// A tar or zip archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ArchiveSpec {
    /// A file.
    File(Location),
    /// A file that is downloaded once.
    Download(DownloadSpec),
}

/// A file on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DownloadSpec {
    /// URL of the file.
    pub url: String,
    /// SHA-256 of the file, in lower case.
    pub sha256: String,
}

impl DownloadSpec {
    /// The path of the file in a cache.
    pub fn path_below(&self, cache: &Path) -> PathBuf {
        cache.join("downloads").join(&self.sha256)
    }
}

/// WebDataset shards: those to be split, or those of each part of a split. A location may stand for
/// many files: `train-{000..099}.tar`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardsSpec {
    /// Images to be split, unless a key of the samples gives the part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<Location>,
    /// Images to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train_shards: Option<Location>,
    /// Images to validate with. If there are none, they are drawn from the training images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_shards: Option<Location>,
    /// Images for a final test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_shards: Option<Location>,
    /// The keys of the samples that are read.
    #[serde(skip_serializing_if = "ColumnsSpec::is_default")]
    pub columns: ColumnsSpec,
}

impl ShardsSpec {
    /// All locations.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        let of = [&self.shards, &self.train_shards, &self.validation_shards, &self.test_shards];
        of.into_iter().flatten()
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

/// What to do with the transparency (alpha) of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Alpha {
    /// Drop it: transparent pixels have the color that is stored with them.
    #[default]
    Drop,
    /// Put the image over white.
    White,
    /// Put the image over black.
    Black,
}

/// The fractions of the dataset, which sum to one, and how images are drawn for them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitSpec {
    /// Fraction in the training set.
    pub train: f64,
    /// Fraction in the validation set.
    pub validation: f64,
    /// Fraction in the test set; may be zero.
    pub test: f64,
    /// How images are drawn for each part.
    pub by: SplitBy,
    /// A regular expression whose first group, or whole match, in the path of an image is the group
    /// of the image. All images of a group are in one part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    /// The fold that is the validation set, for cross-validation.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub folds: Option<FoldsSpec>,
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
    /// Each image, or group of images, by a hash of its path. New images move no other.
    Hash,
}

/// Equal parts of a dataset, each of which is the validation set once (k-fold cross-validation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FoldsSpec {
    /// Number of parts.
    pub folds: usize,
    /// The part that is the validation set, counted through all repeats: from 0 to
    /// `folds * repeats - 1`.
    pub fold: usize,
    /// How often the dataset is divided anew.
    pub repeats: usize,
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
