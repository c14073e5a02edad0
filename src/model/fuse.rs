//! Fuses layers into units, as engines run them. A convolution with its padding, batch
//! normalization, activation and shortcut is one unit.
//!
//! Fusing only concerns the structure. The engine decides whether a batch normalization is folded
//! into the weights (frozen part) or stays an affine map with trained scale and shift (trainable
//! part).

use std::ops::Range;

use alpaca_kernels::{Activation, Window};

use super::graph::{Graph, Layer, LayerIdx, LayerKind, Role};

/// A tensor that units pass to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// The normalized images.
    Image,
    /// The output of the unit with this position.
    Unit(usize),
}

/// The batch normalization of a unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// Name of its layer.
    pub layer: String,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// The name of a parameter.
    pub fn parameter(&self, role: Role) -> String {
        format!("{}/{}", self.layer, role.name())
    }
}

/// How the channels of a convolution are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Every output channel reads every input channel.
    Full,
    /// Every output channel reads the input channel of the same number.
    Depthwise,
}

/// A convolution with everything that follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionUnit {
    /// Window, including the padding of a preceding layer.
    pub window: Window,
    /// How channels are connected.
    pub connection: Connection,
    /// Whether it has a bias; never with a normalization.
    pub has_bias: bool,
    /// Batch normalization.
    pub norm: Option<Norm>,
    /// Value that is added before the activation.
    pub shortcut: Option<Value>,
    /// Activation.
    pub activation: Activation,
}

impl ConvolutionUnit {
    /// The role of its weights in its first layer.
    pub fn kernel_role(&self) -> Role {
        match self.connection {
            Connection::Full => Role::Kernel,
            Connection::Depthwise => Role::DepthwiseKernel,
        }
    }
}

/// The operation of a unit.
#[derive(Clone, Debug, PartialEq)]
pub enum UnitKind {
    /// A base model that is run as a whole.
    Backbone,
    /// A convolution and what follows it.
    Convolution(ConvolutionUnit),
    /// The sum of two values that is not part of a convolution.
    Sum {
        /// Value that is added.
        other: Value,
        /// Activation of the sum.
        activation: Activation,
    },
    /// A map times one factor per channel.
    Scaling {
        /// The factors, `[1, 1, channels]`.
        by: Value,
    },
    /// The maximum of each channel in a window.
    MaxPooling(Window),
    /// The mean over all pixels.
    GlobalAveragePooling,
    /// Dropout, which has an effect only in training.
    Dropout {
        /// Fraction of the entries set to zero.
        rate: f32,
    },
    /// A fully connected layer with bias.
    Dense,
}

impl UnitKind {
    /// The value that it reads in addition to its input.
    pub fn second(&self) -> Option<Value> {
        match self {
            Self::Convolution(convolution) => convolution.shortcut,
            Self::Sum { other, .. } | Self::Scaling { by: other } => Some(*other),
            _ => None,
        }
    }

    /// The same operation with the additional values replaced.
    #[must_use]
    pub fn with_second(mut self, change: impl Fn(Value) -> Value) -> Self {
        match &mut self {
            Self::Convolution(convolution) => {
                convolution.shortcut = convolution.shortcut.map(change);
            }
            Self::Sum { other, .. } | Self::Scaling { by: other } => *other = change(*other),
            _ => {}
        }
        self
    }
}

/// A unit of execution.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Name of its first layer with weights, or of its only layer.
    pub name: String,
    /// Operation of the unit.
    pub kind: UnitKind,
    /// Input of the unit.
    pub input: Value,
    /// Layers that it consists of, in order.
    pub layers: Vec<LayerIdx>,
    /// Shape of its input for one image.
    pub input_shape: Vec<usize>,
    /// Shape of its output for one image.
    pub output_shape: Vec<usize>,
}

impl Unit {
    /// The name of the parameter of its first layer with this role.
    pub fn parameter(&self, role: Role) -> String {
        format!("{}/{}", self.name, role.name())
    }

    /// Multiplications with a weight, each with an addition, for one image.
    pub fn n_multiply_adds(&self) -> f64 {
        let n_outputs = self.output_shape.iter().product::<usize>() as f64;
        let n_inputs = self.input_shape.last().copied().unwrap_or_default() as f64;
        match &self.kind {
            UnitKind::Convolution(convolution) => {
                let place = (convolution.window.kernel * convolution.window.kernel) as f64;
                match convolution.connection {
                    Connection::Full => n_outputs * place * n_inputs,
                    Connection::Depthwise => n_outputs * place,
                }
            }
            UnitKind::Dense => n_outputs * n_inputs,
            // The cost of a backbone is not known.
            UnitKind::Backbone
            | UnitKind::Sum { .. }
            | UnitKind::Scaling { .. }
            | UnitKind::MaxPooling(_)
            | UnitKind::GlobalAveragePooling
            | UnitKind::Dropout { .. } => 0.0,
        }
    }

    /// The values it reads.
    pub fn reads(&self) -> impl Iterator<Item = Value> {
        [Some(self.input), self.kind.second()].into_iter().flatten()
    }
}

/// A layer that cannot be part of a unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer `{layer}` ({class}) does not follow a convolution it can be fused with")]
pub struct UnsupportedLayer {
    /// Name of the layer.
    pub layer: String,
    /// Its Keras class.
    pub class: &'static str,
}

/// Fuses the layers of a graph into units.
///
/// # Errors
/// When a layer is in a position that no unit supports.
pub fn fuse(graph: &Graph) -> Result<Vec<Unit>, UnsupportedLayer> {
    let layers = graph.layers();
    let mut fusion = Fusion {
        layers,
        n_readers: n_readers(layers),
        value_of: vec![Value::Image; layers.len()],
        units: vec![],
    };
    for idx in 0..layers.len() {
        fusion.take_up(idx)?;
    }
    Ok(fusion.units)
}

/// The state of [`fuse`].
struct Fusion<'a> {
    layers: &'a [Layer],
    /// Number of layers that read each layer.
    n_readers: Vec<usize>,
    /// Value that corresponds to the output of each layer.
    value_of: Vec<Value>,
    units: Vec<Unit>,
}

impl Fusion<'_> {
    fn take_up(&mut self, idx: LayerIdx) -> Result<(), UnsupportedLayer> {
        let Layer { kind, inputs, .. } = &self.layers[idx];
        match *kind {
            LayerKind::Input => {}
            // The following convolution adds the zeros.
            LayerKind::ZeroPadding(_) => self.value_of[idx] = self.value_of[inputs[0]],
            LayerKind::Convolution { window, has_bias, .. } => {
                self.start(idx, convolution(window, Connection::Full, has_bias));
            }
            LayerKind::DepthwiseConvolution { window, has_bias } => {
                self.start(idx, convolution(window, Connection::Depthwise, has_bias));
            }
            LayerKind::MaxPooling { window } => self.start(idx, UnitKind::MaxPooling(window)),
            LayerKind::Backbone { .. } => self.start(idx, UnitKind::Backbone),
            LayerKind::GlobalAveragePooling { .. } => {
                self.start(idx, UnitKind::GlobalAveragePooling);
            }
            LayerKind::Dropout { rate } => self.start(idx, UnitKind::Dropout { rate }),
            LayerKind::Dense { .. } => self.start(idx, UnitKind::Dense),
            LayerKind::Multiply => {
                let by = self.value_of[inputs[1]];
                self.start(idx, UnitKind::Scaling { by });
            }
            LayerKind::BatchNormalization { .. } | LayerKind::Activation(_) => self.join(idx)?,
            LayerKind::Add if self.has_curve(idx) || self.join(idx).is_err() => {
                let other = self.value_of[inputs[1]];
                self.start(idx, UnitKind::Sum { other, activation: Activation::Linear });
            }
            LayerKind::Add => {}
        }
        Ok(())
    }

    /// Starts a unit with a layer.
    fn start(&mut self, idx: LayerIdx, mut kind: UnitKind) {
        let layer = &self.layers[idx];
        let mut input = layer.inputs[0];
        let mut members = vec![idx];
        if let (LayerKind::ZeroPadding(zeros), UnitKind::Convolution(convolution)) =
            (self.layers[input].kind, &mut kind)
        {
            convolution.window.padding = convolution.window.padding.around(zeros);
            members.insert(0, input);
            input = self.layers[input].inputs[0];
        }
        self.value_of[idx] = Value::Unit(self.units.len());
        self.units.push(Unit {
            name: layer.name.clone(),
            kind,
            input: self.value_of[input],
            layers: members,
            input_shape: self.layers[input].shape.clone(),
            output_shape: layer.shape.clone(),
        });
    }

    /// Whether a smooth activation follows a sum.
    fn has_curve(&self, sum: LayerIdx) -> bool {
        let mut readers = self.layers.iter().filter(|layer| layer.inputs.contains(&sum));
        readers.any(|layer| matches!(layer.kind, LayerKind::Activation(by) if by.is_curve()))
    }

    /// Adds a layer to the unit it reads, if that unit has room for it.
    fn join(&mut self, idx: LayerIdx) -> Result<(), UnsupportedLayer> {
        let layer = &self.layers[idx];
        let unsupported =
            || UnsupportedLayer { layer: layer.name.clone(), class: layer.kind.keras_class() };
        // A sum belongs to the later of its two inputs.
        let &host = layer.inputs.iter().max().ok_or_else(unsupported)?;
        let Value::Unit(unit) = self.value_of[host] else { return Err(unsupported()) };
        let is_last = self.units[unit].layers.last() == Some(&host) && self.n_readers[host] == 1;
        let other = layer.inputs.iter().min().map(|&other| self.value_of[other]);
        let is_joined = is_last && take_in(&mut self.units[unit].kind, layer, other);
        if !is_joined {
            return Err(unsupported());
        }
        self.units[unit].layers.push(idx);
        self.value_of[idx] = Value::Unit(unit);
        Ok(())
    }
}

/// Makes a layer the end of a unit, where `other` is the second input of a sum. Returns whether the
/// unit has room for it.
fn take_in(unit: &mut UnitKind, layer: &Layer, other: Option<Value>) -> bool {
    let convolution = match unit {
        UnitKind::Sum { activation, .. } => return activate(activation, layer.kind),
        UnitKind::Convolution(convolution) => convolution,
        _ => return false,
    };
    match layer.kind {
        _ if convolution.activation != Activation::Linear => false,
        LayerKind::BatchNormalization { epsilon } => {
            let has_room = convolution.norm.is_none()
                && convolution.shortcut.is_none()
                && !convolution.has_bias;
            if has_room {
                convolution.norm = Some(Norm { layer: layer.name.clone(), epsilon });
            }
            has_room
        }
        LayerKind::Add => {
            let has_room =
                convolution.connection == Connection::Full && convolution.shortcut.is_none();
            if has_room {
                convolution.shortcut = other;
            }
            has_room
        }
        kind => activate(&mut convolution.activation, kind),
    }
}

/// Sets the activation of a unit. Returns whether the layer is an activation and the unit had none.
fn activate(place: &mut Activation, kind: LayerKind) -> bool {
    match kind {
        LayerKind::Activation(activation) if *place == Activation::Linear => {
            *place = activation;
            true
        }
        _ => false,
    }
}

fn convolution(window: Window, connection: Connection, has_bias: bool) -> UnitKind {
    UnitKind::Convolution(ConvolutionUnit {
        window,
        connection,
        has_bias,
        norm: None,
        shortcut: None,
        activation: Activation::Linear,
    })
}

fn n_readers(layers: &[Layer]) -> Vec<usize> {
    let mut readers = vec![0; layers.len()];
    for &input in layers.iter().flat_map(|layer| &layer.inputs) {
        readers[input] += 1;
    }
    readers
}

/// What groups of units are run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// Only the forward pass.
    Forward,
    /// The forward and the backward pass. The latter runs only blocks whose activations clip and whose
    /// projection is linear.
    Both,
}

/// Divides the units of `range` into groups that may run as one. A group is an inverted residual
/// block: an optional convolution, a depthwise convolution and a 1x1 convolution, each the
/// only reader of the one before. For a backward pass, the first two have the same activation, which
/// clips. A shortcut, if any, is the input of the group. All other groups
/// are single units. Values in `kept` are not hidden inside a group.
pub fn groups(
    units: &[Unit],
    range: Range<usize>,
    kept: &[Value],
    passes: Passes,
) -> Vec<Range<usize>> {
    let mut groups = vec![];
    let mut at = range.start;
    while at < range.end {
        let fits =
            |at: usize, n: usize| at + n <= range.end && is_block(units, at..at + n, kept, passes);
        let n_units = if fits(at, 3) {
            3
        } else if fits(at, 2) && !fits(at + 1, 3) {
            // A larger block that begins with the second unit saves more.
            2
        } else {
            1
        };
        groups.push(at..at + n_units);
        at += n_units;
    }
    groups
}

fn is_block(units: &[Unit], group: Range<usize>, kept: &[Value], passes: Passes) -> bool {
    let members: Option<Vec<ConvolutionUnit>> = units[group.clone()]
        .iter()
        .map(|unit| match &unit.kind {
            UnitKind::Convolution(convolution) => Some(convolution.clone()),
            _ => None,
        })
        .collect();
    let Some([first @ .., depthwise, project]) = members.as_deref() else { return false };
    let input = units[group.start].input;
    let activation = depthwise.activation;
    let are_activations_fit = passes == Passes::Forward
        || activation.ceiling().is_some()
            && project.activation == Activation::Linear
            && first.iter().all(|unit| unit.activation == activation);
    are_activations_fit
        && first.iter().all(|unit| is_plain(unit, Connection::Full))
        && is_plain(depthwise, Connection::Depthwise)
        && project.connection == Connection::Full
        && project.window.is_pointwise()
        && project.shortcut.is_none_or(|shortcut| shortcut == input)
        && (group.start..group.end - 1).all(|unit| is_inner(units, unit, kept))
}

/// Whether nothing but an activation follows a convolution.
fn is_plain(unit: &ConvolutionUnit, connection: Connection) -> bool {
    unit.connection == connection && unit.shortcut.is_none()
}

/// Whether the value of a unit is read only by the next unit and need not be kept.
fn is_inner(units: &[Unit], unit: usize, kept: &[Value]) -> bool {
    let value = Value::Unit(unit);
    units[unit + 1].input == value
        && units.iter().flat_map(Unit::reads).filter(|read| *read == value).count() == 1
        && !kept.contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;
    use crate::spec::{Architecture, Convention};

    #[test]
    fn every_layer_of_mobilenet_belongs_to_one_unit() {
        let graph =
            architecture::build(Architecture::MobilenetV2, Convention::Keras, 1.0, [160, 160]);
        let units = fuse(&graph).unwrap();
        let mut members: Vec<LayerIdx> =
            units.iter().flat_map(|unit| unit.layers.clone()).collect();
        members.sort_unstable();
        assert_eq!(members, (1..154).collect::<Vec<_>>());
        assert_eq!(units.len(), 1 + 2 + 16 * 3 + 1);
    }

    #[test]
    fn the_network_costs_what_the_paper_says() {
        let units = fuse(&architecture::build(
            Architecture::MobilenetV2,
            Convention::Keras,
            1.0,
            [224, 224],
        ))
        .unwrap();
        let millions = units.iter().map(Unit::n_multiply_adds).sum::<f64>() / 1e6;
        // 300 million with the classifier (table 4), 1.3 million of which are the classifier's.
        assert!((299.0..301.0).contains(&millions), "{millions}");
    }

    #[test]
    fn blocks_are_found_where_nothing_inside_is_needed_elsewhere() {
        let graph =
            architecture::build(Architecture::MobilenetV2, Convention::Keras, 1.0, [160, 160]);
        let units = fuse(&graph).unwrap();
        let sizes = |kept: &[Value]| {
            groups(&units, 0..units.len(), kept, Passes::Both)
                .iter()
                .map(ExactSizeIterator::len)
                .collect()
        };
        // The first convolution and the block without expansion, sixteen blocks, the last one.
        let all: Vec<usize> = sizes(&[]);
        assert_eq!(all, [&[3; 17][..], &[1]].concat());
        let cut: Vec<usize> = sizes(&[Value::Unit(3)]);
        assert_eq!(cut[..4], [3, 1, 2, 3]);
    }
}
