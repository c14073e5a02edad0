//! The facts about a run that programs list, show and draw.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::base::clock;
use crate::base::leaves;
use crate::pipeline::resolved;
use crate::run_dir::catalog::{RunEntry, Status};
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::read;
use crate::run_dir::table::Rows;

/// A run, finished or not. What cannot be read, such as a line that is half written, is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The values of its pipeline by their paths.
    pub values: BTreeMap<String, Value>,
    /// Its name; null if it is not known.
    pub name: Value,
    /// Its seed; null if it is not known.
    pub seed: Value,
    /// The names of its stages.
    pub stages: Vec<String>,
    /// The stages that have begun.
    pub begun: Vec<StageOfRun>,
    /// Where it is, if it is not finished.
    pub now: Option<Now>,
    /// Its best epoch so far.
    pub best: Option<Best>,
    /// The time it took, in seconds, if it is finished.
    pub seconds: Option<f64>,
    /// Why it is broken, as a fragment.
    pub why: Option<String>,
}

/// A stage that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageOfRun {
    /// Its name.
    pub name: String,
    /// The number of its first epoch.
    pub first_epoch: usize,
    /// The number of its last epoch, if that is known.
    pub n_epochs: Option<usize>,
}

/// Where an unfinished run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Now {
    /// The stage.
    pub stage: String,
    /// The last epoch that finished.
    pub epoch: usize,
    /// The last epoch of the stage, if that is known.
    pub n_epochs: Option<usize>,
}

/// The best epoch of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Its stage.
    pub stage: String,
    /// Its number.
    pub epoch: usize,
    /// The metric that decides, as named in pipelines.
    pub by: String,
    /// Its validation metrics, as named in metrics.csv.
    pub metrics: BTreeMap<String, f64>,
}

/// An epoch of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Its stage.
    pub stage: String,
    /// Its number.
    pub number: u64,
    /// Metrics by their names in metrics.csv.
    pub metrics: Vec<(String, f64)>,
    /// When it finished, in seconds since 1970, if that is known.
    pub time: Option<u64>,
}

impl Facts {
    /// Reads a run.
    pub fn of(run: &RunEntry) -> Self {
        let text = read::text(&run.directory.join(layout::RESOLVED)).unwrap_or_default();
        let pipeline = resolved::read(&text).map_or(Value::Null, |recorded| recorded.values);
        let values: BTreeMap<String, Value> = leaves::leaves(&pipeline)
            .into_iter()
            .map(|(path, value)| (path.to_string(), value))
            .collect();
        let epochs = read::table(&run.directory.join(layout::METRICS)).unwrap_or_default();
        let begun = begun(run, &epochs);
        let manifest = run.manifest();
        Self {
            name: pipeline["name"].clone(),
            seed: pipeline["seed"].clone(),
            stages: pipeline["stages"]
                .as_object()
                .map_or(vec![], |all| all.keys().cloned().collect()),
            now: if manifest.is_some() { None } else { now(&epochs, &begun) },
            best: match manifest {
                Some(manifest) => best_of(manifest, &epochs),
                None => best_so_far(&epochs, &values),
            },
            seconds: manifest.map(|manifest| manifest.volatile.seconds),
            why: match &run.status {
                Status::Broken(why) => Some(why.clone()),
                _ => None,
            },
            values,
            begun,
        }
    }
}

/// Where an unfinished run is.
fn now(epochs: &Rows, begun: &[StageOfRun]) -> Option<Now> {
    let stage = begun.last()?;
    let own = epochs.rows.iter().rev().find(|row| cell(epochs, row, "stage") == Some(&stage.name));
    let epoch = own.and_then(|row| cell(epochs, row, "epoch")?.parse().ok());
    let epoch = epoch.unwrap_or(stage.first_epoch.saturating_sub(1));
    Some(Now { stage: stage.name.clone(), epoch, n_epochs: stage.n_epochs })
}

fn cell<'a>(epochs: &Rows, row: &'a [String], column: &str) -> Option<&'a String> {
    row.get(epochs.column(column)?)
}

/// The best epoch of a finished run.
fn best_of(manifest: &Manifest, epochs: &Rows) -> Option<Best> {
    let stage = manifest.best_stage()?;
    let by = manifest.best.as_ref().map_or("val/loss", |best| &best.by).to_owned();
    let number = stage.best.epoch.to_string();
    let row = epochs.rows.iter().find(|row| {
        cell(epochs, row, "stage") == Some(&stage.name)
            && cell(epochs, row, "epoch") == Some(&number)
    });
    let mut metrics = row.map(|row| validation(epochs, row)).unwrap_or_default();
    // An average of weights is not the epoch in the table.
    let of_best = stage.best.validation;
    metrics.insert("val/loss".to_owned(), of_best.loss);
    metrics.insert(format!("val/{}", of_best.score.column()), of_best.score.value());
    Some(Best { stage: stage.name.clone(), epoch: stage.best.epoch, by, metrics })
}

/// The best epoch of an unfinished run, by the metric that its pipeline names.
fn best_so_far(epochs: &Rows, values: &BTreeMap<String, Value>) -> Option<Best> {
    let by = values.iter().find(|(path, _)| path.ends_with(".best_by"));
    let by = by.and_then(|(_, value)| value.as_str()).unwrap_or("val/loss").to_owned();
    let sign = if is_error(&by) { -1.0 } else { 1.0 };
    let number = |row: &[String]| Some(sign * cell(epochs, row, &by)?.parse::<f64>().ok()?);
    let rows = epochs.rows.iter().filter_map(|row| Some((number(row)?, row)));
    let (_, row) = rows.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let stage = cell(epochs, row, "stage")?.clone();
    let epoch = cell(epochs, row, "epoch")?.parse().ok()?;
    let metrics = validation(epochs, row);
    Some(Best { stage, epoch, by, metrics })
}

/// Whether lower values of a metric are better.
fn is_error(metric: &str) -> bool {
    ["loss", "mae", "rmse"].iter().any(|end| metric.ends_with(end))
}

/// The validation metrics of an epoch.
fn validation(epochs: &Rows, row: &[String]) -> BTreeMap<String, f64> {
    let cells = epochs.columns.iter().zip(row).filter(|(name, _)| name.starts_with("val/"));
    cells.filter_map(|(name, cell)| Some((name.clone(), cell.parse().ok()?))).collect()
}

/// The epochs of a run so far, in the order in which they ran.
pub fn epochs(directory: &Path) -> Vec<Epoch> {
    let table = read::table(&directory.join(layout::METRICS)).unwrap_or_default();
    let text = read::text(&directory.join(layout::EVENTS)).unwrap_or_default();
    let mut times: BTreeMap<(String, u64), u64> = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("\"epoch_finished\"")) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let event = &line["event"]["epoch_finished"];
        let of = event["stage"].as_str().zip(event["metrics"]["epoch"].as_u64());
        let time = line["time"].as_str().and_then(clock::seconds);
        if let Some(((stage, epoch), time)) = of.zip(time) {
            times.insert((stage.to_owned(), epoch), time);
        }
    }
    let rows = table.rows.iter().filter_map(|row| {
        let stage = cell(&table, row, "stage")?.clone();
        let number = cell(&table, row, "epoch")?.parse().ok()?;
        let cells = table.columns.iter().zip(row);
        let metrics = cells
            .filter(|(name, _)| !["stage", "epoch"].contains(&name.as_str()))
            .filter_map(|(name, cell)| Some((name.clone(), cell.parse().ok()?)));
        let metrics = metrics.collect();
        let time = times.get(&(stage.clone(), number)).copied();
        Some(Epoch { stage, number, metrics, time })
    });
    rows.collect()
}

/// The stages that have begun: from the events, which know how long they will be, or else from the table.
fn begun(run: &RunEntry, epochs: &Rows) -> Vec<StageOfRun> {
    let mut found: Vec<StageOfRun> = vec![];
    let text = read::text(&run.directory.join(layout::EVENTS)).unwrap_or_default();
    for line in text.lines().filter(|line| line.contains("\"n_epochs_before\"")) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        let Some(facts) = event["event"].as_object().and_then(|event| event.values().next()) else {
            continue;
        };
        let facts = if facts["facts"].is_object() { &facts["facts"] } else { facts };
        let (Some(name), Some(n), Some(before)) = (
            facts["stage"].as_str(),
            facts["n_epochs"].as_u64(),
            facts["n_epochs_before"].as_u64(),
        ) else {
            continue;
        };
        let [before, n] = [before, n].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        found.retain(|stage| stage.name != name);
        let n_epochs = Some(before.saturating_add(n));
        found.push(StageOfRun { name: name.to_owned(), first_epoch: before + 1, n_epochs });
    }
    for row in &epochs.rows {
        let (Some(name), Some(epoch)) = (cell(epochs, row, "stage"), cell(epochs, row, "epoch"))
        else {
            continue;
        };
        let Ok(epoch) = epoch.parse() else { continue };
        if let Some(stage) = found.iter_mut().find(|stage| stage.name == *name) {
            stage.n_epochs = stage.n_epochs.map(|n| n.max(epoch));
        } else {
            let n_epochs = run.manifest().map(|_| epoch);
            found.push(StageOfRun { name: name.clone(), first_epoch: epoch, n_epochs });
        }
    }
    found
}
