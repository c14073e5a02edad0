//! Inverted residual blocks with the layer names of timm, with or without squeeze-and-excitation.
//!
//! Sandler et al. 2018 (arXiv 1801.04381), figure 3, and Hu et al. 2018 (arXiv 1709.01507), figure 1.

use alpaca_kernels::Activation;

use super::builder::Builder;
use crate::model::graph::{LayerIdx, LayerKind};

/// A block: expansion, depthwise convolution, squeeze-and-excitation and linear projection, with a
/// shortcut around all of them if shapes allow.
pub(super) struct InvertedResidual {
    /// Channels of the depthwise convolution.
    pub(super) expanded: usize,
    /// Channels of the output.
    pub(super) filters: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    /// The activation of all but the projection.
    pub(super) activation: Activation,
    pub(super) squeeze: Option<Squeeze>,
    /// Whether the block begins with the expansion; else with the depthwise convolution.
    pub(super) expands: bool,
}

/// Factors for the channels, computed from their means.
#[derive(Clone, Copy)]
pub(super) struct Squeeze {
    /// Channels between its two convolutions.
    pub(super) channels: usize,
    /// The activation after the first convolution.
    pub(super) activation: Activation,
    /// The activation after the second one, from 0 to 1.
    pub(super) gate: Activation,
}

impl InvertedResidual {
    /// Adds the block after `input`.
    pub(super) fn add(&self, builder: &mut Builder, prefix: &str, input: LayerIdx) -> LayerIdx {
        let name = |part: &str| format!("{prefix}.{part}");
        builder.graph.begin_block();
        let n_inputs = builder.shape(input)[2];
        let mut x = input;
        let (filtered, project, projected) = if self.expands {
            x = builder.convolution(&name("conv_pw"), x, self.expanded, 1, 1);
            x = builder.normalise(&name("bn1"), x);
            x = builder.activate(&name("bn1.act"), self.activation, x);
            ("bn2", "conv_pwl", "bn3")
        } else {
            ("bn1", "conv_pw", "bn2")
        };
        x = builder.depthwise(&name("conv_dw"), x, self.kernel, self.stride);
        x = builder.normalise(&name(filtered), x);
        x = builder.activate(&name(&format!("{filtered}.act")), self.activation, x);
        if let Some(squeeze) = &self.squeeze {
            x = squeeze.add(builder, &name("se"), x);
        }
        x = builder.convolution(&name(project), x, self.filters, 1, 1);
        x = builder.normalise(&name(projected), x);
        if self.stride == 1 && n_inputs == self.filters {
            x = builder.graph.add(name("add"), LayerKind::Add, &[input, x]);
        }
        builder.graph.end_block();
        x
    }
}

impl Squeeze {
    fn add(self, builder: &mut Builder, prefix: &str, input: LayerIdx) -> LayerIdx {
        let name = |part: &str| format!("{prefix}.{part}");
        let n_channels = builder.shape(input)[2];
        let pooling = LayerKind::GlobalAveragePooling { keeps_axes: true };
        let mut x = builder.graph.add(name("pool"), pooling, &[input]);
        x = builder.biased(&name("conv_reduce"), x, self.channels);
        x = builder.activate(&name("act1"), self.activation, x);
        x = builder.biased(&name("conv_expand"), x, n_channels);
        x = builder.activate(&name("gate"), self.gate, x);
        builder.graph.add(name("multiply"), LayerKind::Multiply, &[input, x])
    }
}
