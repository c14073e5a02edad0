//! `alpaca-run predict --base NETWORK --weights WEIGHTS IMAGE…`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::on_threads;
use crate::base::text;
use crate::cli::args::{BaseArgument, PredictArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::transfer;
use crate::exec::predict::{self, Answer, Predictor};
use crate::exec::preflight;
use crate::exec::session::RunError;
use crate::model::imagenet;
use crate::pipeline::load::{self, Loaded, PipelineInput, Rejected};

/// Asks a network about pictures, and prints the classes it finds most likely.
pub(in crate::cli) fn run(
    arguments: &PredictArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if ["none", "builtin"].contains(&arguments.weights.as_str()) {
        return Err(Failure::Other {
            exit: Exit::Usage,
            code: None,
            error: anyhow::anyhow!(
                "`--weights {}` comes with no classifier to ask",
                arguments.weights
            ),
            hints: vec!["give `imagenet`, or a file with its classifier in it".to_owned()],
        });
    }
    let files = predict::pictures(&arguments.images).map_err(Failure::usage)?;
    let loaded = pipeline(arguments, settings)?;
    if let Some(file) = preflight::published(&loaded.spec.model) {
        transfer::bring(&file, settings, terminal)?;
    }
    let cache = settings.cache_folder.as_deref();
    on_threads(settings, || ask(arguments, &files, &loaded, cache, terminal))?
}

fn ask(
    arguments: &PredictArguments,
    files: &[PathBuf],
    loaded: &Loaded,
    cache: Option<&Path>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (network, weights) = preflight::pretrained(&loaded.spec, cache)
        .map_err(|problem| Failure::Rejected(as_typed(loaded.reject(vec![problem]))))?;
    let mut predictor = Predictor::new(&loaded.spec, network, &weights).map_err(RunError::from)?;
    let mut n_bad = 0;
    predictor.predict(files, |file, answer| {
        n_bad += usize::from(answer.is_err());
        let text = if arguments.json {
            json_line(file, &answer, arguments.top)
        } else {
            lines(file, &answer, arguments.top)
        };
        terminal.result(&text).map_err(Failure::usage)
    })?;
    Ok(if n_bad > 0 { Exit::Failed } else { Exit::Done })
}

/// A pipeline for the network alone, so that weights are named and found as in any other.
fn pipeline(arguments: &PredictArguments, settings: &Settings) -> Result<Loaded, Failure> {
    let base = match arguments.base {
        BaseArgument::MobilenetV2 => "mobilenet_v2",
    };
    let text = format!(
        "version: 1\ndataset:\n  directory: .\nmodel:\n  base: {base}\n  weights: imagenet\n  top: \
         pretrained\nstages:\n  none:\n    train:\n      epochs: 1\n"
    );
    let input = PipelineInput {
        file: "predict".into(),
        folder: ".".into(),
        overrides: vec![
            format!("dataset.image_size={}", arguments.image_size),
            format!("model.width={}", arguments.width),
            format!("model.weights={}", arguments.weights),
        ],
        current_dir: settings.current_dir.clone(),
    };
    load::from_text(&text, &input).map_err(|rejected| Failure::Rejected(as_typed(rejected)))
}

/// The options of this command, and the values of a pipeline that they stand for.
const OPTIONS: [(&str, &str); 3] = [
    ("dataset.image_size=", "--image-size"),
    ("model.width=", "--width"),
    ("model.weights=", "--weights"),
];

/// Problems with values of a pipeline, told of the options that were typed.
fn as_typed(mut rejected: Rejected) -> Rejected {
    for (position, source) in rejected.sources.iter_mut().enumerate() {
        let option = OPTIONS.iter().find(|(value, _)| source.text.starts_with(value));
        let Some((value, option)) = option else { continue };
        source.name = (*option).to_owned();
        source.text.replace_range(..value.len(), "");
        let diagnostics = rejected.diagnostics.iter_mut();
        for span in diagnostics.map(|diagnostic| &mut diagnostic.span) {
            if span.source == position {
                let shifted = |place: usize| place.saturating_sub(value.len());
                span.range = shifted(span.range.start)..shifted(span.range.end);
            }
        }
    }
    rejected
}

/// The likeliest classes, with the likeliest first.
fn likeliest(probabilities: &[f64], top: usize) -> Vec<(f64, usize)> {
    let mut sorted: Vec<(f64, usize)> =
        probabilities.iter().enumerate().map(|(class, &p)| (p, class)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    sorted.truncate(top);
    sorted
}

fn lines(file: &Path, answer: &Answer, top: usize) -> String {
    let mut text = format!("{}\n", file.display());
    match answer {
        Ok(probabilities) => {
            let rows: Vec<Vec<String>> = likeliest(probabilities, top)
                .into_iter()
                .map(|(probability, class)| {
                    let class = imagenet::classes()[class];
                    vec![format!("  {probability:.4}"), class.name.to_owned(), class.id.to_owned()]
                })
                .collect();
            text.push_str(&text::align(&rows, &[0]));
        }
        Err(reason) => {
            let _ = writeln!(text, "  no readable picture: {reason}");
        }
    }
    text
}

fn json_line(file: &Path, answer: &Answer, top: usize) -> String {
    let value = match answer {
        Ok(probabilities) => {
            let classes = likeliest(probabilities, top).into_iter().map(|(probability, class)| {
                let class = imagenet::classes()[class];
                json!({ "id": class.id, "name": class.name, "probability": probability })
            });
            json!({ "path": file, "classes": classes.collect::<Vec<_>>() })
        }
        Err(reason) => json!({ "path": file, "error": reason }),
    };
    format!("{value}\n")
}
