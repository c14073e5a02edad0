//! The model that is applied to shards, and what decides its outputs.

use std::path::Path;

use serde_json::json;

use crate::base::digest::Digest;
use crate::base::names;
use crate::cli::args::{FormatArgument, ShardJobArguments};
use crate::cli::command::elsewhere::absolute;
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::cluster::work::{ShardFormat, ShardModel, ShardWork};
use crate::exec::ask::trained;
use crate::run_dir::{layout, verify};
use crate::spec::FromWeights;

/// The model of a command line.
pub(super) fn of(
    work: ShardWork,
    job: &ShardJobArguments,
    settings: &Settings,
) -> Result<ShardModel, Failure> {
    let (model, skip_bad) = (absolute(settings, &job.model), job.skip_bad);
    let digest = match is_file(&job.model) {
        true if work != ShardWork::Predict => return Err(not_a_run(&job.model)),
        true => Digest::of_file(&job.model).map_err(Failure::usage)?,
        false => of_run(&job.model)?,
    };
    let format = match job.format {
        FormatArgument::Csv => ShardFormat::Csv,
        FormatArgument::Parquet if work == ShardWork::Evaluate => return Err(only_csv()),
        FormatArgument::Parquet => ShardFormat::Parquet,
    };
    Ok(ShardModel { work, format, model, digest, skip_bad })
}

/// Whether a model is an exported file.
pub(super) fn is_file(model: &Path) -> bool {
    model.is_file()
}

/// What decides the outputs of the model of a run: its files.
fn of_run(run: &Path) -> Result<Digest, Failure> {
    let manifest = verify::read_manifest(run)?;
    let mut names = trained::files(FromWeights::Best).to_vec();
    names.extend([layout::RESOLVED, layout::CLASSES].map(str::to_owned));
    let files = manifest.files.iter().filter(|(name, _)| names.contains(name));
    let decisive = json!(files.collect::<Vec<_>>());
    Ok(Digest::of(decisive.to_string().as_bytes()))
}

fn only_csv() -> Failure {
    let error = anyhow::anyhow!("an evaluation is merged from tables in CSV");
    Failure::usage_with(error, vec!["leave out `--format parquet`".to_owned()])
}

fn not_a_run(path: &Path) -> Failure {
    let shown = names::text_of_path(path);
    let hint = "an exported file can only `predict`; name its run directory";
    Failure::usage_with(anyhow::anyhow!("`{shown}` is not a run directory"), vec![hint.to_owned()])
}
