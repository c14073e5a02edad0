//! The images of a dataset, before any is read.

use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::generator::ImageGenerator;
use crate::dataset::part::Part;

/// A file that may be an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Path below the dataset directory, with forward slashes, as [`names`](crate::base::names) writes paths. It is the
    /// identity of the image.
    pub path: String,
    /// Position of its class among the sorted class names.
    pub class: usize,
    /// Source of its pixels.
    pub origin: Origin,
    /// Part of the split that it is in, if the dataset is split already.
    pub part: Option<Part>,
    /// The group that it belongs to. All images of a group are in one part of the split.
    pub group: Option<Arc<str>>,
}

impl Candidate {
    /// A file that is in no part of a split and no group.
    pub fn new(path: String, class: usize, origin: Origin) -> Self {
        Self { path, class, origin, part: None, group: None }
    }
}

/// The source of the pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, with a path that can be opened.
    File(PathBuf),
    /// A generator that draws it.
    Drawn {
        /// Generator.
        generator: Arc<ImageGenerator>,
        /// Number of the image in its class.
        number: usize,
    },
}

/// The images of a dataset, before any is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Names of the classes, sorted.
    pub classes: Vec<String>,
    /// Files, sorted by path.
    pub candidates: Vec<Candidate>,
    /// What decides the parts of the split, if the dataset is split already: "the directories
    /// `train` and `val`".
    pub split_by: Option<String>,
    /// Warnings about the directory.
    pub warnings: Vec<String>,
}
