//! `model:` resolved.

use crate::base::key_path::KeyPath;
use crate::model::network;
use crate::model::published;
use crate::model::weights::builtin;
use crate::pipeline::raw::{
    RawBase, RawHead, RawModel, RawPooling, RawPublished, RawSource, RawTop, RawTorchvisionVersion,
    RawWeights,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    BaseModel, DatasetSpec, HeadSpec, ImageSize, Location, ModelSpec, Pooling, PublishedSpec,
    Source, TopSpec, TorchvisionVersion, WeightsSpec,
};

/// A side beyond which a batch of activations fills any memory.
const LARGEST_SIDE: usize = 8192;

/// Resolves the model of a pipeline.
pub(super) fn resolve(
    raw: &RawModel,
    dataset: &DatasetSpec,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    problems: &mut Vec<Problem>,
) -> ModelSpec {
    let at = KeyPath::of(&["model"]);
    let RawBase::MobilenetV2 = raw.base;
    let base = BaseModel::MobilenetV2;
    check_image_size(base, dataset.image_size, problems);
    let top = match raw.top {
        RawTop::New => TopSpec::New,
        RawTop::Pretrained => TopSpec::Pretrained,
    };
    let at_weights = at.key("weights");
    let weights = match &raw.weights {
        RawWeights::Named(name) => match name.as_str() {
            "none" => WeightsSpec::None,
            "imagenet" => WeightsSpec::Published(keras(dataset.image_size, None)),
            "builtin" => {
                if raw.width != builtin::WIDTH {
                    let message =
                        format!("the built-in weights are those of width {}", builtin::WIDTH);
                    let problem =
                        Problem::new(Code::WeightsUnavailable, at_weights.clone(), message);
                    problems.push(problem.hint(format!(
                        "write `width: {}`, or `weights: imagenet`",
                        builtin::WIDTH
                    )));
                }
                WeightsSpec::Builtin
            }
            file => WeightsSpec::File(locate(&at_weights, file)),
        },
        RawWeights::Published(raw) => {
            WeightsSpec::Published(published(raw, dataset.image_size, &at_weights, problems))
        }
    };
    if let WeightsSpec::Published(spec) = &weights
        && let Err(error) = published::find(base, raw.width, spec, top)
    {
        let problem = Problem::new(Code::WeightsUnavailable, at_weights, error.to_string());
        problems.push(problem.hint(error.hint()));
    }
    if let (TopSpec::Pretrained, WeightsSpec::None | WeightsSpec::Builtin) = (top, &weights) {
        let message = "these weights come with no classifier of ImageNet";
        problems.push(
            Problem::new(Code::Conflict, at.key("top"), message)
                .hint("write `top: new`, or give weights that were trained on ImageNet"),
        );
    }
    ModelSpec { base, width: raw.width, weights, top, head: head(raw.head) }
}

/// Keras's weights for pictures of this size: those trained on the same size where there are some,
/// as `keras.applications` chooses.
fn keras(size: ImageSize, trained_at: Option<usize>) -> PublishedSpec {
    let own = (size.height == size.width && published::KERAS_SIZES.contains(&size.height))
        .then_some(size.height);
    let trained_at = Some(trained_at.or(own).unwrap_or(published::KERAS_LARGEST));
    PublishedSpec { source: Source::Keras, version: None, trained_at, sha256: None }
}

/// Resolves a choice of published weights.
fn published(
    raw: &RawPublished,
    size: ImageSize,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> PublishedSpec {
    let mut only = |key: &str, is_given: bool, of: RawSource, name: &str| {
        if is_given && raw.source != of {
            let message = format!("`{key}` is a choice among {name}'s weights alone");
            let problem = Problem::new(Code::Conflict, at.key(key), message);
            problems.push(problem.hint(format!("remove it, or write `source: {name}`")));
        }
    };
    only("version", raw.version.is_some(), RawSource::Torchvision, "torchvision");
    only("trained_at", raw.trained_at.is_some(), RawSource::Keras, "keras");
    let sha256 = raw.sha256.as_ref().map(|text| text.to_ascii_lowercase());
    if let Some(text) = &sha256
        && (text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        let message = format!("`{text}` is no SHA-256");
        let problem = Problem::new(Code::OutOfRange, at.key("sha256"), message);
        problems
            .push(problem.hint("it has 64 hexadecimal digits, as `sha256sum FILE` prints them"));
    }
    let spec = match raw.source {
        RawSource::Keras => keras(size, raw.trained_at),
        RawSource::Torchvision => {
            let version = match raw.version {
                Some(RawTorchvisionVersion::V1) => TorchvisionVersion::V1,
                Some(RawTorchvisionVersion::V2) | None => TorchvisionVersion::V2,
            };
            let (source, version) = (Source::Torchvision, Some(version));
            PublishedSpec { source, version, trained_at: None, sha256: None }
        }
        RawSource::Timm => {
            PublishedSpec { source: Source::Timm, version: None, trained_at: None, sha256: None }
        }
    };
    PublishedSpec { sha256, ..spec }
}

fn head(raw: RawHead) -> HeadSpec {
    let RawPooling::Average = raw.pooling;
    HeadSpec { pooling: Pooling::Average, dropout: raw.dropout }
}

fn check_image_size(base: BaseModel, size: ImageSize, problems: &mut Vec<Problem>) {
    let smallest = network::smallest_side(base);
    let ImageSize { height, width } = size;
    if height.min(width) < smallest || height.max(width) > LARGEST_SIDE {
        let message = format!("the network cannot take pictures of {height}×{width} pixels");
        problems.push(
            Problem::new(Code::ImageSize, KeyPath::of(&["dataset", "image_size"]), message)
                .hint(format!("each side must have between {smallest} and {LARGEST_SIDE} pixels")),
        );
    }
}
