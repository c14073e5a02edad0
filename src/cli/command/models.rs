//! `alpaca-run models`

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::{json_text, on_threads};
use crate::base::names;
use crate::base::text;
use crate::cli::args::ModelsArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::look::models::{
    self, BATCH_SIZE, Facts, ModelInfo, WeightsInfo, WeightsPlace, WidthInfo,
};
use crate::model::published;
use crate::spec::{Architecture, Convention, Source, WeightsSpec};

/// Lists the networks, or describes one.
pub(in crate::cli) fn run(
    arguments: &ModelsArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let chosen = arguments.network.map(|network| network.0);
    let root = settings.cache_folder.as_deref();
    let all = Architecture::ALL.into_iter().filter(|of| chosen.is_none_or(|name| *of == name));
    let list: Vec<Listed> = all.map(|of| Listed::of(models::describe(of, root))).collect();
    let list = if arguments.bench { measured(list, arguments, settings, terminal)? } else { list };
    let speed = arguments.bench.then(|| Conditions {
        n_threads: settings.threads,
        instruction_set: models::instruction_set(),
    });
    let text = match &list[..] {
        list if arguments.json => json_text(&as_json(list, speed)),
        [one] if chosen.is_some() => describe(one, speed),
        list => table(list, speed) + &notes(list),
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// A network with its measured speed.
struct Listed {
    info: ModelInfo,
    /// Images per second of each width; `None` if they were not measured.
    speeds: Vec<Option<f64>>,
}

impl Listed {
    fn of(info: ModelInfo) -> Self {
        Self { speeds: vec![None; info.widths.len()], info }
    }

    fn rows(&self) -> impl Iterator<Item = (&WidthInfo, Option<f64>)> {
        self.info.widths.iter().zip(self.speeds.iter().copied())
    }
}

/// The conditions that speed was measured under.
#[derive(Clone, Copy)]
struct Conditions {
    n_threads: usize,
    instruction_set: &'static str,
}

fn measured(
    list: Vec<Listed>,
    arguments: &ModelsArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Vec<Listed>, Failure> {
    let least = Duration::from_secs_f64(arguments.seconds);
    let n: usize = list.iter().map(|listed| listed.speeds.len()).sum();
    terminal.note(&format!("measuring {}", text::count(n, "network")));
    let with_speeds = |mut listed: Listed| {
        for (width, speed) in listed.info.widths.iter().zip(&mut listed.speeds) {
            *speed = Some(models::images_per_second(width, least)?);
        }
        Ok(listed)
    };
    on_threads(settings, || list.into_iter().map(with_speeds).collect())?
}

/// A table with a row for each width of each network.
fn table(list: &[Listed], speed: Option<Conditions>) -> String {
    let mut heads = vec!["name", "width", "params", "GMAC", "input", "top-1", "license", "weights"];
    heads.extend(speed.map(|_| "images/s"));
    let mut table = vec![heads.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (width, speed) in list.iter().flat_map(Listed::rows) {
        let usual = width.usual();
        let license = usual.and_then(|weights| weights.facts.license);
        let mut row = vec![
            width.architecture.name().to_owned(),
            width.width.map(|width| format!("{width:?}")).unwrap_or_default(),
            format!("{:.1} M", width.n_parameters as f64 / 1e6),
            format!("{:.2}", width.multiply_adds / 1e9),
            width.architecture.usual_side().to_string(),
            accuracy_cell(width),
            license.unwrap_or("unknown").to_owned(),
            usual.map_or("none", |weights| place_word(&weights.place)).to_owned(),
        ];
        row.extend(speed.map(|speed| format!("{speed:.0}")));
        table.push(row);
    }
    let mut rendered = text::align(&table, &[2, 3, 4, 5, 8]);
    if let Some(Conditions { n_threads, instruction_set }) = speed {
        let threads = text::count(n_threads, "thread");
        let _ = writeln!(
            rendered,
            "\nimages/s: frozen base model, batches of {BATCH_SIZE} images, {threads}, {instruction_set}"
        );
    }
    rendered
}

fn accuracy_cell(width: &WidthInfo) -> String {
    match width.accuracy() {
        None => "unknown".to_owned(),
        Some((side, top1)) if side == width.architecture.usual_side() => format!("{top1:.1}"),
        Some((side, top1)) => format!("{top1:.1} at {side}"),
    }
}

fn place_word(place: &WeightsPlace) -> &'static str {
    match place {
        WeightsPlace::Builtin => "built-in",
        WeightsPlace::Cached(_) => "cached",
        WeightsPlace::Missing(_) => "to download",
        WeightsPlace::Unusable(..) => "unusable",
    }
}

/// The explanations of the table.
fn notes(list: &[Listed]) -> String {
    let mut text = "\nparams: trainable parameters without the classifier\n\
                    GMAC: billion multiply-adds for one image of the input size\n\
                    top-1: published accuracy in % on the 1,000 classes of ImageNet, at the input \
                    size\n\
                    weights: of `weights: imagenet`, or built-in weights that were trained on \
                    ImageNet\n"
        .to_owned();
    for width in list.iter().flat_map(|listed| &listed.info.widths) {
        let others = width.weights.iter().filter(|weights| weights.file.is_none());
        for weights in others.filter(|weights| !weights.is_of_imagenet()) {
            let _ = writeln!(
                text,
                "{} also has built-in weights, trained on {}",
                width.architecture.title_of(width.width.unwrap_or(1.0)),
                weights.facts.trained_on
            );
        }
    }
    text + "`alpaca-run models NAME` lists all weights of a network\n"
}

/// Everything about one network.
fn describe(listed: &Listed, speed: Option<Conditions>) -> String {
    let info = &listed.info;
    let architecture = info.architecture;
    let mut text = format!(
        "{}: {}, images of {side}x{side} pixels\n\n{}\n",
        architecture.title(),
        text::count(info.n_blocks, "block"),
        table(std::slice::from_ref(listed), speed),
        side = architecture.usual_side(),
    );
    let width = info.widths.iter().find(|of| of.width.is_none_or(|width| width == 1.0));
    if let Some(width) = width.or(info.widths.last()) {
        let weights = match width.usual().map(|weights| &weights.place) {
            Some(WeightsPlace::Builtin) => "builtin",
            _ => "imagenet",
        };
        let _ = writeln!(text, "In a pipeline:\n\nmodel: {}", base_model(width, weights));
        text.push_str("# in a stage, to train the last three blocks: unfreeze_last: 3\n");
    }
    // Weights of one library come in groups with the same license and convention.
    let mut before = None;
    for width in &info.widths {
        for weights in &width.weights {
            let group = group(weights);
            if before.as_ref() != Some(&group) {
                let _ = write!(text, "\n{group}");
            }
            before = Some(group);
            text.push_str(&entry(width, weights));
        }
    }
    text
}

/// A base model as in a pipeline.
fn base_model(width: &WidthInfo, weights: &str) -> String {
    let name = width.architecture.name();
    let factor = width.width.map(|width| format!("width: {width:?}, ")).unwrap_or_default();
    format!("{{ base: {name}, {factor}weights: {weights} }}")
}

/// What weights have in common with others of their library.
fn group(weights: &WeightsInfo) -> String {
    let Facts { trained_on, license, accuracy_source, .. } = weights.facts;
    let origin = match &weights.file {
        Some(file) => format!("Weights of {}", file.source.name()),
        None => "Built-in weights".to_owned(),
    };
    let mut text = format!(
        "{origin}: trained on {trained_on}, license {}\n  convention `{}`: {}\n",
        license.unwrap_or("unknown"),
        weights.convention.name(),
        convention(weights.convention),
    );
    if let Some(source) = accuracy_source {
        let _ = writeln!(text, "  accuracy as in {source}");
    }
    let (WeightsPlace::Cached(path)
    | WeightsPlace::Missing(Some(path))
    | WeightsPlace::Unusable(path, _)) = &weights.place
    else {
        return text;
    };
    if let Some(directory) = path.parent() {
        let _ = writeln!(text, "  downloads are stored in {}", names::text_of_path(directory));
    }
    text
}

/// The conventions in words (docs/weights.md).
fn convention(convention: Convention) -> &'static str {
    match convention {
        Convention::Keras => "pixel values from -1 to 1, padding of TensorFlow",
        Convention::Torch => {
            "pixel values scaled by the statistics of ImageNet, padding of PyTorch"
        }
        Convention::TorchInception => "pixel values from -1 to 1, padding of PyTorch",
        Convention::TorchvisionMobilenetV3 => {
            "pixel values scaled by the statistics of ImageNet, padding of PyTorch, epsilon 1e-3"
        }
        Convention::Tensorflow => {
            "pixel values scaled by the statistics of ImageNet, padding of TensorFlow"
        }
        Convention::KerasNoTop => {
            "pixel values from -1 to 1, padding of TensorFlow, without the convolution after the pooling"
        }
        Convention::KerasZeroToOne => "pixel values from 0 to 1, padding of TensorFlow",
        Convention::KerasCaffe => {
            "pixel values minus their mean, padding on all sides, epsilon 1.001e-5, stride in the first \
             convolution of a block"
        }
        Convention::EfficientnetLite => "pixel values `(x - 127) / 128`, padding of TensorFlow",
    }
}

/// The use of weights in a pipeline, their accuracy, and their file.
fn entry(width: &WidthInfo, weights: &WeightsInfo) -> String {
    let WeightsInfo { file, facts, selected_by, place, .. } = weights;
    let selected = match (selected_by, file) {
        (Some(spec), _) => selection(width.architecture, width.width.unwrap_or(1.0), spec),
        (None, file) => file.as_ref().map(|file| file.name.clone()).unwrap_or_default(),
    };
    let mut text = format!("  - {}\n", base_model(width, &selected));
    let accuracies = facts.accuracies.iter();
    let accuracies: Vec<String> =
        accuracies.map(|(side, top1)| format!("{top1:.1} % at {side} pixels")).collect();
    if weights.is_of_imagenet() && accuracies.is_empty() {
        text.push_str("    top-1: unknown\n");
    } else if !accuracies.is_empty() {
        let _ = writeln!(text, "    top-1: {}", accuracies.join(", "));
    }
    let Some(file) = file else { return text };
    let _ = writeln!(text, "    URL: {}", file.url);
    let _ = match place {
        WeightsPlace::Cached(path) => writeln!(text, "    cached: {}", names::text_of_path(path)),
        WeightsPlace::Unusable(_, why) => writeln!(text, "    unusable: {why}"),
        _ if selected_by.is_none() => {
            writeln!(text, "    to download by hand, as {}", file.name)
        }
        _ => writeln!(text, "    to download: {}", file.name),
    };
    text
}

/// The value of `weights` in a pipeline, on one line.
fn selection(architecture: Architecture, width: f64, spec: &WeightsSpec) -> String {
    match spec {
        WeightsSpec::Published(spec)
            if spec.source == Source::Timm
                && published::usual_source(architecture, width) == Source::Timm =>
        {
            "imagenet".to_owned()
        }
        spec => match json!(spec) {
            Value::Object(keys) => {
                // As its author would write it: the source first.
                let pairs = ["source", "version", "trained_at"].into_iter().filter_map(|key| {
                    let value = keys.get(key)?;
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    Some(format!("{key}: {value}"))
                });
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
            word => word.as_str().unwrap_or_default().to_owned(),
        },
    }
}

fn as_json(list: &[Listed], speed: Option<Conditions>) -> Value {
    let models: Vec<Value> = list.iter().map(model_as_json).collect();
    let conditions = speed.map(|Conditions { n_threads, instruction_set }| {
        json!({ "threads": n_threads, "instruction_set": instruction_set, "batch_size": BATCH_SIZE })
    });
    json!({ "models": models, "bench": conditions })
}

fn model_as_json(listed: &Listed) -> Value {
    let ModelInfo { architecture, n_blocks, .. } = &listed.info;
    let widths = listed.rows().map(|(width, speed)| {
        let usual = width.usual();
        let weights = width.weights.iter().map(|weights| {
            let mut value = weights_as_json(width, weights);
            value["is_usual"] = json!(usual.is_some_and(|usual| std::ptr::eq(usual, weights)));
            value
        });
        json!({
            "width": width.width,
            "parameters": width.n_parameters,
            "multiply_adds": width.multiply_adds as u64,
            "images_per_second": speed,
            "weights": weights.collect::<Vec<_>>(),
        })
    });
    json!({
        "name": architecture.name(),
        "title": architecture.title(),
        "input_size": architecture.usual_side(),
        "blocks": n_blocks,
        "widths": widths.collect::<Vec<_>>(),
    })
}

fn weights_as_json(width: &WidthInfo, weights: &WeightsInfo) -> Value {
    let WeightsInfo { file, convention, facts, selected_by, place } = weights;
    let accuracies = facts.accuracies.iter();
    let accuracies = accuracies.map(|(side, top1)| json!({ "image_size": side, "top1": top1 }));
    let (is_here, path, fault) = match place {
        WeightsPlace::Builtin => (true, None, None),
        WeightsPlace::Cached(path) => (true, Some(path), None),
        WeightsPlace::Missing(path) => (false, path.as_ref(), None),
        WeightsPlace::Unusable(path, why) => (false, Some(path), Some(why)),
    };
    let pipeline = selected_by.as_ref().map(|weights| {
        let mut model = json!({ "base": width.architecture.name() });
        if let Some(width) = width.width {
            model["width"] = json!(width);
        }
        model["weights"] = json!(weights);
        model
    });
    json!({
        "source": file.as_ref().map_or("builtin", |file| file.source.name()),
        "file": file.as_ref().map(|file| &file.name),
        "url": file.as_ref().map(|file| &file.url),
        "license": facts.license,
        "trained_on": facts.trained_on,
        "accuracy": accuracies.collect::<Vec<_>>(),
        "accuracy_source": facts.accuracy_source,
        "convention": convention.name(),
        "preprocessing": convention.preprocessing(),
        "padding": if convention.pads_evenly() { "symmetric" } else { "tensorflow" },
        "pipeline": pipeline,
        "is_here": is_here,
        "path": path.map(|path| names::text_of_path(path)),
        "fault": fault,
    })
}
