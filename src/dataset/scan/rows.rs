//! What tables and shards have in common: images whose labels are words.

use std::collections::BTreeMap;

use super::files;
use super::listing::{Candidate, Listing};
use crate::dataset::error::DatasetError;
use crate::dataset::part::Part;

/// Labels, numbered in the order in which they occur first.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeMap<String, usize>);

impl Labels {
    /// The number of a label, if it has occurred.
    pub(super) fn find(&self, label: &str) -> Option<usize> {
        self.0.get(label).copied()
    }

    /// The number of a label.
    pub(super) fn number(&mut self, label: String) -> usize {
        let n_labels = self.0.len();
        *self.0.entry(label).or_insert(n_labels)
    }

    /// The labels as classes: in the order of their names, or of their numbers if all are whole
    /// numbers, so that 2 comes before 10. Also the class of each number.
    fn classes(self) -> (Vec<String>, Vec<usize>) {
        let mut classes: Vec<(String, usize)> = self.0.into_iter().collect();
        let number = |label: &String| label.parse::<i64>().ok();
        if classes.iter().all(|(label, _)| number(label).is_some()) {
            classes.sort_by_key(|(label, _)| number(label));
        }
        let mut place = vec![0; classes.len()];
        for (class, (_, number)) in classes.iter().enumerate() {
            place[*number] = class;
        }
        (classes.into_iter().map(|(label, _)| label).collect(), place)
    }
}

/// What images lack altogether. `unit` is what names an image: "row" or "sample".
pub(super) fn lacks<'a>(
    parts: impl Iterator<Item = &'a Candidate> + Clone,
    labels: &Labels,
    unit: &str,
) -> Option<String> {
    let is_given = parts.clone().any(|candidate| candidate.part.is_some());
    let mut parts = parts.map(|candidate| candidate.part);
    let has_training = parts.any(|part| matches!(part, None | Some(Part::Train)));
    match labels.0.keys().next() {
        None => Some(format!("it has no {unit}s")),
        Some(only) if labels.0.len() == 1 => {
            Some(format!("all {unit}s have the label `{only}`; a classifier needs at least two"))
        }
        _ => (is_given && !has_training).then(|| format!("no {unit} is in the training set")),
    }
}

/// A listing of images whose classes are numbers of labels. `split_by` is what gives their parts of
/// the split.
///
/// # Errors
/// When two labels are the same name.
pub(super) fn finish(
    mut candidates: Vec<Candidate>,
    labels: Labels,
    split_by: Option<String>,
) -> Result<Listing, DatasetError> {
    let (classes, place) = labels.classes();
    let warnings = files::check_names(&classes)?;
    candidates.iter_mut().for_each(|candidate| candidate.class = place[candidate.class]);
    candidates.sort_by(|a, b| a.path.cmp(&b.path));
    let is_split = candidates.iter().any(|candidate| candidate.part.is_some());
    Ok(match split_by.filter(|_| is_split) {
        Some(by) => Listing::split_already(classes, candidates, &by, warnings),
        None => Listing { classes, candidates, split_by: None, warnings },
    })
}
