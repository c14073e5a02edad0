//! The model that is applied to shards, and what decides its outputs.

use std::path::Path;

use serde_json::json;

use crate::base::digest::Digest;
use crate::base::names;
use crate::cli::args::{FormatArgument, ShardFeaturesArguments, ShardModelArguments};
use crate::cli::command::elsewhere::absolute;
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::cluster::work::{ShardFormat, ShardModel, ShardWork};
use crate::exec::ask::frozen_part::FrozenPart;
use crate::exec::ask::trained;
use crate::pipeline::load::Loaded;
use crate::run_dir::{layout, verify};
use crate::spec::FromWeights;

/// The model of a command line.
pub(super) fn of(
    work: ShardWork,
    ShardModelArguments { model: path, format, job }: &ShardModelArguments,
    settings: &Settings,
) -> Result<ShardModel, Failure> {
    let model = absolute(settings, path);
    // Elsewhere it decides only whether the command succeeds.
    let skip_bad = job.skip_bad && work == ShardWork::Evaluate;
    let digest = match is_file(path) {
        true if work != ShardWork::Predict => return Err(not_a_run(path)),
        true => Digest::of_file(path).map_err(Failure::usage)?,
        false => of_run(path)?,
    };
    let format = match format {
        FormatArgument::Csv => ShardFormat::Csv,
        FormatArgument::Parquet if work == ShardWork::Evaluate => return Err(only_csv()),
        FormatArgument::Parquet => ShardFormat::Parquet,
    };
    Ok(ShardModel { work, format, model, digest, skip_bad })
}

/// The frozen part of the first stage of a pipeline.
pub(super) fn of_pipeline(
    arguments: &ShardFeaturesArguments,
    loaded: &Loaded,
    settings: &Settings,
) -> Result<ShardModel, Failure> {
    Ok(ShardModel {
        work: ShardWork::Features,
        format: ShardFormat::Features,
        model: absolute(settings, &arguments.pipeline.pipeline),
        digest: frozen_part(loaded, settings)?.keys.features,
        skip_bad: false,
    })
}

/// The frozen part of the first stage of a pipeline.
pub(super) fn frozen_part(loaded: &Loaded, settings: &Settings) -> Result<FrozenPart, Failure> {
    FrozenPart::of_first_stage(&loaded.spec, settings.cache_folder.as_deref())
        .map_err(|problem| Failure::Rejected(loaded.reject(vec![problem])))
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
