//! What tables and shards have in common: images whose labels are words.

use super::files;
use super::gathered::{Gathered, Ordered};
use super::groups;
use super::listing::{Candidate, Listing, Weight};
use crate::dataset::error::DatasetError;
use crate::dataset::labels::Labels;
use crate::dataset::part::Part;

/// What images lack altogether. `unit` is what names an image: "row" or "sample".
pub(super) fn lacks<'a>(
    parts: impl Iterator<Item = &'a Candidate> + Clone,
    labels: &Gathered,
    unit: &str,
) -> Option<String> {
    if parts.clone().all(|candidate| candidate.weight.number() == 0.0)
        && parts.clone().next().is_some()
    {
        return Some("all weights are 0".to_owned());
    }
    let is_given = parts.clone().any(|candidate| candidate.part.is_some());
    let mut parts = parts.map(|candidate| candidate.part);
    let has_training = parts.any(|part| matches!(part, None | Some(Part::Train)));
    let no_training =
        || (is_given && !has_training).then(|| format!("no {unit} is in the training set"));
    labels.lacks(unit).or_else(no_training)
}

/// A listing of images whose labels are numbered as gathered. `label_name` is what gives the labels,
/// and `split_by` is what gives their parts of the split.
///
/// # Errors
/// When two labels are the same name.
pub(super) fn finish(
    mut candidates: Vec<Candidate>,
    labels: Gathered,
    label_name: &str,
    split_by: Option<String>,
) -> Result<Listing, DatasetError> {
    let Ordered { classes, labels, places, mut warnings } = labels.ordered(label_name);
    warnings.extend(files::check_names(&classes)?);
    candidates.iter_mut().for_each(|candidate| candidate.label = places[candidate.label]);
    candidates.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    groups::follow(&mut candidates);
    warnings.extend(groups::spread(&candidates));
    let is_split = candidates.iter().any(|candidate| candidate.part.is_some());
    let listing = match split_by.filter(|_| is_split) {
        Some(by) => Listing::split_already(classes, candidates, &by, warnings),
        None => Listing::new(classes, Labels::Class, candidates, warnings),
    };
    Ok(Listing { labels, ..listing })
}

/// Like [`finish`], without parts of the split.
///
/// # Errors
/// As [`finish`].
pub(super) fn finish_some(
    candidates: impl Iterator<Item = Candidate>,
    labels: Gathered,
    label_name: &str,
) -> Result<Listing, DatasetError> {
    let candidates = candidates.map(|candidate| Candidate { part: None, ..candidate });
    finish(candidates.collect(), labels, label_name, None)
}

/// The weight of an image in training, as it is written. Without one it is 1.
///
/// # Errors
/// When it is not a number of at least 0.
pub(super) fn weight(written: &str) -> Result<Weight, String> {
    if written.is_empty() {
        return Ok(Weight::default());
    }
    Weight::of_text(written)
        .ok_or_else(|| format!("`{written}` is not a weight; write a number of at least 0"))
}
