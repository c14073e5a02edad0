//! `alpaca-run layers PIPELINE`

use std::fmt::Write as _;

use super::load;
use crate::base::tensor::shape_text;
use crate::base::text;
use crate::cli::args::PipelineArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::look::layers::{self, InStage, LayersReport};

/// Lists the layers of a pipeline's model, and whether each stage trains them.
pub(in crate::cli) fn run(
    arguments: &PipelineArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let loaded = load(arguments, settings)?;
    let report = layers::describe(&loaded.spec)
        .map_err(|problem| Failure::Rejected(loaded.reject(vec![problem])))?;
    terminal.result(&render(&report)).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn render(report: &LayersReport) -> String {
    let stages: Vec<&str> = report.stages.iter().map(|(name, _)| name.as_str()).collect();
    let heads = ["index", "block", "name", "kind", "output", "weights"];
    let mut table: Vec<Vec<String>> =
        vec![heads.iter().chain(&stages).map(|head| (*head).to_owned()).collect()];
    for row in &report.rows {
        let weights =
            if row.n_weights == 0 { String::new() } else { text::thousands(row.n_weights) };
        let mut cells = vec![
            row.idx.to_string(),
            row.block.map(|block| block.to_string()).unwrap_or_default(),
            row.name.clone(),
            row.class.to_owned(),
            shape_text(&row.shape),
            weights,
        ];
        cells.extend(row.in_stages.iter().map(|in_stage| match in_stage {
            InStage::WithoutWeights => String::new(),
            InStage::Frozen => "frozen".to_owned(),
            InStage::Trained => "trained".to_owned(),
        }));
        table.push(cells);
    }
    let mut rendered = text::align(&table, &[0, 1, 5]);
    let total = report.rows.iter().map(|row| row.n_weights).sum();
    for (stage, n_trained) in &report.stages {
        let _ = writeln!(
            rendered,
            "{stage}: {} of {} trained",
            text::thousands(*n_trained),
            text::count(total, "weight")
        );
    }
    rendered
}
