//! Resolves `model:`.

use super::{preprocessing, source};
use crate::base::key_path::KeyPath;
use crate::model::architecture;
use crate::model::published;
use crate::model::weights::builtin;
use crate::pipeline::raw::{
    RawBase, RawHead, RawInitializer, RawModel, RawOnnx, RawPooling, RawPrecision, RawPublished,
    RawSource, RawTop, RawTorchvisionVersion, RawWeights,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    Architecture, BaseModel, DatasetSpec, HeadSpec, ImageSize, Initializer, Location, ModelSpec,
    OnnxSpec, Pooling, Precision, PublishedSpec, Source, TopSpec, TorchvisionVersion, WeightsSpec,
};

/// Largest image side in pixels. Beyond it a batch of activations does not fit into memory.
const LARGEST_SIDE: usize = 8192;

/// Resolves the model of a pipeline.
pub(super) fn resolve(
    raw: &RawModel,
    dataset: &DatasetSpec,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    is_partial: bool,
    problems: &mut Vec<Problem>,
) -> ModelSpec {
    let at = KeyPath::of(&["model"]);
    let head = head(&raw.head);
    let precision = match raw.precision {
        RawPrecision::F32 => Precision::F32,
        RawPrecision::Bf16 => Precision::Bf16,
        RawPrecision::Int8 => Precision::Int8,
    };
    let architecture = match &raw.base {
        RawBase::Named(raw) => Architecture::from(*raw),
        RawBase::Onnx(onnx) => {
            check_sides(1, dataset.image_size, problems);
            refuse_choices_of_architectures(raw, &at, problems);
            let base = BaseModel::Onnx(self::onnx(onnx, locate, is_partial, problems));
            let (width, weights, top) = (None, WeightsSpec::InBase, TopSpec::New);
            return ModelSpec { base, width, weights, top, head, precision };
        }
    };
    check_sides(architecture::SMALLEST_SIDE, dataset.image_size, problems);
    let named = Named { architecture, width: width(raw, architecture, &at, problems) };
    let top = match raw.top {
        RawTop::New => TopSpec::New,
        RawTop::Pretrained => TopSpec::Pretrained,
    };
    let at_weights = at.key("weights");
    let weights = if let Some(raw) = &raw.weights {
        weights(raw, named, dataset.image_size, &at_weights, locate, problems)
    } else {
        // They may have been removed because they were invalid.
        if !is_partial {
            let problem = Problem::new(Code::MissingKey, at.clone(), "`model` has no `weights`");
            problems.push(
                problem.hint("write `builtin`, `imagenet`, `none`, or the path of a weights file"),
            );
        }
        WeightsSpec::Random(Initializer::default())
    };
    if let WeightsSpec::Published(spec) = &weights
        && let Err(error) = published::find(architecture, named.width.unwrap_or(1.0), spec, top)
    {
        let problem = Problem::new(Code::WeightsUnavailable, at_weights, error.to_string());
        problems.push(problem.hint(error.hint()));
    }
    if let (TopSpec::Pretrained, WeightsSpec::Random(_) | WeightsSpec::Builtin) = (top, &weights) {
        let message = "these weights do not include an ImageNet classifier";
        problems.push(Problem::new(Code::Conflict, at.key("top"), message).hint(
            "write `top: new`, or use weights that include it: `weights: imagenet`, or a file",
        ));
    }
    if top == TopSpec::Pretrained && !head.hidden.is_empty() {
        let message =
            "the ImageNet classifier has no hidden layers, so it cannot be used with `hidden`";
        let problem = Problem::new(Code::Conflict, at.key("head").key("hidden"), message);
        problems.push(problem.hint("remove it, or write `top: new`"));
    }
    let base = BaseModel::Named(architecture);
    ModelSpec { base, width: named.width, weights, top, head, precision }
}

/// A network that this program implements; the factor on its channels, if its family has one.
#[derive(Clone, Copy)]
struct Named {
    architecture: Architecture,
    width: Option<f64>,
}

/// The factor on the channels of a network.
fn width(
    raw: &RawModel,
    architecture: Architecture,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> Option<f64> {
    if architecture.has_width() {
        return Some(raw.width.unwrap_or(1.0));
    }
    if raw.width.is_some_and(|width| width != 1.0) {
        let title = architecture.title();
        let message = format!("{title} has no `width`: its number of channels is fixed");
        let problem = Problem::new(Code::Conflict, at.key("width"), message).hint("remove it");
        problems.push(problem.hint("`alpaca-run models` lists networks of other sizes"));
    }
    None
}

/// Resolves the initial weights of a base model that is not a file.
fn weights(
    raw: &RawWeights,
    named: Named,
    size: ImageSize,
    at: &KeyPath,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    problems: &mut Vec<Problem>,
) -> WeightsSpec {
    match raw {
        RawWeights::Named(name) => match name.as_str() {
            "none" => WeightsSpec::Random(Initializer::default()),
            "imagenet" => WeightsSpec::Published(
                match published::usual_source(named.architecture, named.width.unwrap_or(1.0)) {
                    Source::Keras => keras(named.architecture, size, None),
                    source => {
                        PublishedSpec { source, version: None, trained_at: None, sha256: None }
                    }
                },
            ),
            "builtin" => {
                problems.extend(not_builtin(named, at));
                WeightsSpec::Builtin
            }
            file => WeightsSpec::File(locate(at, file)),
        },
        RawWeights::Random(raw) => WeightsSpec::Random(match raw.random {
            RawInitializer::HeUniform => Initializer::HeUniform,
            RawInitializer::GlorotUniform => Initializer::GlorotUniform,
        }),
        RawWeights::Published(raw) => {
            WeightsSpec::Published(published(raw, named.architecture, size, at, problems))
        }
    }
}

/// The problem of a network without built-in weights.
fn not_builtin(Named { architecture, width }: Named, at: &KeyPath) -> Option<Problem> {
    let found = builtin::of(architecture);
    let (message, hint) = match found.map(|found| found.width) {
        Some(of) if of == width => return None,
        Some(of) => {
            let of = of.unwrap_or(1.0);
            let message =
                format!("the built-in weights of {} are for width {of}", architecture.title());
            (message, format!("write `width: {of}`, or `weights: imagenet`"))
        }
        None => {
            let message = format!("{} has no built-in weights", architecture.title());
            (
                message,
                format!(
                    "write `weights: imagenet`, or choose another network: {}",
                    builtin::hint()
                ),
            )
        }
    };
    Some(Problem::new(Code::WeightsUnavailable, at.clone(), message).hint(hint))
}

/// Reports keys of a model that do not apply if its base model is a file.
fn refuse_choices_of_architectures(raw: &RawModel, at: &KeyPath, problems: &mut Vec<Problem>) {
    for (key, is_given, why) in [
        ("width", raw.width.is_some(), "has a fixed number of channels"),
        ("weights", raw.weights.is_some(), "contains its weights"),
        ("top", !matches!(raw.top, RawTop::New), "always gets a new classifier"),
    ] {
        if is_given {
            let message = format!("`{key}` cannot be chosen: a base model from a file {why}");
            problems.push(Problem::new(Code::Conflict, at.key(key), message).hint("remove it"));
        }
    }
}

/// Resolves a base model that is a file.
fn onnx(
    raw: &RawOnnx,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    is_partial: bool,
    problems: &mut Vec<Problem>,
) -> OnnxSpec {
    let at = KeyPath::of(&["model", "base"]);
    let onnx = locate(&at.key("onnx"), &raw.onnx);
    let preprocessing = preprocessing::resolve(raw.preprocessing, &onnx, is_partial, problems);
    OnnxSpec { onnx, features: raw.features.clone(), preprocessing }
}

/// Keras's weights for images of this size: those trained at the same size if they exist, as in
/// `keras.applications`.
fn keras(architecture: Architecture, size: ImageSize, trained_at: Option<usize>) -> PublishedSpec {
    let sizes = published::keras_sizes(architecture);
    let own = (size.height == size.width && sizes.contains(&size.height)).then_some(size.height);
    let trained_at = Some(trained_at.or(own).unwrap_or(published::KERAS_LARGEST));
    PublishedSpec { source: Source::Keras, version: None, trained_at, sha256: None }
}

/// Resolves published weights.
fn published(
    raw: &RawPublished,
    architecture: Architecture,
    size: ImageSize,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> PublishedSpec {
    let mut only = |key: &str, is_given: bool, of: RawSource, name: &str| {
        if is_given && raw.source != of {
            let message = format!("`{key}` applies only to {name}'s weights");
            let problem = Problem::new(Code::Conflict, at.key(key), message);
            problems.push(problem.hint(format!("remove it, or write `source: {name}`")));
        }
    };
    only("version", raw.version.is_some(), RawSource::Torchvision, "torchvision");
    only("trained_at", raw.trained_at.is_some(), RawSource::Keras, "keras");
    let sha256 = raw.sha256.as_ref().map(|text| source::sha256(text, &at.key("sha256"), problems));
    let spec = match raw.source {
        RawSource::Keras => keras(architecture, size, raw.trained_at),
        RawSource::Torchvision => {
            let version = match raw.version {
                Some(RawTorchvisionVersion::V1) => Some(TorchvisionVersion::V1),
                Some(RawTorchvisionVersion::V2) => Some(TorchvisionVersion::V2),
                None => published::newest_version(architecture),
            };
            let source = Source::Torchvision;
            PublishedSpec { source, version, trained_at: None, sha256: None }
        }
        RawSource::Timm => {
            PublishedSpec { source: Source::Timm, version: None, trained_at: None, sha256: None }
        }
    };
    PublishedSpec { sha256, ..spec }
}

fn head(raw: &RawHead) -> HeadSpec {
    let RawPooling::Average = raw.pooling;
    HeadSpec { pooling: Pooling::Average, hidden: raw.hidden.clone(), dropout: raw.dropout }
}

fn check_sides(smallest: usize, size: ImageSize, problems: &mut Vec<Problem>) {
    let ImageSize { height, width } = size;
    if height.min(width) < smallest || height.max(width) > LARGEST_SIDE {
        let message = format!("the network cannot take images of {height}×{width} pixels");
        problems.push(
            Problem::new(Code::ImageSize, KeyPath::of(&["dataset", "image_size"]), message)
                .hint(format!("each side must be between {smallest} and {LARGEST_SIDE} pixels")),
        );
    }
}
