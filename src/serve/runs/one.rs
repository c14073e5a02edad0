//! Everything about one run, and the tables in it.

use std::path::Path;

use serde_json::{Value, json};

use super::entry::Entry;
use super::files;
use crate::base::fs::FileError;
use crate::base::label_list;
use crate::run_dir::{layout, read};
use crate::serve::reply::Refusal;

/// Columns of tables that are text, even if a class is called `1`.
const TEXTS: [&str; 5] = ["path", "label", "labels", "predicted", "stage"];

/// A run with its epochs, values and files.
pub(super) fn about(entry: &Entry) -> Value {
    let Entry { directory, facts, .. } = entry;
    let epochs = read::table(&directory.join(layout::METRICS)).unwrap_or_default();
    let rows: Vec<Vec<Value>> =
        epochs.rows.iter().map(|row| cells(&epochs.columns, row, &TEXTS)).collect();
    let text = read::text(&directory.join(layout::METRICS_JSON)).unwrap_or_default();
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

/// The predictions for the validation images of a run. Cells with several labels are lists.
pub(super) fn predictions(entry: &Entry) -> Result<Value, Refusal> {
    let path = entry.directory.join(layout::PREDICTIONS);
    if !path.exists() {
        return Err(Refusal::not_found("the run has no predictions yet"));
    }
    let refused = |error: FileError| Refusal::not_found(format!("{error}: {}", error.source));
    let table = read::table(&path).map_err(refused)?;
    let kind = match (table.column("labels"), table.column("estimate")) {
        (Some(_), _) => "classes",
        (None, Some(_)) => "number",
        (None, None) => "class",
    };
    let rows = table.rows.iter().map(|row| {
        let mut cells = cells(&table.columns, row, &TEXTS);
        for name in ["labels", "predicted"].into_iter().filter(|_| kind == "classes") {
            if let Some(at) = table.column(name) {
                cells[at] = json!(label_list::read(&row[at], None).unwrap_or_default());
            }
        }
        cells
    });
    let rows: Vec<Vec<Value>> = rows.collect();
    let classes = classes(&entry.directory);
    Ok(json!({ "kind": kind, "columns": table.columns, "rows": rows, "classes": classes }))
}

/// The names of the classes.
fn classes(directory: &Path) -> Value {
    let text = read::text(&directory.join(layout::CLASSES)).unwrap_or_default();
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
