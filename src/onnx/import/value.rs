//! Values of an ONNX graph in terms of layers.

use alpaca_kernels::Padding;

use super::function::Function;
use super::layout::Layout;
use crate::model::graph::LayerIdx;

/// A value that a node computes.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// The layer that the value is a function of.
    pub(super) x: LayerIdx,
    /// The function.
    pub(super) function: Function,
    /// The layer that computes the value. `None` if the function is only part of an activation.
    pub(super) layer: Option<LayerIdx>,
    /// Order of its axes.
    pub(super) layout: Layout,
    /// Whether one node reads it, and one node each value between its layer and it.
    pub(super) is_sole: bool,
    /// Rows and columns around it.
    pub(super) border: Option<Border>,
}

/// Rows and columns of a number around a map.
#[derive(Clone, Debug)]
pub(super) struct Border {
    /// Name of the node that adds them.
    pub(super) name: String,
    /// How many there are.
    pub(super) padding: Padding,
    /// The number.
    pub(super) fill: f32,
}

impl Value {
    /// The output of a layer.
    pub(super) fn of(layer: LayerIdx, layout: Layout) -> Self {
        let function = Function::IDENTITY;
        Self { x: layer, function, layer: Some(layer), layout, is_sole: true, border: None }
    }

    /// The layer that computes a self.
    pub(super) fn layer_of(&self, name: &str) -> Result<LayerIdx, String> {
        if self.border.is_some() {
            return Err(format!(
                "reads `{name}`, a padded map, which only convolutions and max pooling can read here"
            ));
        }
        self.layer.ok_or_else(|| {
            format!("reads `{name}`, which is {}; no activation here computes it", self.function)
        })
    }

    /// Whether it is the image, and nothing else reads that.
    pub(super) fn is_image(&self) -> bool {
        self.layer == Some(0) && self.is_sole && self.border.is_none()
    }

    /// The layers that it is a function of, with the functions.
    pub(super) fn forms(&self) -> impl Iterator<Item = (LayerIdx, Function)> {
        let own = self.layer.filter(|layer| *layer != self.x);
        [Some((self.x, self.function)), own.map(|layer| (layer, Function::IDENTITY))]
            .into_iter()
            .flatten()
    }
}
