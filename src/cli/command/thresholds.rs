//! Thresholds for a wanted precision: shown by `evaluate`, used by `predict`.

use std::fmt::Write as _;
use std::path::Path;

use super::members::Runs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::ThresholdsArguments;
use crate::cli::exit::Failure;
use crate::cli::terminal::Terminal;
use crate::metrics::threshold::Given;
use crate::report::tables::{four, interval};
use crate::run_dir::measured::{self, Predictions};
use crate::run_dir::thresholds::Thresholds;
use crate::run_dir::{layout, verify};
use crate::spec::{FromWeights, TargetSpec};

/// What an image is called that is below the threshold of its likeliest class.
pub(super) const UNSURE: &str = "unsure";

/// Refuses thresholds for a model that estimates a number.
pub(super) fn check(arguments: &ThresholdsArguments, target: TargetSpec) -> Result<(), Failure> {
    let option = match arguments {
        ThresholdsArguments { min_precision: Some(_), .. } => "--min-precision",
        ThresholdsArguments { thresholds: Some(_), .. } => "--thresholds",
        _ => return Ok(()),
    };
    if target != TargetSpec::Number {
        return Ok(());
    }
    let error =
        anyhow::anyhow!("`{option}` does not apply to this model, which estimates a number");
    Err(Failure::usage_with(error, vec![format!("leave out `{option}`")]))
}

/// Refuses thresholds where there are none.
pub(super) fn refuse(arguments: &ThresholdsArguments, what: &str) -> Result<(), Failure> {
    if arguments.min_precision.is_none() && arguments.thresholds.is_none() {
        return Ok(());
    }
    let error = anyhow::anyhow!("thresholds do not apply to {what}");
    let hint = "leave out `--min-precision` and `--thresholds`, or name a run directory".to_owned();
    Err(Failure::usage_with(error, vec![hint]))
}

/// The thresholds of images: chosen by them, or from a file.
pub(super) fn of_images(
    arguments: &ThresholdsArguments,
    predictions: &Predictions,
) -> Result<Option<Thresholds>, Failure> {
    if let Some(min_precision) = arguments.min_precision {
        return Ok(Some(Thresholds::choose(predictions, min_precision)));
    }
    let Some(file) = &arguments.thresholds else { return Ok(None) };
    let found = Thresholds::read(file).map_err(not_thresholds)?;
    let chosen = in_order(&found, &predictions.classes, file)?;
    Ok(Some(Thresholds::at(predictions, &chosen, found.min_precision)))
}

/// The threshold of each class for predictions of a run: from a file, or chosen by the validation images
/// of the run.
pub(super) fn of_run(
    arguments: &ThresholdsArguments,
    runs: &Runs,
    which: FromWeights,
    terminal: &Terminal,
) -> Result<Option<Vec<Option<f64>>>, Failure> {
    let classes = runs.ensemble.classes();
    let Some(min_precision) = arguments.min_precision else {
        return of_file(arguments, classes, terminal);
    };
    if !runs.ensemble.is_single() || which == FromWeights::Last {
        let error = anyhow::anyhow!(
            "thresholds are chosen on the validation predictions of a run, which are those of its best weights"
        );
        let hints = vec![format!(
            "choose them with the same options: `alpaca-run evaluate … --min-precision \
                 {min_precision} --out DIR`, then pass `--thresholds DIR/thresholds.json`"
        )];
        return Err(Failure::usage_with(error, hints));
    }
    let run = &runs.directories[0];
    verify::check(run, &runs.manifest, |name| name == layout::PREDICTIONS)
        .map_err(Failure::usage)?;
    let predictions =
        measured::read_predictions(&run.join(layout::PREDICTIONS)).map_err(Failure::usage)?;
    let found = Thresholds::choose(&predictions, min_precision);
    announce(&found, "the validation images of the run", terminal);
    Ok(Some(found.classes.iter().map(|class| class.threshold).collect()))
}

/// The threshold of each class from a file, if one is named.
pub(super) fn of_file(
    arguments: &ThresholdsArguments,
    classes: &[String],
    terminal: &Terminal,
) -> Result<Option<Vec<Option<f64>>>, Failure> {
    if arguments.min_precision.is_some() {
        let error =
            anyhow::anyhow!("an exported file has no validation images to choose thresholds by");
        let hint = "choose them with `alpaca-run evaluate RUN --min-precision P --out DIR`, then pass \
                    `--thresholds DIR/thresholds.json`";
        return Err(Failure::usage_with(error, vec![hint.to_owned()]));
    }
    let Some(file) = &arguments.thresholds else { return Ok(None) };
    let found = Thresholds::read(file).map_err(not_thresholds)?;
    let chosen = in_order(&found, classes, file)?;
    let runs = text::all_of(found.runs.iter().map(String::as_str));
    announce(&found, &format!("images of {} and {runs}", found.on), terminal);
    Ok(Some(chosen))
}

fn not_thresholds(error: impl Into<anyhow::Error>) -> Failure {
    let hint = "`alpaca-run evaluate RUN --min-precision P --out DIR` writes such a file";
    Failure::usage_with(error, vec![hint.to_owned()])
}

/// The thresholds in the order of the classes of a model.
fn in_order(
    found: &Thresholds,
    classes: &[String],
    file: &Path,
) -> Result<Vec<Option<f64>>, Failure> {
    let find = |name: &String| {
        let name = names::normal(name);
        found.classes.iter().find(|class| names::normal(&class.name) == name)
    };
    let all: Option<Vec<_>> = classes.iter().map(|name| Some(find(name)?.threshold)).collect();
    all.filter(|all| all.len() == found.classes.len()).ok_or_else(|| {
        let shown = names::text_of_path(file);
        let error =
            anyhow::anyhow!("the thresholds in `{shown}` are not for the classes of the model");
        let known = text::all_of(found.classes.iter().take(10).map(|class| class.name.as_str()));
        Failure::usage_with(error, vec![format!("they are for {known}")])
    })
}

/// Prints how often the model answers, and the classes that it never does for.
fn announce(found: &Thresholds, by: &str, terminal: &Terminal) {
    terminal.note(&format!("thresholds chosen by {by}: {}", answered(found)));
    if let Some(warning) = unreached(found) {
        terminal.warn(&warning);
    }
}

/// How many images get an answer, and how good it is.
fn answered(found: &Thresholds) -> String {
    let Thresholds { n_images, n_answered, .. } = found;
    let share = 100.0 * *n_answered as f64 / (*n_images).max(1) as f64;
    let n = text::count(*n_images, "image");
    let given = found.given();
    let precision = given.precision().zip(given.interval());
    let precision = precision.map(|(precision, of)| {
        format!(", with a precision of {} (95 % interval {})", four(precision), interval(of))
    });
    format!(
        "{} of {n} ({share:.1} %) get an answer{}",
        text::thousands(*n_answered),
        precision.unwrap_or_default()
    )
}

/// A warning for classes that are never given.
fn unreached(found: &Thresholds) -> Option<String> {
    let names = found.unreached();
    let (n, shown) = (names.len(), text::all_of(names.iter().take(10).copied()));
    let more = if n > 10 { format!(" and {} more", n - 10) } else { String::new() };
    (n > 0).then(|| {
        format!(
            "no threshold reaches a precision of {} for {shown}{more}, so no image gets it",
            found.min_precision
        )
    })
}

/// The thresholds as text.
pub(super) fn render(found: &Thresholds, is_chosen: bool) -> String {
    let heads = ["class", "threshold", "images", "precision", "95 % interval"].map(str::to_owned);
    let rows = found.classes.iter().map(|class| {
        let given = Given { n: class.n_given, n_right: class.n_right };
        vec![
            class.name.clone(),
            class.threshold.map_or_else(|| "none".to_owned(), four),
            format!("{} of {}", class.n_given, class.n_predicted),
            given.precision().map_or_else(|| "–".to_owned(), four),
            given.interval().map_or_else(|| "–".to_owned(), interval),
        ]
    });
    let rows: Vec<Vec<String>> = std::iter::once(heads.to_vec()).chain(rows).collect();
    let mut text = format!("thresholds for a precision of {}:\n", found.min_precision);
    text.push_str(&text::align(&rows, &[1, 2, 3]));
    let _ = writeln!(text, "{}", answered(found));
    if let Some(warning) = unreached(found) {
        let _ = writeln!(text, "{warning}");
    }
    if is_chosen {
        text.push_str(
            "the thresholds were chosen by these images: on others, expect a lower precision\n",
        );
    }
    text
}
