//! The network of the tests.

use alpaca_run::model::network::Network;
use alpaca_run::spec::{
    Architecture, BaseModel, Convention, HeadSpec, ImageSize, Initializer, ModelSpec, Pooling,
    Precision, TopSpec, WeightsSpec,
};

/// `MobileNetV2` of a width for square pictures, with a head for some classes that drops a share of
/// its features.
pub fn mobilenet_v2(
    convention: Convention,
    width: f64,
    side: usize,
    n_classes: usize,
    dropout: f64,
) -> Network {
    let head = HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout };
    let base = BaseModel::Named(Architecture::MobilenetV2);
    build(&ModelSpec { width: Some(width), ..spec(base, head) }, convention, side, n_classes)
}

/// A network of one width for square images.
pub fn named(
    architecture: Architecture,
    convention: Convention,
    side: usize,
    n_classes: usize,
) -> Network {
    let head = HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout: 0.0 };
    build(&spec(BaseModel::Named(architecture), head), convention, side, n_classes)
}

fn spec(base: BaseModel, head: HeadSpec) -> ModelSpec {
    let weights = WeightsSpec::Random(Initializer::HeUniform);
    ModelSpec { base, width: None, weights, top: TopSpec::New, head, precision: Precision::F32 }
}

fn build(spec: &ModelSpec, convention: Convention, side: usize, n_classes: usize) -> Network {
    let size = ImageSize { height: side, width: side };
    Network::build(spec, convention, size, n_classes).unwrap()
}
