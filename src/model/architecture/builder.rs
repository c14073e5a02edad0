//! Adds layers to a graph by the rules of a [`Convention`].

use alpaca_kernels::{Activation, Padding, Window};

use crate::model::graph::{Graph, LayerIdx, LayerKind};
use crate::spec::Convention;

/// A network that is being built.
pub(super) struct Builder {
    pub(super) graph: Graph,
    pub(super) convention: Convention,
}

impl Builder {
    /// Starts a network for images of `[height, width]` pixels and three channels.
    pub(super) fn new(input: &str, [height, width]: [usize; 2], convention: Convention) -> Self {
        Self { graph: Graph::with_input(input, [height, width, 3]), convention }
    }

    /// A convolution of all channels, without bias.
    pub(super) fn convolution(
        &mut self,
        name: &str,
        input: LayerIdx,
        filters: usize,
        kernel: usize,
        stride: usize,
    ) -> LayerIdx {
        let window = self.window(input, kernel, stride);
        self.graph.add(name, LayerKind::Convolution { filters, window, has_bias: false }, &[input])
    }

    /// A pointwise convolution with bias.
    pub(super) fn biased(&mut self, name: &str, input: LayerIdx, filters: usize) -> LayerIdx {
        let window = self.window(input, 1, 1);
        self.graph.add(name, LayerKind::Convolution { filters, window, has_bias: true }, &[input])
    }

    /// A depthwise convolution without bias.
    pub(super) fn depthwise(
        &mut self,
        name: &str,
        input: LayerIdx,
        kernel: usize,
        stride: usize,
    ) -> LayerIdx {
        let window = self.window(input, kernel, stride);
        self.graph.add(name, LayerKind::DepthwiseConvolution { window, has_bias: false }, &[input])
    }

    /// A batch normalization.
    pub(super) fn normalise(&mut self, name: &str, input: LayerIdx) -> LayerIdx {
        let epsilon = self.convention.epsilon();
        self.graph.add(name, LayerKind::BatchNormalization { epsilon }, &[input])
    }

    /// An activation.
    pub(super) fn activate(
        &mut self,
        name: &str,
        activation: Activation,
        input: LayerIdx,
    ) -> LayerIdx {
        self.graph.add(name, LayerKind::Activation(activation), &[input])
    }

    /// A batch normalization, and a `ReLU6`.
    pub(super) fn normalise_relu6(&mut self, name: &str, relu: &str, input: LayerIdx) -> LayerIdx {
        let x = self.normalise(name, input);
        self.activate(relu, Activation::Relu6, x)
    }

    /// A batch normalization, and a `ReLU`.
    pub(super) fn normalise_relu(&mut self, name: &str, relu: &str, input: LayerIdx) -> LayerIdx {
        let x = self.normalise(name, input);
        self.activate(relu, Activation::Relu, x)
    }

    /// The shape of a layer's output.
    pub(super) fn shape(&self, layer: LayerIdx) -> [usize; 3] {
        self.graph.layers()[layer].shape[..].try_into().expect("a base model passes on images")
    }

    /// The padding that the convention has for a window.
    pub(super) fn padding(&self, input: LayerIdx, kernel: usize, stride: usize) -> Padding {
        let [height, width, _] = self.shape(input);
        self.convention.padding([height, width], kernel, stride)
    }

    fn window(&self, input: LayerIdx, kernel: usize, stride: usize) -> Window {
        Window { kernel, stride, padding: self.padding(input, kernel, stride) }
    }
}

/// Scales a number of channels and rounds it to a multiple of eight, never below 0.9 of the
/// scaled number ("`_make_divisible`" of the reference implementation of MobileNetV2, `round_filters`
/// of EfficientNet's).
pub(super) fn round_channels(channels: usize, multiplier: f64) -> usize {
    let exact = channels as f64 * multiplier;
    let rounded = (((exact + 4.0) / 8.0).floor() * 8.0).max(8.0);
    (if rounded < 0.9 * exact { rounded + 8.0 } else { rounded }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_rounded_as_in_the_reference_implementation() {
        assert_eq!(round_channels(32, 0.35), 16);
        assert_eq!(round_channels(16, 0.35), 8);
        assert_eq!(round_channels(24, 0.35), 8);
        assert_eq!(round_channels(96, 0.35), 32);
        assert_eq!(round_channels(24, 1.4), 32);
    }
}
