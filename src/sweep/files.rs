//! The result of a sweep as files: a table, and JSON.

use std::path::Path;

use super::names::written;
use super::outcome::SweepResult;
use super::{RESULT, TABLE};
use crate::base::fs::{self, FileError};
use crate::run_dir::table;
use crate::spec::RankBy;

/// Writes the table of arms and the result as JSON.
///
/// # Errors
/// When a file cannot be written.
pub fn write(directory: &Path, result: &SweepResult) -> Result<(), FileError> {
    let (columns, rows) = table_of(result);
    table::write(&directory.join(TABLE), &columns, rows.into_iter())?;
    let text = serde_json::to_string_pretty(result).expect("a result is plain data");
    fs::write_atomic(&directory.join(RESULT), format!("{text}\n").as_bytes())
}

/// The table of arms as a file: all numbers with all their digits.
fn table_of(result: &SweepResult) -> (Vec<String>, Vec<Vec<String>>) {
    let mut columns = vec!["rank".to_owned(), "arm".to_owned()];
    columns.extend(result.axes.iter().cloned());
    let has_rounds = result.arms.iter().any(|arm| arm.epochs.is_some());
    columns.extend(has_rounds.then(|| "epochs".to_owned()));
    let by = result.rank_by.name();
    columns.extend([by.to_owned(), format!("{by}_low"), format!("{by}_high")]);
    columns.push(format!("{by}_deviation"));
    let other = match result.rank_by {
        RankBy::Accuracy | RankBy::SubsetAccuracy => "log_loss",
        RankBy::LogLoss | RankBy::AbsoluteError => "accuracy",
    };
    columns.push(other.to_owned());
    let of_pair = ["difference", "difference_low", "difference_high", "p_value", "p_corrected"];
    columns.extend(of_pair.map(str::to_owned));
    columns.push("is_apart".to_owned());
    let cell = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let all = result.arms.iter().chain(&result.stopped);
    let rows = all.enumerate().map(|(rank, arm)| {
        let mut cells = vec![(rank + 1).to_string(), arm.arm.to_string()];
        cells.extend(arm.values.iter().map(written));
        cells.extend(arm.epochs.map(|epochs| epochs.to_string()));
        cells.extend([arm.mean, arm.interval[0], arm.interval[1]].map(|x| x.to_string()));
        let other = if result.rank_by.is_gain() { Some(arm.loss) } else { arm.accuracy };
        cells.extend([arm.deviation, other, arm.difference].map(cell));
        let [low, high] =
            arm.difference_interval.map_or([None; 2], |[low, high]| [Some(low), Some(high)]);
        cells.extend([low, high, arm.p_value, arm.corrected].map(cell));
        cells.push(arm.is_apart.to_string());
        cells
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let failed = result.failed.iter().map(|failed| {
        let mut cells = vec![String::new(), failed.arm.to_string()];
        cells.extend(failed.values.iter().map(written));
        cells.resize(columns.len(), String::new());
        cells
    });
    let rows = rows.into_iter().chain(failed).collect();
    (columns, rows)
}
