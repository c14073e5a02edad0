//! The images of a dataset, before any is read.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::dataset::generator::ImageGenerator;
use crate::dataset::labels::Labels;
use crate::dataset::part::Part;

/// A file that may be an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Path below the dataset directory, with forward slashes, as [`names`](crate::base::names)
    /// writes paths. It is the identity of the image.
    pub path: String,
    /// Its label: a position in the [`Labels`] of the listing. Where an image has one class, it is
    /// that of the class among the class names.
    pub label: usize,
    /// Source of its pixels.
    pub origin: Origin,
    /// Part of the split that it is in, if the dataset is split already.
    pub part: Option<Part>,
    /// The group that it belongs to. All images of a group are in one part of the split.
    pub group: Option<Arc<str>>,
}

impl Candidate {
    /// A file that is in no part of a split and no group.
    pub fn new(path: String, label: usize, origin: Origin) -> Self {
        Self { path, label, origin, part: None, group: None }
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
    /// Names of the classes, sorted. For numbers it is one, the name of the number.
    pub classes: Vec<String>,
    /// What the labels of the images stand for.
    pub labels: Labels,
    /// Files, sorted by path.
    pub candidates: Vec<Candidate>,
    /// What decides the parts of the split, if the dataset is split already: "the directories
    /// `train` and `val`".
    pub split_by: Option<String>,
    /// Warnings about the directory.
    pub warnings: Vec<String>,
}

impl Listing {
    /// A listing of images whose parts of the split are given by `by`. Validation images are drawn
    /// from the training set if none are given, and images without a part are drawn.
    pub(super) fn split_already(
        classes: Vec<String>,
        mut candidates: Vec<Candidate>,
        by: &str,
        warnings: Vec<String>,
    ) -> Self {
        let has = |part: Option<Part>| candidates.iter().any(|candidate| candidate.part == part);
        let drawn = if !has(Some(Part::Validation)) {
            "; validation images are drawn from the training set"
        } else if has(None) {
            "; rows without a value are drawn"
        } else {
            ""
        };
        if !has(Some(Part::Validation)) {
            let training = candidates.iter_mut().filter(|c| c.part == Some(Part::Train));
            training.for_each(|candidate| candidate.part = None);
        }
        let (labels, split_by) = (Labels::Class, Some(format!("{by}{drawn}")));
        Self { classes, labels, candidates, split_by, warnings }
    }
}

/// Names that many images share, each in memory once.
#[derive(Default)]
pub(super) struct SharedNames(BTreeSet<Arc<str>>);

impl SharedNames {
    /// The name with this text.
    pub(super) fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        self.0.insert(Arc::clone(&name));
        name
    }
}
