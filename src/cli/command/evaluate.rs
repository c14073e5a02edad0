//! `alpaca-run evaluate RUN`

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::members::Runs;
use super::sessions::caches;
use super::thresholds;
use super::{check_order, json_text, on_threads};
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::{EvaluateArguments, PartArgument};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::ask::ensemble::Member;
use crate::exec::ask::evaluate::{self, EvaluationImages};
use crate::exec::error::RunError;
use crate::exec::prepare::overlap::RunImages;
use crate::metrics::{Measures, Metrics};
use crate::report::tables::{self, four, interval, maybe};
use crate::run_dir::measured::{self, Measured, Predictions};
use crate::run_dir::thresholds::{THRESHOLDS, Thresholds};
use crate::spec::problem::Code;
use crate::spec::{FromWeights, OnBadImage, SplitPart, TestTimeAugmentation};

/// Evaluates the model of a run on images that it was not trained on.
pub(in crate::cli) fn run(
    arguments: &EvaluateArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (measured, predictions) = on_threads(settings, || measure(arguments, settings, terminal))??;
    let mut chosen = thresholds::of_images(&arguments.thresholds, &predictions)?;
    if let Some(chosen) = &mut chosen {
        let one = vec![names::text_of_path(&arguments.run)];
        chosen.runs = if measured.ensemble.is_empty() { one } else { measured.ensemble.clone() };
        (chosen.weights, chosen.on) = (measured.weights.clone(), measured.on.clone());
    }
    if let Some(folder) = &arguments.out {
        measured::write(folder, &measured, &predictions).map_err(Failure::usage)?;
        if let (Some(chosen), Some(_)) = (&chosen, arguments.thresholds.min_precision) {
            chosen.write(&folder.join(THRESHOLDS)).map_err(Failure::usage)?;
        }
    }
    let text = if arguments.json {
        json_text(&WithThresholds { measured: &measured, thresholds: chosen.as_ref() })
    } else {
        render(&arguments.run, &measured, chosen.as_ref(), arguments)
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// Metrics, and thresholds if there are some.
#[derive(Serialize)]
struct WithThresholds<'a> {
    #[serde(flatten)]
    measured: &'a Measured,
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<&'a Thresholds>,
}

fn measure(
    arguments: &EvaluateArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<(Measured, Predictions), Failure> {
    check_order(&arguments.run, arguments.data.as_slice())?;
    let which = FromWeights::from(arguments.from_weights);
    let runs =
        Runs::open(&arguments.run, &arguments.ensemble, which, &arguments.overrides, settings)?;
    thresholds::check(&arguments.thresholds, runs.ensemble.target())?;
    let (room, tally) = (caches(settings).pixels, Tally::default());
    let _shown = ShownWork::watch(terminal, &tally);
    let options = evaluate::ReadOptions { room: &room, tally: &tally };
    let (images, on) = images(arguments, &runs, options)?;
    for warning in &images.warnings {
        terminal.warn(warning);
    }
    if !images.skipped().is_empty() {
        let bad = images.skipped().iter().map(|bad| format!("{}: {}", bad.path, bad.reason));
        let bad: Vec<String> = bad.collect();
        let n = text::count(bad.len(), "bad image");
        terminal.note(&format!("{n} skipped:\n{}", text::first_lines(&bad, 10)));
    }
    let predictions = runs.ensemble.predictions(&images, &room, settings.threads)?;
    if predictions.is_empty() && arguments.split == PartArgument::Test {
        return Err(Failure::Other {
            exit: Exit::Usage,
            code: None,
            error: RunError::NothingToMeasure.into(),
            notes: vec![],
            hints: vec![
                "the run has no test set; its pipeline sets `dataset.split.test` to 0".to_owned(),
            ],
        });
    }
    let predictions = evaluate::rows(&images.dataset, &predictions);
    let metrics = evaluate::measure(&predictions)?;
    let stage = match which {
        FromWeights::Best => runs.manifest.best_stage(),
        FromWeights::Last => runs.manifest.stages.last(),
    };
    let stage = runs.words().or_else(|| stage.map(|stage| stage.name.clone()));
    let averaged = runs.directories.iter().map(|run| names::text_of_path(run));
    let measured = Measured {
        stage: stage.unwrap_or_default(),
        weights: which.name().to_owned(),
        on,
        n_trained_on: images.n_trained_on,
        ensemble: if runs.directories.len() > 1 { averaged.collect() } else { vec![] },
        test_time_augmentation: match runs.ensemble.views {
            TestTimeAugmentation::None => None,
            TestTimeAugmentation::Flip => Some("flip".to_owned()),
        },
        metrics,
    };
    Ok((measured, predictions))
}

/// The images to evaluate on, and their name.
fn images(
    arguments: &EvaluateArguments,
    runs: &Runs,
    options: evaluate::ReadOptions<'_>,
) -> Result<(EvaluationImages, String), Failure> {
    let Member { spec, trained, .. } = runs.ensemble.first();
    if let Some(folder) = &arguments.data {
        let rules = if arguments.skip_bad { OnBadImage::Skip } else { OnBadImage::Error };
        let seen = RunImages::of_runs(&runs.directories).map_err(Failure::usage)?;
        let images =
            EvaluationImages::in_folder(folder, &trained.classes, spec, rules, options, &seen);
        return Ok((images.map_err(not_evaluated)?, names::text_of_path(folder)));
    }
    let part = SplitPart::from(arguments.split);
    let fingerprint = runs.manifest.dataset.fingerprint;
    let mut images = EvaluationImages::of_run(spec, part, fingerprint, options)?;
    if runs.directories.len() > 1 {
        warn_of_others(&mut images, runs)?;
    }
    Ok((images, part.name().to_owned()))
}

/// Warns if other runs of an ensemble were trained on images that the first one was not.
fn warn_of_others(images: &mut EvaluationImages, runs: &Runs) -> Result<(), Failure> {
    let seen = RunImages::of_runs(&runs.directories).map_err(Failure::usage)?;
    let (n, all) = (seen.n_trained_on(&images.dataset, &images.positions), images.positions.len());
    images.n_trained_on = n;
    if n == 0 {
        return Ok(());
    }
    let mut warning = format!(
        "runs of the ensemble were trained on {} of {}; the metrics are too optimistic for new images",
        text::thousands(n),
        text::count(all, "image"),
    );
    if let Some(folds) = &runs.folds {
        let _ = write!(
            warning,
            "\n  metrics.json and predictions.csv in {} are of models that were not trained on the \
             image",
            names::text_of_path(folds)
        );
    }
    images.warnings.push(warning);
    Ok(())
}

/// A directory of images that cannot be evaluated.
fn not_evaluated(error: RunError) -> Failure {
    match error.code() {
        code @ Some(Code::DatasetDirectory) => {
            let hints = vec![
                "`--data` takes a directory with one directory per class, an archive of one, shards or \
                 a table"
                    .to_owned(),
            ];
            let (exit, notes) = (Exit::Failed, error.notes());
            Failure::Other { exit, code, error: error.into(), notes, hints }
        }
        _ => Failure::from(error),
    }
}

/// The metrics as text.
fn render(
    run: &Path,
    measured: &Measured,
    chosen: Option<&Thresholds>,
    arguments: &EvaluateArguments,
) -> String {
    let Measured { stage, weights, on, metrics, test_time_augmentation, .. } = measured;
    let views = test_time_augmentation.as_ref();
    let mut text = format!(
        "{}: {weights} weights of {stage}{} on {} of {on}\n\n",
        names::text_of_path(run),
        views.map(|views| format!(" with test-time augmentation ({views})")).unwrap_or_default(),
        text::count(metrics.n_images(), "image"),
    );
    match metrics {
        Measures::Class(metrics) => of_class(&mut text, metrics),
        Measures::Several(of) => {
            text.push_str(&named(metrics));
            let (heads, rows) = tables::several(of);
            let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
            text.push('\n');
            text.push_str(&text::align(&rows, &[1, 2, 3, 5, 6, 7, 8, 9]));
        }
        Measures::Number(_) => text.push_str(&named(metrics)),
    }
    if let Some(chosen) = chosen {
        text.push('\n');
        let is_chosen = arguments.thresholds.min_precision.is_some();
        text.push_str(&thresholds::render(chosen, is_chosen));
    }
    if let Some(folder) = &arguments.out {
        let files = match arguments.thresholds.min_precision {
            None => "metrics.json, predictions.csv and plots",
            Some(_) => "metrics.json, thresholds.json, predictions.csv and plots",
        };
        let _ = writeln!(text, "\nwrote {files} to {}", names::text_of_path(folder));
    }
    text
}

/// All metrics with their names, except the number of images.
fn named(metrics: &Measures) -> String {
    let rows = tables::figures(metrics).into_iter().skip(1);
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    text::align(&rows.collect::<Vec<_>>(), &[])
}

/// The metrics of images of one class.
fn of_class(text: &mut String, metrics: &Metrics) {
    text.push_str(&text::align(&figures(metrics), &[]));
    let absent = metrics.absent();
    if !absent.is_empty() {
        let (n, names) = (absent.len(), absent.into_iter().take(10));
        let more = if n > 10 { format!(" and {} more", n - 10) } else { String::new() };
        let _ = writeln!(
            text,
            "\nno image of {}{more}: averages are over the classes that occur as label or prediction",
            text::all_of(names)
        );
    }
    text.push('\n');
    let (heads, rows) = tables::classes(metrics);
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    text.push_str(&text::align(&rows, &[1, 2, 3, 5, 6, 7]));
    let confused = metrics.confusion_matrix.most_confused(5);
    if !confused.is_empty() {
        text.push_str("\nmost confused:\n");
        let name = |class: usize| metrics.classes[class].name.clone();
        let rows: Vec<Vec<String>> = confused
            .into_iter()
            .map(|(label, given, n)| {
                let of = metrics.confusion_matrix.n_of(label);
                vec![format!("  {n} of {of}"), name(label), format!("predicted as {}", name(given))]
            })
            .collect();
        text.push_str(&text::align(&rows, &[]));
    }
}

fn figures(metrics: &Metrics) -> Vec<Vec<String>> {
    let accuracy = format!("95 % interval {}", interval(metrics.accuracy_interval));
    let rows = [
        ("accuracy", four(metrics.accuracy), accuracy),
        ("balanced accuracy", four(metrics.balanced_accuracy), String::new()),
        ("macro F1", four(metrics.macro_f1), String::new()),
        ("log-loss", four(metrics.log_loss), String::new()),
        ("Brier score", four(metrics.brier_score), String::new()),
        ("calibration error", four(metrics.expected_calibration_error), String::new()),
        ("ROC AUC", maybe(metrics.roc_auc), String::new()),
        ("average precision", maybe(metrics.average_precision), String::new()),
    ];
    rows.into_iter().map(|(name, value, more)| vec![name.to_owned(), value, more]).collect()
}
