//! The list of runs with chosen columns, as text, CSV or JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::json_text;
use crate::base::leaves;
use crate::base::names;
use crate::base::text;
use crate::cli::args::RunsArguments;
use crate::cli::exit::Failure;
use crate::run_dir::catalog::RunEntry;
use crate::run_dir::{layout, read, table};
use crate::tracking::facts::Facts;

/// Columns that every run has.
const OF_ALL: [&str; 9] =
    ["run", "status", "when", "seconds", "bytes", "name", "stage", "epoch", "stages"];

/// Renders runs. Without columns there are those of all runs, all validation metrics, and the values that
/// are not the same in all runs.
pub(super) fn render(
    runs: &[RunEntry],
    columns: &[String],
    arguments: &RunsArguments,
) -> Result<String, Failure> {
    let rows: Vec<BTreeMap<String, Value>> = runs.iter().map(row).collect();
    let columns = if columns.is_empty() { usual(&rows) } else { chosen(columns, &rows)? };
    let cells = |row: &BTreeMap<String, Value>| {
        columns.iter().map(|column| row.get(column).cloned().unwrap_or_default()).collect()
    };
    let rows: Vec<Vec<Value>> = rows.iter().map(cells).collect();
    if arguments.json {
        let object = |row: &Vec<Value>| -> Map<String, Value> {
            columns.iter().cloned().zip(row.iter().cloned()).collect()
        };
        return Ok(json_text(&rows.iter().map(object).collect::<Vec<_>>()));
    }
    let as_text = |value: &Value, none: &str| match value {
        Value::Null => none.to_owned(),
        value => leaves::plain(Some(value)),
    };
    if arguments.csv {
        let rows = rows.iter().map(|row| row.iter().map(|value| as_text(value, "")).collect());
        let bytes = table::bytes(&plain(&columns), rows).map_err(Failure::usage)?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let right: Vec<usize> = (0..columns.len())
        .filter(|at| rows.iter().all(|row| row[*at].is_number() || row[*at].is_null()))
        .collect();
    let mut shown = vec![columns];
    shown.extend(rows.iter().map(|row| row.iter().map(|value| figure(value, &as_text)).collect()));
    Ok(text::align(&shown, &right))
}

/// A value for people: fractions with four digits.
fn figure(value: &Value, as_text: &impl Fn(&Value, &str) -> String) -> String {
    match value.as_f64() {
        Some(number) if !value.is_u64() && number.abs() >= 1e-3 => format!("{number:.4}"),
        _ => as_text(value, "-"),
    }
}

/// Everything that a column may show of a run.
fn row(run: &RunEntry) -> BTreeMap<String, Value> {
    let Facts { values, name, stages, best, seconds, now, .. } = Facts::of(run);
    let text = read::text(&run.directory.join(layout::METRICS_JSON)).unwrap_or_default();
    let measured: Value = serde_json::from_str(&text).unwrap_or_default();
    let measured = measured.as_object().into_iter().flatten();
    let mut row: BTreeMap<String, Value> = measured
        .filter(|(_, value)| value.is_number())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    row.extend(values);
    let at = best.as_ref().map(|best| (best.stage.clone(), best.epoch));
    let (stage, epoch) = at.or(now.map(|now| (now.stage, now.epoch))).unzip();
    row.extend(
        best.into_iter().flat_map(|best| best.metrics).map(|(name, value)| (name, json!(value))),
    );
    row.extend([
        ("run".to_owned(), json!(names::text_of_path(&run.directory))),
        ("status".to_owned(), json!(run.status.word())),
        ("when".to_owned(), json!(run.when)),
        ("seconds".to_owned(), json!(seconds)),
        ("bytes".to_owned(), json!(run.bytes)),
        ("name".to_owned(), name),
        ("stage".to_owned(), json!(stage)),
        ("epoch".to_owned(), json!(epoch)),
        ("stages".to_owned(), json!(stages.join(" "))),
    ]);
    row
}

/// The columns that are shown unless the user chooses some.
fn usual(rows: &[BTreeMap<String, Value>]) -> Vec<String> {
    let mut columns = OF_ALL.map(str::to_owned).to_vec();
    let mut names: Vec<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let (metrics, others): (Vec<&String>, Vec<&String>) =
        names.into_iter().partition(|name| name.starts_with("val/"));
    columns.extend(metrics.into_iter().cloned());
    let differs = |name: &&String| {
        let is_value =
            name.contains('.') || ["seed", "augmentation_views"].contains(&name.as_str());
        is_value && rows.iter().any(|row| row.get(*name) != rows[0].get(*name))
    };
    columns.extend(others.into_iter().filter(differs).cloned());
    columns
}

/// The columns that the user names, each of which some run must have.
fn chosen(columns: &[String], rows: &[BTreeMap<String, Value>]) -> Result<Vec<String>, Failure> {
    let known: Vec<&str> = rows.iter().flat_map(|row| row.keys().map(String::as_str)).collect();
    let is_known = |name: &String| rows.is_empty() || known.contains(&name.as_str());
    let Some(wrong) = columns.iter().find(|name| !is_known(name)) else {
        return Ok(columns.to_vec());
    };
    let error = anyhow::anyhow!("no run has a column `{wrong}`");
    let mut hints = vec![];
    let near = text::nearest(wrong, known.iter().copied(), 3);
    if let Some(first) = near.first() {
        hints.push(format!("did you mean `{first}`?"));
    }
    hints.push("`alpaca-run runs show RUN --json` lists all pipeline values".to_owned());
    Err(Failure::usage_with(error, hints))
}

/// Names that need no quotes in SQL, each once: `val/accuracy` is `val_accuracy`.
fn plain(columns: &[String]) -> Vec<String> {
    let mut seen: Vec<String> = vec![];
    for column in columns {
        let is_kept = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name: String = column.chars().map(|c| if is_kept(c) { c } else { '_' }).collect();
        let name = name.trim_matches('_').to_owned();
        // `WHEN` is a word of SQL.
        let name = match name.as_str() {
            "when" => "time".to_owned(),
            _ => name,
        };
        let mut own = name.clone();
        let mut number = 2;
        while seen.contains(&own) {
            own = format!("{name}_{number}");
            number += 1;
        }
        seen.push(own);
    }
    seen
}
