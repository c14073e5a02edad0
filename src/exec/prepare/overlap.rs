//! Finds evaluation images that the model was trained on, or that look like training images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::text;
use crate::dataset::copies;
use crate::dataset::error;
use crate::dataset::examine::{Dataset, Sample};
use crate::dataset::part::{Part, Split};
use crate::run_dir::{layout, table};
use crate::spec::TargetSpec;

/// The most files that are named in a warning.
const MOST_NAMED: usize = 5;

/// The images of a run by content, with the split of each.
pub struct RunImages(BTreeMap<Digest, Part>);

impl RunImages {
    /// The images of a run in progress.
    pub(crate) fn of(dataset: &Dataset, split: &Split) -> Self {
        let pairs = dataset.samples.iter().zip(split.parts());
        Self::new(pairs.map(|(sample, part)| (sample.digest, *part)))
    }

    /// The images of a finished run, from its splits.csv.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn of_run(directory: &Path) -> Result<Self, FileError> {
        let table = table::read(&directory.join(layout::SPLITS))?;
        let columns = table.column("digest").zip(table.column("split"));
        let images = table.rows.iter().filter_map(|row| {
            let (digest, part) = columns?;
            let part = Part::ALL.into_iter().find(|found| found.name() == row[part])?;
            Some((row[digest].parse().ok()?, part))
        });
        Ok(Self::new(images))
    }

    /// No images.
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// The images of several finished runs.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn of_runs(directories: &[PathBuf]) -> Result<Self, FileError> {
        let all: Result<Vec<Self>, FileError> =
            directories.iter().map(|directory| Self::of_run(directory)).collect();
        Ok(Self::new(all?.into_iter().flat_map(|Self(images)| images)))
    }

    fn new(images: impl Iterator<Item = (Digest, Part)>) -> Self {
        let mut seen: BTreeMap<Digest, Part> = BTreeMap::new();
        for (digest, part) in images {
            // An image that was trained on counts as such, even if it is in another split too.
            let found = seen.entry(digest).or_insert(part);
            *found = (*found).min(part);
        }
        Self(seen)
    }

    /// Number of images of a dataset that were in a split of the run.
    pub(crate) fn count(&self, dataset: &Dataset, part: Part) -> usize {
        let samples = dataset.samples.iter();
        samples.filter(|sample| self.0.get(&sample.digest) == Some(&part)).count()
    }

    /// Number of images at some positions of a dataset that were in the training set of the run.
    pub fn n_trained_on(&self, dataset: &Dataset, positions: &[usize]) -> usize {
        let part = |at: &usize| self.0.get(&dataset.samples[*at].digest);
        positions.iter().filter(|at| part(at) == Some(&Part::Train)).count()
    }

    /// A warning if the model was trained on images of a dataset, or chosen by them.
    pub(crate) fn warning(&self, dataset: &Dataset) -> Option<String> {
        let n = dataset.samples.len();
        let [n_train, n_chose] =
            [Part::Train, Part::Validation].map(|part| self.count(dataset, part));
        let share = |n_of: usize| {
            let percent = 100.0 * n_of as f64 / n.max(1) as f64;
            format!("{} of {} ({percent:.1} %)", text::thousands(n_of), text::count(n, "image"))
        };
        let what = match (n_train, n_chose) {
            (0, 0) => return None,
            (0, _) => format!(
                "{} were in the validation set of this run, which selected its weights",
                share(n_chose)
            ),
            (_, 0) => format!("this model was trained on {}", share(n_train)),
            _ => format!(
                "this model was trained on {}, and {} more were in its validation set",
                share(n_train),
                text::thousands(n_chose)
            ),
        };
        Some(format!("{what}; the metrics are too optimistic for new images"))
    }
}

/// A warning about images of the validation and test sets that are among those without labels, or look
/// like one of them.
pub(crate) fn warning_of_unlabeled(dataset: &Dataset, split: &Split) -> Option<String> {
    let held_out = split.parts().iter().zip(&dataset.samples);
    let held_out = held_out.filter(|(part, _)| **part != Part::Train);
    let (mut parts, mut samples): (Vec<Part>, Vec<Sample>) =
        held_out.map(|(part, sample)| (*part, sample.clone())).unzip();
    let digests: BTreeSet<Digest> = dataset.unlabeled.iter().map(|sample| sample.digest).collect();
    let copies = parts.iter().zip(&samples).filter(|(_, sample)| digests.contains(&sample.digest));
    let copies: Vec<String> = copies
        .map(|(part, sample)| format!("{} ({})", sample.candidate.path, part.name()))
        .collect();
    parts.resize(samples.len() + dataset.unlabeled.len(), Part::Train);
    samples.extend_from_slice(&dataset.unlabeled);
    let both = Dataset { samples, ..Dataset::default() };
    let alike = copies::look_alikes(&both, &parts).into_iter();
    let alike = alike.map(|alike| (format!("{} ({})", alike.path, alike.part), alike.training));
    let alike = alike.filter(|(path, _)| !copies.contains(path));
    let alike: Vec<String> = alike.map(|(path, other)| format!("{path} and {other}")).collect();
    let found: Vec<String> = copies.into_iter().chain(alike).collect();
    (!found.is_empty()).then(|| {
        let verb = if found.len() == 1 { "is" } else { "are" };
        format!(
            "{} outside the training set {verb} among the unlabeled images or {} like one, so metrics on \
             them may be too optimistic for new images:\n{}",
            text::count(found.len(), "image"),
            if found.len() == 1 { "looks" } else { "look" },
            text::first_lines(&found, MOST_NAMED)
        )
    })
}

/// Warnings about doubtful metrics: copies in several splits or classes, and images of different
/// splits that look alike.
pub(crate) fn warnings(dataset: &Dataset, split: &Split) -> Vec<String> {
    let mut warnings = vec![];
    let in_two_classes = copies::in_two_classes(dataset);
    let target = dataset.labels.target();
    if !in_two_classes.is_empty() {
        warnings.push(format!(
            "{} {}, so at least one of {} is wrong:\n{}",
            text::count(in_two_classes.len(), "image"),
            error::in_two(target),
            if target == TargetSpec::Class { "the classes" } else { "them" },
            text::first_lines(&in_two_classes, MOST_NAMED)
        ));
    }
    let in_two_parts = copies::in_two_parts(dataset, split);
    if !in_two_parts.is_empty() {
        warnings.push(format!(
            "{} in more than one split, so the validation metrics are too optimistic:\n{}",
            text::count(in_two_parts.len(), "copy"),
            text::first_lines(&in_two_parts, MOST_NAMED)
        ));
    }
    let alike = copies::look_alikes(dataset, split.parts());
    // Exact copies have been reported above.
    let alike: Vec<String> = alike
        .iter()
        .map(|alike| format!("{} ({}) and {}", alike.path, alike.part, alike.training))
        .collect();
    if !alike.is_empty() {
        let verb = if alike.len() == 1 { "looks" } else { "look" };
        warnings.push(format!(
            "{} outside the training set {verb} like a training image, so the validation metrics may \
             be too optimistic (`alpaca-run data` lists all):\n{}",
            text::count(alike.len(), "image"),
            text::first_lines(&alike, MOST_NAMED)
        ));
    }
    warnings
}
