//! The differences between the images of two runs.

use serde::Serialize;

use super::run::FinishedRun;

/// The paths of the images in which two runs differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageChanges {
    /// Images only in the second run.
    pub added: Vec<String>,
    /// Images only in the first run.
    pub removed: Vec<String>,
    /// Images with different content.
    pub changed: Vec<String>,
    /// Images in another split: path, split in the first run, split in the second.
    pub moved: Vec<(String, String, String)>,
    /// The number of validation images in the first run, the second, and both (same content).
    pub n_validation: [usize; 3],
}

impl ImageChanges {
    /// Whether both runs have the same images in the same splits.
    pub fn is_empty(&self) -> bool {
        let Self { added, removed, changed, moved, .. } = self;
        added.is_empty() && removed.is_empty() && changed.is_empty() && moved.is_empty()
    }
}

/// The changes in the images from the first run to the second.
pub(super) fn changes(first: &FinishedRun, second: &FinishedRun) -> ImageChanges {
    let mut changes = ImageChanges {
        n_validation: [
            first.predictions.len(),
            second.predictions.len(),
            common(first, second).count(),
        ],
        ..ImageChanges::default()
    };
    for (path, before) in &first.images {
        match second.images.get(path) {
            None => changes.removed.push(path.clone()),
            Some(now) => {
                if now.digest != before.digest {
                    changes.changed.push(path.clone());
                }
                if now.part != before.part {
                    changes.moved.push((path.clone(), before.part.clone(), now.part.clone()));
                }
            }
        }
    }
    let added = second.images.keys().filter(|path| !first.images.contains_key(*path));
    changes.added = added.cloned().collect();
    changes
}

/// The shared validation images with the same content.
pub(super) fn common<'a>(
    first: &'a FinishedRun,
    second: &'a FinishedRun,
) -> impl Iterator<Item = &'a str> {
    first.predictions.keys().map(String::as_str).filter(move |path| {
        let digests = [first, second].map(|run| run.images.get(*path).map(|p| &p.digest));
        second.predictions.contains_key(*path) && digests[0] == digests[1]
    })
}
