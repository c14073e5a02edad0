//! `alpaca-run export RUN -o MODEL.onnx`

use std::fmt::Write as _;

use super::members::Runs;
use super::sessions::caches;
use super::{check_directory, on_threads};
use crate::base::fs;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::ExportArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::cli::work::ShownWork;
use crate::exec::ask::ensemble::Member;
use crate::exec::ask::evaluate::{self, EvaluationImages};
use crate::exec::ask::export::{self, Export, Form};
use crate::spec::{FromWeights, SplitPart};

/// Exports the model of a run to ONNX, after verifying that the file predicts the same.
pub(in crate::cli) fn run(
    arguments: &ExportArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    check_directory(&arguments.output)?;
    let Export { file, recipe, outputs, agreement, warning } =
        on_threads(settings, || export(arguments, settings, terminal))??;
    let path = &arguments.output;
    fs::write_atomic(path, &file).map_err(Failure::usage)?;
    let mut said = format!(
        "{}: ONNX, {}; {outputs} differ from the model by at most {:.1e} on {}\n",
        path.display(),
        text::bytes(file.len() as u64),
        agreement.difference,
        text::count(agreement.n_images, "validation image"),
    );
    if let Some(recipe) = recipe {
        let beside = path.with_extension("json");
        fs::write_atomic(&beside, recipe.as_bytes()).map_err(Failure::usage)?;
        let _ = writeln!(
            said,
            "{}: the preprocessing that images need before they enter it",
            beside.display()
        );
        if let Some(warning) = warning {
            terminal.note(&format!(
                "warning: {warning}; export without `--normalised`, or train with `antialias: true`"
            ));
        }
    }
    if terminal.verbosity() == Verbosity::Quiet {
        said = format!("{}\n", path.display());
    }
    terminal.result(&said).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn export(
    arguments: &ExportArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Export, Failure> {
    let which = FromWeights::from(arguments.from_weights);
    let form = if arguments.normalised { Form::Normalised } else { Form::Pixels(arguments.size) };
    let Runs { ensemble, manifest, .. } =
        Runs::open(&arguments.run, &arguments.ensemble, which, &arguments.overrides, settings)?;
    let mut precisions = ensemble.members.iter().map(|member| member.spec.model.precision);
    if let Some(precision) = precisions.find(|precision| !precision.is_f32()) {
        terminal.note(&format!(
            "note: the file computes in `f32`, so its outputs differ slightly from those of `predict`, \
             which computes with `precision: {}`",
            precision.name()
        ));
    }
    let ensemble = ensemble.in_f32();
    let Member { spec, trained, .. } = ensemble.first();
    let (room, tally) = (caches(settings).pixels, Tally::default());
    let _shown = ShownWork::watch(terminal, &tally);
    let options = evaluate::ReadOptions { room: &room, tally: &tally };
    let fingerprint = manifest.dataset.fingerprint;
    let images = EvaluationImages::of_run(spec, SplitPart::Validation, fingerprint, options)?;
    let predictions = ensemble.predictions(&images, &room, settings.threads)?;
    if ensemble.is_single() {
        let n_threads = settings.threads;
        return Ok(export::export(trained, spec, &images, &predictions, form, n_threads)?);
    }
    Ok(export::export_ensemble(&ensemble, &images, &predictions, form)?)
}
