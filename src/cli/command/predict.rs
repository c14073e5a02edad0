//! `alpaca-run predict RUN|MODEL.onnx IMAGE…`, and `alpaca-run predict --base NETWORK IMAGE…`

use std::path::Path;
use std::time::Instant;

use super::answers::{Format, Kind, Names, Said};
use super::members::{self, Runs};
use super::thresholds::{self, UNSURE};
use super::{check_order, on_threads};
use crate::base::fs;
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::{BaseArgument, PredictArguments, ThresholdArgument, WeightsArgument};
use crate::cli::downloads;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::ask::image_files::{self, ImageFile};
use crate::exec::ask::predict::Predictor;
use crate::exec::error::RunError;
use crate::exec::prepare::network;
use crate::exec::prepare::weights::published;
use crate::metrics::{Measures, several};
use crate::pipeline::load::{self, Loaded, PipelineInput, Rejected};
use crate::run_dir::measured::Measured;
use crate::run_dir::{layout, verify};
use crate::spec::{Architecture, FromWeights, TargetSpec};

/// Number of classes per image without `--top`: a few of the thousand of ImageNet, and the
/// likeliest of a classifier that was trained here.
const TOP_OF_BASE: usize = 5;
const TOP_OF_RUN: usize = 1;

/// Classifies images, and prints the likeliest classes.
pub(in crate::cli) fn run(
    arguments: &PredictArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    match arguments.base {
        Some(base) => {
            members::refuse(&arguments.ensemble, "`--base`")?;
            thresholds::refuse(&arguments.thresholds, "`--base`")?;
            of_base(base, arguments, settings, terminal)
        }
        None => of_run(arguments, settings, terminal),
    }
}

fn of_run(
    arguments: &PredictArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (run, images) = arguments.paths.split_first().expect("clap requires at least one path");
    if images.is_empty() {
        return Err(Failure::Other {
            exit: Exit::Usage,
            code: None,
            error: anyhow::anyhow!("no images to predict"),
            notes: vec![],
            hints: vec![
                "pass a run directory or an exported file, then images: `alpaca-run predict RUN IMAGE…`"
                    .to_owned(),
                "to predict ImageNet classes without a run, use `--base mobilenet_v2`".to_owned(),
            ],
        });
    }
    check_order(run, images)?;
    let files =
        image_files::images(images, settings.cache_dir.as_deref()).map_err(Failure::usage)?;
    if run.extension().is_some_and(|end| end == "safetensors") {
        let shown = names::text_of_path(run);
        let error = anyhow::anyhow!("`{shown}` is a weights file, not a run or an exported file");
        let hint = "name the run directory: `alpaca-run predict RUN IMAGE…`".to_owned();
        return Err(Failure::usage_with(error, vec![hint]));
    }
    if run.is_file() {
        return of_file(run, &files, arguments, settings, terminal);
    }
    let which = FromWeights::from(arguments.from_weights.unwrap_or(WeightsArgument::Best));
    on_threads(settings, || {
        let runs = Runs::open(run, &arguments.ensemble, which, &[], settings)?;
        let ensemble = &runs.ensemble;
        thresholds::check(&arguments.thresholds, ensemble.target())?;
        let chosen = thresholds::of_run(&arguments.thresholds, &runs, which, terminal)?;
        let kind = match (ensemble.target(), arguments.threshold) {
            (TargetSpec::Classes, Some(ThresholdArgument::Best)) => {
                Kind::Several(best_thresholds(run, &runs, which)?)
            }
            (target, _) => kind(target, ensemble.classes(), arguments)?,
        };
        let predictor = Predictor::of_ensemble(ensemble).map_err(RunError::from)?;
        let said = said(ensemble.classes().to_vec(), kind, chosen, arguments)?;
        ask(predictor, &files, &said, arguments, terminal)
    })?
}

/// The classes of a run or a file, with the threshold of each if there are some.
fn said(
    classes: Vec<String>,
    kind: Kind,
    thresholds: Option<Vec<Option<f64>>>,
    arguments: &PredictArguments,
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
    Ok(Said { format: format(arguments), names: Names::OfRun(classes), kind, thresholds })
}

/// The output format.
fn format(arguments: &PredictArguments) -> Format {
    match (arguments.json, arguments.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Text,
    }
}

/// How the answers of a model are printed.
fn kind(
    target: TargetSpec,
    classes: &[String],
    arguments: &PredictArguments,
) -> Result<Kind, Failure> {
    let refuse = |option: &str, why: &str| {
        let error = anyhow::anyhow!("`{option}` does not apply to {why}");
        Err(Failure::usage_with(error, vec![format!("leave out `{option}`")]))
    };
    match (target, arguments.threshold, arguments.top) {
        (TargetSpec::Class, Some(_), _) => {
            refuse("--threshold", "this model, which gives each image one class")
        }
        (TargetSpec::Number, Some(_), _) => {
            refuse("--threshold", "this model, which estimates a number")
        }
        (TargetSpec::Number, None, Some(_)) => {
            refuse("--top", "this model, which estimates a number")
        }
        (TargetSpec::Class, None, top) => Ok(Kind::One(top.unwrap_or(TOP_OF_RUN))),
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

/// Classifies images with an exported file.
fn of_file(
    file: &Path,
    files: &[ImageFile],
    arguments: &PredictArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
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
    let kind = kind(target, &classes, arguments)?;
    let said = said(classes, kind, chosen, arguments)?;
    on_threads(settings, || ask(predictor, files, &said, arguments, terminal))?
}

fn of_base(
    BaseArgument(base): BaseArgument,
    arguments: &PredictArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if ["none", "builtin"].contains(&arguments.weights.as_str()) {
        return Err(Failure::Other {
            exit: Exit::Usage,
            code: None,
            error: anyhow::anyhow!(
                "`--weights {}` has no classifier to predict with",
                arguments.weights
            ),
            notes: vec![],
            hints: vec!["pass `imagenet`, or a file that includes the classifier".to_owned()],
        });
    }
    let files = image_files::images(&arguments.paths, settings.cache_dir.as_deref())
        .map_err(Failure::usage)?;
    let loaded = pipeline(base, arguments, settings)?;
    if let Some(file) = published(&loaded.spec.model) {
        downloads::bring(&file, settings, terminal)?;
    }
    let cache = settings.cache_folder.as_deref();
    on_threads(settings, || {
        let (network, weights) = network::pretrained(&loaded.spec, cache)
            .map_err(|problem| Failure::Rejected(as_typed(loaded.reject(vec![problem]))))?;
        let predictor = Predictor::new(&loaded.spec, &network, &weights).map_err(RunError::from)?;
        let kind = Kind::One(arguments.top.unwrap_or(TOP_OF_BASE));
        let (format, names) = (format(arguments), Names::OfImagenet);
        let said = Said { format, names, kind, thresholds: None };
        ask(predictor, &files, &said, arguments, terminal)
    })?
}

fn ask(
    mut predictor: Predictor,
    files: &[ImageFile],
    said: &Said,
    arguments: &PredictArguments,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let print = |text: &str| terminal.result(text).map_err(Failure::usage);
    print(&said.head())?;
    let tally = Tally::default();
    let _counting = tally.begin("predicting", "images", files.len());
    // Results that appear on the terminal show the progress themselves.
    let shown = (!terminal.shows_results()).then(|| ShownWork::watch(terminal, &tally));
    let start = Instant::now();
    let mut bad: Vec<String> = vec![];
    predictor.predict(files, |file, answer| {
        if answer.is_err() {
            bad.push(names::text_of_path(file));
        }
        tally.add();
        print(&said.about(file, &answer))
    })?;
    drop(shown);
    let seconds = start.elapsed().as_secs_f64().max(1e-9);
    if files.len() > 1 {
        let rate = files.len() as f64 / seconds;
        let n = text::count(files.len(), "image");
        terminal.note(&format!("{n} in {seconds:.1} s, {rate:.0} images/s"));
    }
    if bad.is_empty() {
        return Ok(Exit::Done);
    }
    let n = text::count(bad.len(), "file");
    let which = if bad.len() == 1 { "is not a readable image" } else { "are not readable images" };
    let names = text::first_lines(&bad, 10);
    terminal.note(&format!("{n} {which}:\n{names}"));
    Ok(if arguments.skip_bad { Exit::Done } else { Exit::Failed })
}

/// A pipeline with just the network, so that weights are resolved as in any other. Images keep their
/// aspect ratio and lose what is outside of a square, as where the publishers of weights measure
/// their accuracy.
fn pipeline(
    base: Architecture,
    arguments: &PredictArguments,
    settings: &Settings,
) -> Result<Loaded, Failure> {
    let (name, usual_side) = (base.name(), base.usual_side());
    let text = format!(
        "version: 1\ndataset:\n  directory: .\n  resize: {{ fit: crop }}\nmodel:\n  base: {name}\n  weights: imagenet\n  top: \
         pretrained\nstages:\n  none:\n    train:\n      epochs: 1\n"
    );
    let input = PipelineInput {
        file: "predict".into(),
        folder: ".".into(),
        overrides: [
            Some(format!("dataset.image_size={}", arguments.image_size.unwrap_or(usual_side))),
            arguments.width.map(|width| format!("model.width={width}")),
            Some(format!("model.weights={}", arguments.weights)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        current_dir: settings.current_dir.clone(),
    };
    load::from_text(&text, &input).map_err(|rejected| Failure::Rejected(as_typed(rejected)))
}

/// The options of this command, and the keys of a pipeline that they set.
const OPTIONS: [(&str, &str); 3] = [
    ("dataset.image_size=", "--image-size"),
    ("model.width=", "--width"),
    ("model.weights=", "--weights"),
];

/// Converts problems with keys of a pipeline into problems with the given options.
fn as_typed(mut rejected: Rejected) -> Rejected {
    for (position, source) in rejected.sources.iter_mut().enumerate() {
        let option = OPTIONS.iter().find(|(value, _)| source.text.starts_with(value));
        let Some((value, option)) = option else { continue };
        source.name = (*option).to_owned();
        source.text.replace_range(..value.len(), "");
        let diagnostics = rejected.diagnostics.iter_mut();
        for span in diagnostics.map(|diagnostic| &mut diagnostic.span) {
            if span.source == position {
                let [start, end] = [span.range.start, span.range.end]
                    .map(|place| place.saturating_sub(value.len()));
                span.range = start..end;
            }
        }
    }
    rejected
}
