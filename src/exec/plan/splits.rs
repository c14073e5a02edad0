//! Compares the images in splits.csv of a run with the current ones.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::fs::FileError;
use crate::base::text;
use crate::dataset::examine::Dataset;
use crate::run_dir::table;

/// The digest of each image of a run, by its path.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>, FileError> {
    let table = table::read(path)?;
    let [name, digest] = ["path", "digest"].map(|name| table.column(name));
    Ok(table.rows.iter().map(|row| (cell(row, name), cell(row, digest))).collect())
}

fn cell(row: &[String], column: Option<usize>) -> String {
    column.map(|column| row[column].clone()).unwrap_or_default()
}

/// Differences of a dataset from recorded images with another fingerprint, as sentences.
pub(crate) fn differences(recorded: &BTreeMap<String, String>, dataset: &Dataset) -> Vec<String> {
    let samples = dataset.samples.iter();
    let now: BTreeMap<String, String> = samples
        .map(|sample| (sample.candidate.path.to_string(), sample.digest.to_string()))
        .collect();
    let gone: Vec<String> =
        recorded.keys().filter(|path| !now.contains_key(*path)).cloned().collect();
    let new: Vec<String> =
        now.keys().filter(|path| !recorded.contains_key(*path)).cloned().collect();
    let other: Vec<String> = recorded
        .iter()
        .filter(|(path, digest)| now.get(*path).is_some_and(|now| now != *digest))
        .map(|(path, _)| path.clone())
        .collect();
    let lines = [("removed", gone), ("added", new), ("changed", other)].map(|(what, paths)| {
        let count = text::count(paths.len(), "image");
        (!paths.is_empty()).then(|| format!("{count} {what}:\n{}", text::first_lines(&paths, 10)))
    });
    let differences: Vec<String> = lines.into_iter().flatten().collect();
    if differences.is_empty() {
        // The table has neither labels nor groups to compare.
        return vec!["labels, classes or groups changed".to_owned()];
    }
    differences
}
