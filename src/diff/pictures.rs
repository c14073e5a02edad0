//! How the pictures of two runs differ.

use serde::Serialize;

use super::run::FinishedRun;

/// Pictures that two runs do not have in common, by their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PictureChanges {
    /// In the second run alone.
    pub added: Vec<String>,
    /// In the first run alone.
    pub removed: Vec<String>,
    /// Of another content.
    pub changed: Vec<String>,
    /// In another part of the split: path, part in the first run, part in the second.
    pub moved: Vec<(String, String, String)>,
    /// Validation pictures of the first run, of the second, and of both with the same content.
    pub n_validation: [usize; 3],
}

impl PictureChanges {
    /// Whether both runs have the same pictures in the same parts.
    pub fn is_empty(&self) -> bool {
        let Self { added, removed, changed, moved, .. } = self;
        added.is_empty() && removed.is_empty() && changed.is_empty() && moved.is_empty()
    }
}

/// How the pictures of the second run differ from those of the first.
pub(super) fn changes(first: &FinishedRun, second: &FinishedRun) -> PictureChanges {
    let mut changes = PictureChanges {
        n_validation: [
            first.predictions.len(),
            second.predictions.len(),
            common(first, second).count(),
        ],
        ..PictureChanges::default()
    };
    for (path, before) in &first.pictures {
        match second.pictures.get(path) {
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
    let added = second.pictures.keys().filter(|path| !first.pictures.contains_key(*path));
    changes.added = added.cloned().collect();
    changes
}

/// The pictures that both runs validated with, of the same content.
pub(super) fn common<'a>(
    first: &'a FinishedRun,
    second: &'a FinishedRun,
) -> impl Iterator<Item = &'a str> {
    first.predictions.keys().map(String::as_str).filter(move |path| {
        let digests = [first, second].map(|run| run.pictures.get(*path).map(|p| &p.digest));
        second.predictions.contains_key(*path) && digests[0] == digests[1]
    })
}
