//! A network as a list of named layers, each after the layers it reads.
//!
//! Layers have Keras's names and Keras's order, because freeze points and weight files refer to
//! them. Shapes are inferred while the list is built.

use std::iter;
use std::ops::Range;

use alpaca_kernels::{Activation, Padding, Window};

use crate::base::tensor::shape_text;

/// The position of a layer in its [`Graph`]: Keras's layer index.
pub type LayerIdx = usize;

/// The operation of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LayerKind {
    /// The images, `[height, width, channels]`.
    Input,
    /// A base model that is run as a whole.
    Backbone {
        /// Shape of its output for one image, `[height, width, channels]`.
        output: [usize; 3],
    },
    /// A convolution.
    Convolution {
        /// Number of output channels.
        filters: usize,
        /// Window of the operation.
        window: Window,
        /// Whether it has a bias.
        has_bias: bool,
    },
    /// A depthwise convolution: each channel is convolved separately.
    DepthwiseConvolution {
        /// Window of the operation.
        window: Window,
        /// Whether it has a bias.
        has_bias: bool,
    },
    /// Normalization of each channel by its mean and variance, then scale and shift.
    BatchNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// An activation by itself.
    Activation(Activation),
    /// Zeros around an image.
    ZeroPadding(Padding),
    /// The sum of two inputs of the same shape.
    Add,
    /// A map times one factor per channel: `[h, w, c]` and `[1, 1, c]`.
    Multiply,
    /// The maximum of each channel in a window. Values outside the image are ignored.
    MaxPooling {
        /// Window of the operation.
        window: Window,
    },
    /// The mean over all pixels: `[h, w, c]` to `[c]`.
    GlobalAveragePooling {
        /// Whether the output is a map of one pixel, `[1, 1, c]`.
        keeps_axes: bool,
    },
    /// Dropout: in training, random entries are set to zero and the others scaled up.
    Dropout {
        /// Fraction of the entries set to zero.
        rate: f32,
    },
    /// A fully connected layer with bias.
    Dense {
        /// Number of outputs.
        units: usize,
    },
}

impl LayerKind {
    /// The name of Keras's class for this layer.
    pub fn keras_class(&self) -> &'static str {
        match self {
            Self::Input => "InputLayer",
            Self::Backbone { .. } => "ONNX",
            Self::Convolution { .. } => "Conv2D",
            Self::DepthwiseConvolution { .. } => "DepthwiseConv2D",
            Self::BatchNormalization { .. } => "BatchNormalization",
            Self::Activation(Activation::Relu | Activation::Relu6) => "ReLU",
            Self::Activation(_) => "Activation",
            Self::Multiply => "Multiply",
            Self::MaxPooling { .. } => "MaxPooling2D",
            Self::ZeroPadding(_) => "ZeroPadding2D",
            Self::Add => "Add",
            Self::GlobalAveragePooling { .. } => "GlobalAveragePooling2D",
            Self::Dropout { .. } => "Dropout",
            Self::Dense { .. } => "Dense",
        }
    }
}

/// A layer of a [`Graph`].
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name, unique in the graph.
    pub name: String,
    /// Operation of the layer.
    pub kind: LayerKind,
    /// Layers that it reads.
    pub inputs: Vec<LayerIdx>,
    /// Shape of its output for one image: `[height, width, channels]` or `[channels]`.
    pub shape: Vec<usize>,
}

/// The role of a [`Parameter`] in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a convolution, HWIO, or of a dense layer, `[inputs, units]`.
    Kernel,
    /// Weights of a depthwise convolution, HWC1.
    DepthwiseKernel,
    /// Added to each output of a dense layer or a convolution.
    Bias,
    /// The scale of a batch normalization.
    Gamma,
    /// The shift of a batch normalization.
    Beta,
    /// The mean that a batch normalization subtracts; a statistic, not trained by gradients.
    MovingMean,
    /// The variance that a batch normalization divides by; a statistic, not trained by gradients.
    MovingVariance,
}

impl Role {
    /// The last part of the parameter's name in Keras's files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::DepthwiseKernel => "depthwise_kernel",
            Self::Bias => "bias",
            Self::Gamma => "gamma",
            Self::Beta => "beta",
            Self::MovingMean => "moving_mean",
            Self::MovingVariance => "moving_variance",
        }
    }

    /// Whether gradients can train it at all.
    pub fn is_trained_by_gradients(self) -> bool {
        !matches!(self, Self::MovingMean | Self::MovingVariance)
    }
}

/// A tensor of weights that a layer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `<layer>/<role>`, as in `Conv1/kernel`.
    pub name: String,
    /// Shape in Keras's layout.
    pub shape: Vec<usize>,
    /// Layer that it belongs to.
    pub layer: LayerIdx,
    /// Role in the layer.
    pub role: Role,
}

impl Parameter {
    /// Number of values.
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A network: layers in an order in which each follows those it reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    layers: Vec<Layer>,
    /// Layers of each block, in order.
    blocks: Vec<Range<LayerIdx>>,
}

impl Graph {
    /// All layers in order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers of each block: a unit of design that repeats, such as an inverted residual. The
    /// stem and the head of a network are in none.
    pub fn blocks(&self) -> &[Range<LayerIdx>] {
        &self.blocks
    }

    /// Begins a block with the next layer.
    pub fn begin_block(&mut self) {
        self.blocks.push(self.layers.len()..self.layers.len());
    }

    /// Ends the current block after the last layer.
    pub fn end_block(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.end = self.layers.len();
        }
    }

    /// The layer named `name`.
    pub fn find(&self, name: &str) -> Option<LayerIdx> {
        self.layers.iter().position(|layer| layer.name == name)
    }

    /// Adds a layer that reads `inputs` and infers its shape.
    ///
    /// # Panics
    /// When an input does not exist or has the wrong number of axes for the layer. Code that builds
    /// graphs must not let that happen.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        kind: LayerKind,
        inputs: &[LayerIdx],
    ) -> LayerIdx {
        let shape = self.infer_shape(&kind, inputs);
        self.layers.push(Layer { name: name.into(), kind, inputs: inputs.to_vec(), shape });
        self.layers.len() - 1
    }

    /// Starts a graph with its input of `[height, width, channels]`.
    pub fn with_input(name: &str, shape: [usize; 3]) -> Self {
        let layer = Layer {
            name: name.to_owned(),
            kind: LayerKind::Input,
            inputs: vec![],
            shape: shape.to_vec(),
        };
        Self { layers: vec![layer], blocks: vec![] }
    }

    /// The weights that a layer needs, in the order of its Keras class.
    pub fn parameters_of(&self, layer: LayerIdx) -> Vec<Parameter> {
        let Layer { name, kind, inputs, .. } = &self.layers[layer];
        let channels = inputs
            .first()
            .map_or(0, |&input| self.layers[input].shape.last().copied().unwrap_or_default());
        let parameters = match *kind {
            LayerKind::Convolution { filters, window: Window { kernel, .. }, has_bias } => {
                let kernel = (Role::Kernel, vec![kernel, kernel, channels, filters]);
                iter::once(kernel).chain(has_bias.then(|| (Role::Bias, vec![filters]))).collect()
            }
            LayerKind::DepthwiseConvolution { window: Window { kernel, .. }, has_bias } => {
                let kernel = (Role::DepthwiseKernel, vec![kernel, kernel, channels, 1]);
                iter::once(kernel).chain(has_bias.then(|| (Role::Bias, vec![channels]))).collect()
            }
            LayerKind::BatchNormalization { .. } => {
                [Role::Gamma, Role::Beta, Role::MovingMean, Role::MovingVariance]
                    .map(|role| (role, vec![channels]))
                    .to_vec()
            }
            LayerKind::Dense { units } => {
                vec![(Role::Kernel, vec![channels, units]), (Role::Bias, vec![units])]
            }
            LayerKind::Input
            | LayerKind::Backbone { .. }
            | LayerKind::Activation(_)
            | LayerKind::Multiply
            | LayerKind::MaxPooling { .. }
            | LayerKind::ZeroPadding(_)
            | LayerKind::Add
            | LayerKind::GlobalAveragePooling { .. }
            | LayerKind::Dropout { .. } => vec![],
        };
        parameters
            .into_iter()
            .map(|(role, shape)| Parameter {
                name: format!("{name}/{}", role.name()),
                shape,
                layer,
                role,
            })
            .collect()
    }

    /// The weights of all layers, in layer order.
    pub fn parameters(&self) -> Vec<Parameter> {
        (0..self.layers.len()).flat_map(|layer| self.parameters_of(layer)).collect()
    }

    fn infer_shape(&self, kind: &LayerKind, inputs: &[LayerIdx]) -> Vec<usize> {
        let input = |i: usize| &self.layers[inputs[i]].shape;
        let map = || match input(0)[..] {
            [h, w, c] => (h, w, c),
            _ => unreachable!("{kind:?} needs an image, not {}", shape_text(input(0))),
        };
        match *kind {
            LayerKind::Input => unreachable!("a graph has one input, made by `with_input`"),
            LayerKind::Backbone { output } => output.to_vec(),
            LayerKind::Convolution { filters, window, .. } => {
                let (h, w, _) = map();
                let (h, w) = window.output(h, w);
                vec![h, w, filters]
            }
            LayerKind::DepthwiseConvolution { window, .. } | LayerKind::MaxPooling { window } => {
                let (h, w, c) = map();
                let (h, w) = window.output(h, w);
                vec![h, w, c]
            }
            LayerKind::ZeroPadding(Padding { top, bottom, left, right }) => {
                let (h, w, c) = map();
                vec![h + top + bottom, w + left + right, c]
            }
            LayerKind::Add => {
                assert_eq!(input(0), input(1), "the sum of two shapes");
                input(0).clone()
            }
            LayerKind::GlobalAveragePooling { keeps_axes: true } => vec![1, 1, map().2],
            LayerKind::GlobalAveragePooling { keeps_axes: false } => vec![map().2],
            LayerKind::Dense { units } => vec![units],
            LayerKind::Multiply => {
                assert_eq!(input(1)[..], [1, 1, map().2], "a factor for each channel");
                input(0).clone()
            }
            LayerKind::BatchNormalization { .. }
            | LayerKind::Activation(_)
            | LayerKind::Dropout { .. } => input(0).clone(),
        }
    }
}
