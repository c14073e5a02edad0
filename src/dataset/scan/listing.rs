//! The images of a dataset, before any is read.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::names;
use crate::base::stamp::Stamp;
use crate::dataset::archive::Archive;
use crate::dataset::decode::{self, DecodeError};
use crate::dataset::generator::ImageGenerator;
use crate::dataset::labels::Labels;
use crate::dataset::part::Part;

/// A file that may be an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Path below the dataset directory, with forward slashes, as [`names`](crate::base::names)
    /// writes paths. It is the identity of the image.
    pub path: Box<str>,
    /// Its label: a position in the [`Labels`] of the listing. Where an image has one class, it is
    /// that of the class among the class names.
    pub label: usize,
    /// Source of its pixels.
    pub origin: Origin,
    /// Part of the split that it is in, if the dataset is split already.
    pub part: Option<Part>,
    /// The group that it belongs to. All images of a group are in one part of the split.
    pub group: Option<Group>,
    /// The weight of its loss in training.
    pub weight: Weight,
    /// Whether it was named as an image, in a table or as a sample of a shard. Other files may be
    /// anything.
    pub is_named: bool,
}

/// The weight of an image in training: a number of at least 0, usually 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u32);

impl Weight {
    /// A weight from the text of a number. `None` if it is not a finite number of at least 0.
    pub fn of_text(text: &str) -> Option<Self> {
        let number: f32 = text.parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(Self(number.to_bits()))
    }

    /// The number.
    pub fn number(self) -> f32 {
        f32::from_bits(self.0)
    }

    /// Whether it is 1.
    pub fn is_usual(self) -> bool {
        self == Self::default()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1.0_f32.to_bits())
    }
}

impl Candidate {
    /// A file that is in no part of a split and no group.
    pub fn new(path: impl Into<Box<str>>, label: usize, origin: Origin) -> Self {
        let (part, group, weight) = (None, None, Weight::default());
        Self { path: path.into(), label, origin, part, group, weight, is_named: false }
    }

    /// A file of this path below the working directory, in no part of a split and no group.
    #[cfg(test)]
    pub fn of_file(path: &str, label: usize) -> Self {
        let origin = Origin::File(Arc::new(Root { directory: PathBuf::new(), prefix: 0 }));
        Self::new(path, label, origin)
    }

    /// Its generator and its number in its class, if it is drawn.
    pub fn drawn(&self) -> Option<(&ImageGenerator, usize)> {
        match &self.origin {
            Origin::Drawn { generator, number } => Some((generator, *number as usize)),
            Origin::File(_) | Origin::Member(..) => None,
        }
    }

    /// The path of its file, which can be opened, if it is a file.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::File(root) => {
                Some(root.directory.join(names::path_of(&self.path[root.prefix..])))
            }
            Origin::Member(..) | Origin::Drawn { .. } => None,
        }
    }

    /// Where it is stored, for a message.
    pub fn place(&self) -> String {
        self.file().map_or_else(|| self.path.to_string(), |file| names::text_of_path(&file))
    }

    /// Its content, of any format.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, DecodeError> {
        match (&self.origin, self.file()) {
            (Origin::Member(archive, number), _) => archive.read(*number),
            (_, Some(file)) => decode::read_file(&file),
            (_, None) => Err(DecodeError::NotAFile("a drawn image")),
        }
    }

    /// Tells whether its content has changed since it was read. `None` if that is not known.
    pub fn stamp(&self) -> Option<Stamp> {
        if let Origin::Member(archive, number) = &self.origin {
            return archive.stamp(*number);
        }
        Stamp::of(&self.file()?).ok().flatten()
    }

    /// Whether it is an image, by its first bytes.
    pub fn is_image(&self) -> bool {
        if let Origin::Member(archive, number) = &self.origin {
            let start = archive.start(*number, decode::N_TELLING as usize);
            return start.is_ok_and(|start| decode::is_image(&start, &self.path));
        }
        self.file().is_none_or(|file| decode::is_image_file(&file))
    }
}

/// The name of a group, shared by its images.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group(Arc<Box<str>>);

impl From<&str> for Group {
    fn from(name: &str) -> Self {
        Self(Arc::new(name.into()))
    }
}

impl Deref for Group {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// The source of the pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(Arc<Root>),
    /// A member of an archive, by its number.
    Member(Arc<Archive>, u32),
    /// A generator that draws it.
    Drawn {
        /// Generator.
        generator: Arc<ImageGenerator>,
        /// Number of the image in its class.
        number: u32,
    },
}

/// Where the files of many images are.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// The directory that their paths are below.
    pub directory: PathBuf,
    /// Number of bytes at the start of their paths that are not part of the path below the
    /// directory: the name of a part of the split.
    pub prefix: usize,
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
    /// Files without labels, sorted by path.
    pub unlabeled: Vec<Candidate>,
    /// What decides the parts of the split, if the dataset is split already: "the directories
    /// `train` and `val`".
    pub split_by: Option<String>,
    /// Columns of a table that are not used.
    pub unused: Vec<String>,
    /// Warnings about the directory.
    pub warnings: Vec<String>,
    /// Whether all images of a class may be unreadable, as long as others are not.
    pub may_lose_classes: bool,
}

impl Listing {
    /// A listing of no images, with these classes.
    pub(in crate::dataset) fn of_class(classes: Vec<String>) -> Self {
        Self::new(classes, Labels::Class, vec![], vec![])
    }

    /// A listing of images that are to be split.
    pub(super) fn new(
        classes: Vec<String>,
        labels: Labels,
        candidates: Vec<Candidate>,
        warnings: Vec<String>,
    ) -> Self {
        let (unlabeled, unused) = (vec![], vec![]);
        Self {
            classes,
            labels,
            candidates,
            unlabeled,
            split_by: None,
            unused,
            warnings,
            may_lose_classes: false,
        }
    }

    /// Moves the images to a listing of their own, so that they need not be in memory twice.
    #[must_use]
    pub fn take_images(&mut self) -> Self {
        let (classes, labels) = (self.classes.clone(), self.labels.clone());
        let candidates = std::mem::take(&mut self.candidates);
        let unlabeled = std::mem::take(&mut self.unlabeled);
        Self { unlabeled, ..Self::new(classes, labels, candidates, vec![]) }
    }

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
        let split_by = Some(format!("{by}{drawn}"));
        Self { split_by, ..Self::new(classes, Labels::Class, candidates, warnings) }
    }
}

/// Names that many images share, each in memory once.
#[derive(Default)]
pub(super) struct SharedNames(BTreeMap<Box<str>, Group>);

impl SharedNames {
    /// The name with this text.
    pub(super) fn get(&mut self, name: &str) -> Group {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let group = Group::from(name);
        self.0.insert(name.into(), group.clone());
        group
    }
}
