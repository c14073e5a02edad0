//! How long each layer of a network takes.

use std::time::Duration;

use crate::model::fuse::{Unit, UnitKind};

/// A layer, or several that run as one, and the time it took.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTime {
    /// The layer, or the first and the last one.
    pub name: String,
    /// Multiply-adds of the forward pass for one image.
    pub n_multiply_adds: f64,
    /// Whether it multiplies bytes.
    pub is_int8: bool,
    /// Values that the forward pass reads and writes for one image: its inputs and its output.
    pub n_values: usize,
    /// Weights that it reads.
    pub n_weights: usize,
    /// The time of the forward pass.
    pub forward: Duration,
    /// The time of the backward pass, if it was run.
    pub backward: Option<Duration>,
}

impl LayerTime {
    /// The description of units that run as one, without times.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn of(units: &[Unit]) -> Self {
        let (first, last) = (&units[0], &units[units.len() - 1]);
        let name = match units {
            [unit] => unit.name.clone(),
            _ => format!("{} to {}", first.name, last.name),
        };
        let len = |shape: &[usize]| shape.iter().product::<usize>();
        let n_second = match &first.kind {
            // A shortcut inside a block is its input.
            kind if units.len() > 1 || kind.second().is_none() => 0,
            // One factor for each channel.
            UnitKind::Scaling { .. } => last.output_shape.last().copied().unwrap_or_default(),
            _ => len(&last.output_shape),
        };
        Self {
            name,
            n_multiply_adds: units.iter().map(Unit::n_multiply_adds).sum(),
            is_int8: false,
            n_values: len(&first.input_shape) + n_second + len(&last.output_shape),
            n_weights: units.iter().map(n_weights).sum(),
            forward: Duration::ZERO,
            backward: None,
        }
    }
}

/// The number of weights of a unit without normalizations: each is used once for each place.
fn n_weights(unit: &Unit) -> usize {
    let n_places = match unit.output_shape[..] {
        [height, width, _] => height * width,
        _ => 1,
    };
    (unit.n_multiply_adds() / n_places as f64) as usize
}
