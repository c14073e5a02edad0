//! `alpaca-run predict RUN|MODEL.onnx IMAGE…`, and `alpaca-run predict --base NETWORK IMAGE…`

use std::time::Instant;

use super::answers::{Format, Kind, Names, Said};
use super::{check_order, members, model, on_threads, thresholds};
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::{BaseArgument, PredictArguments};
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
use crate::pipeline::load::{self, Loaded, PipelineInput, Rejected};
use crate::spec::Architecture;

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
            members::refuse(&arguments.answers.ensemble, "`--base`")?;
            thresholds::refuse(&arguments.answers.thresholds, "`--base`")?;
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
    on_threads(settings, || {
        let asked =
            model::Asked { top: arguments.top, usual_top: TOP_OF_RUN, format: format(arguments) };
        let (predictor, said) = model::open(run, &arguments.answers, asked, settings, terminal)?;
        ask(predictor, &files, &said, arguments, terminal)
    })?
}

/// The output format.
fn format(arguments: &PredictArguments) -> Format {
    match (arguments.json, arguments.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Text,
    }
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
