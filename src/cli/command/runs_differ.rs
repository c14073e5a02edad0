//! What tells the runs of a list apart.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::fs;
use crate::base::leaves;
use crate::pipeline::resolved;
use crate::run_dir::catalog::RunEntry;
use crate::run_dir::{layout, table};

/// The maximum number of changed values in a line.
const MOST: usize = 3;

/// The values of each run's pipeline that differ from the first run in the list with the same name.
pub(super) fn changes(runs: &[RunEntry]) -> Vec<BTreeMap<String, Value>> {
    let pipelines: Vec<Value> = runs.iter().map(pipeline).collect();
    let changed = pipelines.iter().map(|now| {
        let first = pipelines.iter().find(|first| first["name"] == now["name"]);
        let changes = first.map(|first| leaves::changes(first, now)).unwrap_or_default();
        changes
            .into_iter()
            .map(|change| (change.path.to_string(), change.now.unwrap_or_default()))
            .collect()
    });
    changed.collect()
}

/// The resolved pipeline of a run; null if it cannot be read.
fn pipeline(run: &RunEntry) -> Value {
    let text = fs::read_text(&run.directory.join(layout::RESOLVED)).unwrap_or_default();
    resolved::read(&text).map_or(Value::Null, |recorded| recorded.values)
}

/// Changed values as a cell of a table.
pub(super) fn line(changes: &BTreeMap<String, Value>) -> String {
    if changes.is_empty() {
        return "-".to_owned();
    }
    let shown = changes.iter().take(MOST).map(|(path, value)| {
        let path = path.strip_prefix("stages.").unwrap_or(path);
        let value = if value.is_null() { "-".to_owned() } else { leaves::plain(Some(value)) };
        format!("{path}={value}")
    });
    let shown: Vec<String> = shown.collect();
    let rest = changes.len().saturating_sub(MOST);
    let more = if rest > 0 { format!(", and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The last epoch of an unfinished run, and its stage.
pub(super) fn stopped_at(run: &RunEntry) -> Option<(String, String)> {
    if run.manifest().is_some() {
        return None;
    }
    let mut table = table::read(&run.directory.join(layout::METRICS)).ok()?;
    let (stage, epoch) = table.column("stage").zip(table.column("epoch"))?;
    let row = table.rows.pop()?;
    Some((row[stage].clone(), row[epoch].clone()))
}
