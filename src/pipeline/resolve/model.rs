//! `model:` resolved.

use crate::base::key_path::KeyPath;
use crate::model::network;
use crate::pipeline::raw::{RawBase, RawHead, RawModel, RawPooling};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    BaseModel, DatasetSpec, HeadSpec, ImageSize, Location, ModelSpec, Pooling, WeightsSpec,
};

/// Words that stand for weights in other versions, and never for files.
const RESERVED: [&str; 2] = ["builtin", "imagenet"];

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
    if RESERVED.contains(&raw.weights.as_str()) {
        let message = format!("this version has no `{}` weights", raw.weights);
        problems.push(
            Problem::new(Code::WeightsUnavailable, at.key("weights"), message)
                .hint("give a file of weights, or `none` for random numbers"),
        );
    }
    let weights = match raw.weights.as_str() {
        "none" => WeightsSpec::None,
        file => WeightsSpec::File(locate(&at.key("weights"), file)),
    };
    ModelSpec { base, width: raw.width, weights, head: head(raw.head) }
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
