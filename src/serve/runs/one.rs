//! Everything about one run, and the tables in it.

use std::path::Path;

use serde_json::{Value, json};

use super::entry::Entry;
use super::files;
use crate::base::fs;
use crate::run_dir::{layout, table};
use crate::serve::reply::Refusal;

/// Columns of tables that are text, even if a class is called `1`.
const TEXTS: [&str; 5] = ["path", "label", "labels", "predicted", "stage"];

/// A run with its epochs, values and files.
pub(super) fn about(entry: &Entry) -> Value {
    let Entry { directory, facts, .. } = entry;
    let epochs = table::read(&directory.join(layout::METRICS)).unwrap_or_default();
    let rows: Vec<Vec<Value>> =
        epochs.rows.iter().map(|row| cells(&epochs.columns, row, &TEXTS)).collect();
    let text = fs::read_text(&directory.join(layout::METRICS_JSON)).unwrap_or_default();
    json!({
        "run": entry.listed(),
        "values": facts.values,
        "stages": facts.begun,
        "columns": epochs.columns,
        "rows": rows,
        "measured": serde_json::from_str::<Value>(&text).unwrap_or_default(),
        "files": files::names(directory),
        "has_predictions": directory.join(layout::PREDICTIONS).is_file(),
    })
}

/// The predictions for the validation images of a run.
pub(super) fn predictions(entry: &Entry) -> Result<Value, Refusal> {
    let none = |_| Refusal::not_found("the run has no predictions yet");
    let table = table::read(&entry.directory.join(layout::PREDICTIONS)).map_err(none)?;
    let is_number = table.column("target").is_some();
    // Labels of a number are numbers.
    let texts = if is_number { &TEXTS[..1] } else { &TEXTS[..] };
    let rows: Vec<Vec<Value>> =
        table.rows.iter().map(|row| cells(&table.columns, row, texts)).collect();
    Ok(json!({ "columns": table.columns, "rows": rows, "classes": classes(&entry.directory) }))
}

/// The names of the classes.
fn classes(directory: &Path) -> Value {
    let text = fs::read_text(&directory.join(layout::CLASSES)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// A row of a table with numbers and truth values as such.
fn cells(columns: &[String], row: &[String], texts: &[&str]) -> Vec<Value> {
    let cells = columns.iter().zip(row).map(|(column, cell)| {
        if texts.contains(&column.as_str()) {
            return Value::from(cell.as_str());
        }
        match cell.as_str() {
            "" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
        }
    });
    cells.collect()
}
