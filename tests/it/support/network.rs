//! The network of the tests.

use alpaca_run::model::network::Network;
use alpaca_run::spec::{
    BaseModel, Convention, HeadSpec, ImageSize, Initializer, ModelSpec, Pooling, TopSpec,
    WeightsSpec,
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
    let head = HeadSpec { pooling: Pooling::Average, dropout };
    let (base, weights) = (BaseModel::MobilenetV2, WeightsSpec::Random(Initializer::HeUniform));
    let spec = ModelSpec { base, width: Some(width), weights, top: TopSpec::New, head };
    let size = ImageSize { height: side, width: side };
    Network::build(&spec, convention, size, n_classes).unwrap()
}
