//! Opens the model that `predict` and `serve-model` ask: of a run, of several, or in an exported file.

use std::path::Path;

use super::answers::{Format, Kind, Names, Said};
use super::members::{self, Runs};
use super::thresholds::{self, UNSURE};
use crate::base::fs;
use crate::base::names;
use crate::cli::args::{ModelArguments, ThresholdArgument, WeightsArgument};
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::ask::predict::Predictor;
use crate::exec::error::RunError;
use crate::metrics::{Measures, several};
use crate::run_dir::measured::Measured;
use crate::run_dir::{layout, verify};
use crate::spec::{FromWeights, TargetSpec};

/// What is asked of a model about each image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Number of the likeliest classes, if the user named one.
    pub(super) top: Option<usize>,
    /// That number otherwise, if an image has one class.
    pub(super) usual_top: usize,
    /// The format of answers.
    pub(super) format: Format,
}

/// Opens a model, with what is said about its answers.
pub(super) fn open(
    place: &Path,
    arguments: &ModelArguments,
    asked: Asked,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<(Predictor, Said), Failure> {
    if place.extension().is_some_and(|end| end == "safetensors") {
        let shown = names::text_of_path(place);
        let error = anyhow::anyhow!("`{shown}` is a weights file, not a run or an exported file");
        let hint = "name the run directory: `alpaca-run predict RUN IMAGE…`".to_owned();
        return Err(Failure::usage_with(error, vec![hint]));
    }
    if place.is_file() {
        return of_file(place, arguments, asked, terminal);
    }
    let which = FromWeights::from(arguments.from_weights.unwrap_or(WeightsArgument::Best));
    let runs = Runs::open(place, &arguments.ensemble, which, &[], settings)?;
    let ensemble = &runs.ensemble;
    thresholds::check(&arguments.thresholds, ensemble.target())?;
    let chosen = thresholds::of_run(&arguments.thresholds, &runs, which, terminal)?;
    let kind = match (ensemble.target(), arguments.threshold) {
        (TargetSpec::Classes, Some(ThresholdArgument::Best)) => {
            Kind::Several(best_thresholds(place, &runs, which)?)
        }
        (target, threshold) => kind(target, ensemble.classes(), threshold, asked)?,
    };
    let predictor = Predictor::of_ensemble(ensemble).map_err(RunError::from)?;
    Ok((predictor, said(ensemble.classes().to_vec(), kind, chosen, asked.format)?))
}

/// Opens an exported file.
fn of_file(
    file: &Path,
    arguments: &ModelArguments,
    asked: Asked,
    terminal: &Terminal,
) -> Result<(Predictor, Said), Failure> {
    members::refuse(&arguments.ensemble, "an exported file")?;
    if arguments.from_weights.is_some() {
        let error = anyhow::anyhow!(
            "`--from-weights` does not apply to an exported file, which has one set of weights"
        );
        return Err(Failure::usage_with(error, vec!["leave out `--from-weights`".to_owned()]));
    }
    let (predictor, classes, target) = Predictor::of_file(file).map_err(|error| {
        let hints = error.hints();
        Failure::usage_with(error, hints)
    })?;
    thresholds::check(&arguments.thresholds, target)?;
    let chosen = thresholds::of_file(&arguments.thresholds, &classes, terminal)?;
    let kind = kind(target, &classes, arguments.threshold, asked)?;
    Ok((predictor, said(classes, kind, chosen, asked.format)?))
}

/// The classes of a run or a file, with the threshold of each if there are some.
fn said(
    classes: Vec<String>,
    kind: Kind,
    thresholds: Option<Vec<Option<f64>>>,
    format: Format,
) -> Result<Said, Failure> {
    let (kind, thresholds) = match (kind, thresholds) {
        // An image without any of the labels has no label; it is not unsure.
        (Kind::Several(_), Some(of)) => {
            let of = of.into_iter().map(|threshold| threshold.unwrap_or(f64::INFINITY));
            (Kind::Several(of.collect()), None)
        }
        (kind, thresholds) => (kind, thresholds),
    };
    if thresholds.is_some() && classes.iter().any(|name| name == UNSURE) {
        let error = anyhow::anyhow!("a class of the model is named `{UNSURE}`");
        let hint = "leave out thresholds, or rename the class".to_owned();
        return Err(Failure::usage_with(error, vec![hint]));
    }
    Ok(Said { format, names: Names::OfRun(classes), kind, thresholds })
}

/// How the answers of a model are printed.
fn kind(
    target: TargetSpec,
    classes: &[String],
    threshold: Option<ThresholdArgument>,
    asked: Asked,
) -> Result<Kind, Failure> {
    let refuse = |option: &str, why: &str| {
        let error = anyhow::anyhow!("`{option}` does not apply to {why}");
        Err(Failure::usage_with(error, vec![format!("leave out `{option}`")]))
    };
    match (target, threshold, asked.top) {
        (TargetSpec::Class, Some(_), _) => {
            refuse("--threshold", "this model, which gives each image one class")
        }
        (TargetSpec::Number, Some(_), _) => {
            refuse("--threshold", "this model, which estimates a number")
        }
        (TargetSpec::Number, None, Some(_)) => {
            refuse("--top", "this model, which estimates a number")
        }
        (TargetSpec::Class, None, top) => Ok(Kind::One(top.unwrap_or(asked.usual_top))),
        (TargetSpec::Number, None, None) => Ok(Kind::Number),
        (TargetSpec::Classes, Some(ThresholdArgument::Best), _) => {
            let error = anyhow::anyhow!("an exported file does not have the best thresholds");
            let hint = "metrics.json of its run has them; pass a number, or the run";
            Err(Failure::usage_with(error, vec![hint.to_owned()]))
        }
        (TargetSpec::Classes, Some(_), Some(_)) => {
            refuse("--top", "a threshold, which decides how many labels there are")
        }
        (TargetSpec::Classes, None, Some(top)) => Ok(Kind::One(top)),
        (TargetSpec::Classes, Some(ThresholdArgument::All(value)), None) => {
            Ok(Kind::Several(vec![value; classes.len()]))
        }
        (TargetSpec::Classes, None, None) => {
            Ok(Kind::Several(vec![several::THRESHOLD; classes.len()]))
        }
    }
}

/// The threshold of each class with the highest F1 score on the validation set of a run.
fn best_thresholds(run: &Path, runs: &Runs, which: FromWeights) -> Result<Vec<f64>, Failure> {
    let fail = |what: &str, hint: &str| {
        let error = anyhow::anyhow!("{what}");
        Err(Failure::usage_with(error, vec![hint.to_owned()]))
    };
    if !runs.ensemble.is_single() {
        let what = "the best thresholds of a run are not those of an average of predictions";
        return fail(what, "pass a number; `alpaca-run evaluate` prints the best ones");
    }
    if which == FromWeights::Last {
        let what = "the best thresholds are those of the best weights, not of the last ones";
        return fail(what, "leave out `--from-weights last`, or pass a number");
    }
    verify::check(run, &runs.manifest, |name| name == layout::METRICS_JSON)
        .map_err(Failure::usage)?;
    let text = fs::read_text(&run.join(layout::METRICS_JSON)).map_err(Failure::usage)?;
    match serde_json::from_str::<Measured>(&text).map(|measured| measured.metrics) {
        Ok(Measures::Several(metrics)) => Ok(metrics
            .classes
            .iter()
            .map(|class| class.best_threshold.unwrap_or(several::THRESHOLD))
            .collect()),
        _ => fail("metrics.json of the run has no thresholds", "pass a number"),
    }
}
