//! Classifiers as ONNX files: exported with everything between an image and its probabilities, and
//! run by tract.
//!
//! A graph takes images of any size as bytes and preprocesses them exactly as in training,
//! including the rounding of each pixel. Or it takes values that are already scaled for the
//! network. It uses the operators of opset 17, which every common runtime supports.

mod attributes;
pub mod average;
pub mod backbone;
mod builder;
pub mod error;
pub mod exported;
mod external;
pub mod import;
mod input;
mod layers;
mod pads;
pub mod pixels;
mod prune;
pub mod run;
mod swish;

use serde::{Deserialize, Serialize};

use self::builder::{Builder, Dimension, ElementType};
use crate::base::tensor::Tensor;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::{Alpha, Fit, ImageSize, Interpolation, ResizeSpec};

/// Name of the input: images, `[n, height, width, 3]`, values from 0 to 255.
pub const IMAGES: &str = "images";
/// The name of the input of a graph without preprocessing: `[n, 3, height, width]`.
pub const NORMALISED: &str = "input";
/// The name of the output: `[n, classes]`.
pub const PROBABILITIES: &str = "probabilities";

/// The entry of the metadata that names the classes, as JSON.
const CLASSES: &str = "classes";
/// The entry of the metadata that says what the output is, as JSON, if it is not the probabilities of
/// classes of which an image has one.
const OUTPUT: &str = "output";
/// The entry of the metadata with the recipe, as JSON.
const RECIPE: &str = "recipe";

/// The name of the output of a graph that estimates a number: `[n, 1]`.
pub const NUMBER: &str = "number";

/// The output of a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Output {
    /// Probabilities of classes of which an image has one.
    Softmax,
    /// Probabilities of classes of which an image may have several.
    Sigmoids,
    /// A number. The network gives it in standard units: it is `mean + deviation * output`.
    Number {
        /// Mean of the training numbers.
        mean: f64,
        /// Their standard deviation.
        deviation: f64,
    },
}

impl Output {
    /// The name of the output.
    fn name(self) -> &'static str {
        match self {
            Self::Softmax | Self::Sigmoids => PROBABILITIES,
            Self::Number { .. } => NUMBER,
        }
    }

    /// What the output is, in the metadata; nothing for one class an image.
    fn kind(self) -> Option<OutputKind> {
        match self {
            Self::Softmax => None,
            Self::Sigmoids => Some(OutputKind::Classes),
            Self::Number { .. } => Some(OutputKind::Number),
        }
    }
}

/// What an output is if it is not the probabilities of classes of which an image has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// The probability of each class, of which an image may have several.
    Classes,
    /// A number.
    Number,
}

/// A classifier to be exported.
pub struct Classifier<'a> {
    /// Names of the classes, in the order of the output; or the name of the number.
    pub classes: &'a [String],
    /// What the graph gives.
    pub output: Output,
    /// Network.
    pub network: &'a Network,
    /// Weights of the network.
    pub weights: &'a Weights,
    /// Size of the images that the network takes.
    pub size: ImageSize,
    /// How images are resized to it.
    pub resize: ResizeSpec,
    /// What is done with transparency before. No graph does it: it takes red, green and blue.
    pub alpha: Alpha,
}

/// A way of resizing that the graph does not support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an ONNX file cannot include the resizing of {0}")]
pub struct UnsupportedResize(&'static str);

/// Checks that the graph can resize images to `size` in this way.
///
/// # Errors
/// When it cannot.
pub fn check_resize(resize: ResizeSpec, size: ImageSize) -> Result<(), UnsupportedResize> {
    let what = match (resize.interpolation, resize.fit) {
        (Interpolation::Bilinear, Fit::Stretch) => return Ok(()),
        (Interpolation::Bilinear, Fit::Crop) if size.height == size.width => return Ok(()),
        (Interpolation::Bilinear, Fit::Crop) => "`fit: crop` to sizes that are not square",
        (Interpolation::Bilinear, Fit::Pad) => "`fit: pad`",
        (Interpolation::Nearest, _) => "`interpolation: nearest`",
        (Interpolation::Bicubic, _) => "`interpolation: bicubic`",
        (Interpolation::Lanczos3, _) => "`interpolation: lanczos3`",
    };
    Err(UnsupportedResize(what))
}

impl Classifier<'_> {
    /// The bytes of a file whose graph takes images as bytes: any number of any size, or one image
    /// of a given size, for runtimes that need fixed shapes.
    ///
    /// # Errors
    /// When images are resized in a way that the graph does not support.
    pub fn with_pixels(&self, of: Option<ImageSize>) -> Result<Vec<u8>, UnsupportedResize> {
        check_resize(self.resize, self.size)?;
        let mut builder = Builder::default();
        let (images, n) = images(&mut builder, of);
        let input = pixels::prepare(&mut builder, &images, self, of);
        Ok(self.finish(builder, &input, n))
    }

    /// The bytes of a file whose graph takes values that are already scaled for the network.
    pub fn normalised(&self) -> Vec<u8> {
        let mut builder = Builder::default();
        let ImageSize { height, width } = self.size;
        let shape = [
            Dimension::Named("n"),
            Dimension::Fixed(3),
            Dimension::Fixed(height),
            Dimension::Fixed(width),
        ];
        let input = builder.input(NORMALISED, ElementType::Floats, &shape);
        self.finish(builder, &input, Dimension::Named("n"))
    }

    /// Adds the network. `n` is the number of images per call.
    fn finish(&self, mut builder: Builder, input: &str, n: Dimension) -> Vec<u8> {
        let name = self.output.name();
        self.outputs(&mut builder, input, name);
        self.declare(&mut builder, n);
        let recipe = serde_json::to_string(&self.recipe()).expect("a recipe is plain data");
        builder.metadata(RECIPE, &recipe);
        builder.encode()
    }

    /// Adds the network and what its outputs mean, after its input. Returns the name of the outputs:
    /// `name`, unless it is taken.
    fn outputs(&self, builder: &mut Builder, input: &str, name: &str) -> String {
        match self.output {
            Output::Softmax => {
                let logits = layers::network(builder, input, self.network, self.weights);
                layers::probabilities(builder, &logits, self.classes.len(), name)
            }
            Output::Sigmoids => {
                let logits = layers::network(builder, input, self.network, self.weights);
                builder.node("Sigmoid", name, &[&logits], &[])
            }
            Output::Number { mean, deviation } => {
                let weights = in_units(self.network, self.weights, mean, deviation);
                let number = layers::network(builder, input, self.network, &weights);
                builder.node("Identity", name, &[&number], &[])
            }
        }
    }

    /// Declares the output of the graph, for `n` images per call.
    fn declare(&self, builder: &mut Builder, n: Dimension) {
        let shape = [n, Dimension::Fixed(self.classes.len())];
        builder.output(self.output.name(), &shape);
        if let Some(kind) = self.output.kind() {
            builder.metadata(OUTPUT, &serde_json::json!(kind).to_string());
        }
        builder.metadata(CLASSES, &serde_json::Value::from(self.classes).to_string());
    }

    /// The recipe for preprocessing: the exact steps that a graph without preprocessing needs.
    pub fn recipe(&self) -> Recipe<'_> {
        let (scale, shift) = pixels::affine(self.network.preprocessing);
        Recipe {
            size: Size { height: self.size.height, width: self.size.width },
            alpha: self.alpha,
            resize: self.resize,
            order: [
                match self.alpha {
                    Alpha::Drop => "decode to upright RGB",
                    Alpha::White => "decode to upright RGB over white",
                    Alpha::Black => "decode to upright RGB over black",
                },
                "resize",
                "scale",
                "channels first",
            ],
            scale,
            shift,
            classes: self.classes,
            output: self.output.kind(),
            warning: warning(self.resize),
        }
    }
}

/// Adds the input for images as bytes: any number of any size, or one of a given size. Returns its name
/// and the number of images.
fn images(builder: &mut Builder, of: Option<ImageSize>) -> (String, Dimension) {
    let [n, height, width] = match of {
        None => ["n", "height", "width"].map(Dimension::Named),
        Some(size) => [1, size.height, size.width].map(Dimension::Fixed),
    };
    let shape = [n, height, width, Dimension::Fixed(3)];
    (builder.input(IMAGES, ElementType::Bytes, &shape), n)
}

/// The weights of a network that gives a number in its unit: the factor and the mean are part of the
/// head. Computed in double precision.
fn in_units(network: &Network, weights: &Weights, mean: f64, deviation: f64) -> Weights {
    let head = &network.graph.layers().last().expect("a network has a head").name;
    let mut folded = weights.clone();
    let mut replace = |role: &str, shift: f64| {
        let name = format!("{head}/{role}");
        let tensor = weights.get(&name);
        let value = |value: &f32| (f64::from(*value) * deviation + shift) as f32;
        let values = tensor.values().iter().map(value).collect();
        folded.insert(name, Tensor::new(tensor.shape(), values));
    };
    replace("kernel", 0.0);
    replace("bias", mean);
    folded
}

/// A recipe for preprocessing: the steps that an image needs before the network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe<'a> {
    /// Size that images are resized to, in pixels.
    pub size: Size,
    /// What is done with transparency before resizing.
    pub alpha: Alpha,
    /// How images are resized.
    pub resize: ResizeSpec,
    /// Steps, in order.
    pub order: [&'static str; 4],
    /// Factor for values from 0 to 255, for red, green and blue.
    pub scale: [f32; 3],
    /// Offset that is added after multiplication.
    pub shift: [f32; 3],
    /// Names of the classes, in the order of the output; or the name of the number.
    pub classes: &'a [String],
    /// What the output is, if it is not the probabilities of classes of which an image has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputKind>,
    /// Warning about a step that is often done in a different way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
}

/// A warning for images that are resized before the graph: few programs resize without
/// antialiasing.
pub fn warning(resize: ResizeSpec) -> Option<&'static str> {
    let is_rare = !resize.antialias && resize.interpolation != Interpolation::Nearest;
    is_rare.then_some(
        "this model was trained on images resized without antialiasing; Pillow, torchvision and most \
         other programs resize with it, which lowers the accuracy",
    )
}

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Size {
    /// Height.
    pub height: usize,
    /// Width.
    pub width: usize,
}
