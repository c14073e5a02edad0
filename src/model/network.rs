//! A whole classifier: base model, pooling, hidden layers, dropout and one dense layer.

use std::collections::BTreeMap;
use std::sync::Arc;

use alpaca_kernels::{Activation, Padding, Precision, Window};

use super::architecture;
use super::backbone::{Backbone, InputScaling};
use super::cut::{self, Cut};
use super::freeze::{self, LayerRef};
use super::fuse::{self, Unit, UnitKind, UnsupportedLayer, Value};
use super::graph::{Graph, LayerIdx, LayerKind, Parameter, Role};
use crate::spec::{
    self, BaseModel, Convention, FreezeSpec, ImageSize, ModelSpec, PipelineSpec, Pooling,
    Preprocessing, StageSpec, TargetSpec, TrainedSpec,
};

/// A classifier without weights, to be cut into a frozen and a trainable part.
#[derive(Clone, Debug)]
pub struct Network {
    /// All layers: those of the base model, then those of the head.
    pub graph: Graph,
    /// Number of layers that belong to the base model.
    pub n_base_layers: usize,
    /// Layers fused into units, as engines run them.
    pub units: Vec<Unit>,
    /// Convention that it is built by.
    pub convention: Convention,
    /// How pixel values are scaled for its input.
    pub preprocessing: Preprocessing,
    /// File of the base model, if it is run as a whole.
    pub backbone: Option<Arc<Backbone>>,
    /// Precision of the numbers that convolutions multiply.
    pub precision: Precision,
    /// Number of units, from the first on, whose convolutions multiply bytes.
    pub n_int8_units: usize,
}

/// The source of a base model, in addition to its spec.
#[derive(Clone, Debug)]
pub enum Base {
    /// An architecture, built by the convention of its weights.
    Convention(Convention),
    /// A file that is run as a whole and stays frozen.
    Backbone(Arc<Backbone>),
    /// A file whose layers can be trained, and how it scales images before them.
    Layers(Arc<Backbone>, Graph, Convention, InputScaling),
}

impl From<Convention> for Base {
    fn from(convention: Convention) -> Self {
        Self::Convention(convention)
    }
}

impl Network {
    /// Builds the classifier of a spec. Two classes need one output; more classes need one each.
    ///
    /// # Errors
    /// When an engine has no unit for one of its layers.
    ///
    /// # Panics
    /// When the spec and the source disagree on whether the base model is a file.
    pub fn build(
        spec: &ModelSpec,
        base: impl Into<Base>,
        ImageSize { height, width }: ImageSize,
        n_classes: usize,
    ) -> Result<Self, UnsupportedLayer> {
        Self::with_outputs(spec, base, ImageSize { height, width }, n_outputs(n_classes))
    }

    /// Builds the network of a spec with this number of outputs.
    ///
    /// # Errors
    /// When an engine has no unit for one of its layers.
    ///
    /// # Panics
    /// When the spec and the source disagree on whether the base model is a file.
    pub fn with_outputs(
        spec: &ModelSpec,
        base: impl Into<Base>,
        ImageSize { height, width }: ImageSize,
        n_outputs: usize,
    ) -> Result<Self, UnsupportedLayer> {
        let (mut graph, convention, preprocessing, backbone) = match (&spec.base, base.into()) {
            (BaseModel::Named(named), Base::Convention(convention)) => {
                let size = [height, width];
                let graph = architecture::build(*named, convention, spec.width(), size);
                (graph, convention, convention.preprocessing(), None)
            }
            (BaseModel::Onnx(onnx), Base::Backbone(backbone)) => {
                let mut graph = Graph::with_input("input", [height, width, 3]);
                let kind = LayerKind::Backbone { output: backbone.shape };
                graph.add("backbone", kind, &[0]);
                (graph, Convention::default(), onnx.preprocessing, Some(backbone))
            }
            (BaseModel::Onnx(onnx), Base::Layers(backbone, graph, convention, scaling)) => {
                (graph, convention, scaling.after(onnx.preprocessing), Some(backbone))
            }
            (base, other) => unreachable!("{base:?} is not built from {other:?}"),
        };
        let n_base_layers = graph.layers().len();
        let Pooling::Average = spec.head.pooling;
        let pooling = |keeps_axes| LayerKind::GlobalAveragePooling { keeps_axes };
        let keeps_axes = !spec.head.hidden.is_empty();
        let name = "global_average_pooling2d";
        let mut x = graph.add(name, pooling(keeps_axes), &[n_base_layers - 1]);
        for (i, &filters) in spec.head.hidden.iter().enumerate() {
            x = hidden(&mut graph, i + 1, filters, x);
        }
        if keeps_axes {
            x = graph.add("flatten", pooling(false), &[x]);
        }
        x = graph.add("dropout", LayerKind::Dropout { rate: spec.head.dropout as f32 }, &[x]);
        graph.add("head", LayerKind::Dense { units: n_outputs }, &[x]);
        let units = fuse::fuse(&graph)?;
        let precision = match spec.precision {
            spec::Precision::F32 | spec::Precision::Int8 => Precision::F32,
            spec::Precision::Bf16 => Precision::Bf16,
        };
        Ok(Self {
            graph,
            n_base_layers,
            units,
            convention,
            preprocessing,
            backbone,
            precision,
            n_int8_units: 0,
        })
    }

    /// The same network, computed with the precision of a pipeline: with `int8`, the units that none of
    /// its stages trains multiply bytes.
    #[must_use]
    pub fn with_precision_of(self, spec: &PipelineSpec) -> Self {
        if spec.model.precision != spec::Precision::Int8 {
            return self;
        }
        let first_trained = |freeze: &FreezeSpec| match freeze {
            FreezeSpec::Before { layer } => {
                // A layer that does not exist is a problem of its own.
                freeze::find_layer(&self.graph, LayerRef::Name(layer)).unwrap_or_default()
            }
            freeze => self.first_trainable(freeze),
        };
        let first = spec.stages.iter().map(|stage| first_trained(stage.freeze())).min();
        let cut = self.cut(first.unwrap_or(self.n_base_layers));
        Self { n_int8_units: cut.frozen.end, ..self }
    }

    /// The same network in single precision.
    #[must_use]
    pub fn in_f32(self) -> Self {
        Self { precision: Precision::F32, n_int8_units: 0, ..self }
    }

    /// The first layer that is trained under a freeze rule.
    ///
    /// # Panics
    /// When the rule names a layer that does not exist. This is checked when a pipeline is loaded.
    pub fn first_trainable(&self, freeze: &FreezeSpec) -> LayerIdx {
        match freeze {
            FreezeSpec::All => self.n_base_layers,
            FreezeSpec::None => 0,
            FreezeSpec::Before { layer } => {
                let found = freeze::find_layer(&self.graph, LayerRef::Name(layer));
                found.expect("freeze points were resolved with the pipeline")
            }
        }
    }

    /// Whether the base model is a file that is run as a whole.
    pub fn is_opaque(&self) -> bool {
        self.units.iter().any(|unit| unit.kind == UnitKind::Backbone)
    }

    /// The units in a frozen and a trainable part.
    pub fn cut(&self, first_trainable: LayerIdx) -> Cut {
        cut::before_layer(&self.units, &self.graph, first_trainable)
    }

    /// The units before and after the pooling that ends the maps: that of the head, or that of the
    /// base model if layers follow it there.
    ///
    /// # Panics
    /// When the network has no pooling, which every classifier has.
    pub fn cut_before_pooling(&self) -> Cut {
        let is_pooling = |at: usize| self.units[at].kind == UnitKind::GlobalAveragePooling;
        let last = (0..self.units.len()).rev().find(|&at| is_pooling(at));
        let last = last.expect("a classifier pools");
        let mut at = last;
        while let (Value::Unit(before), [1, 1, _]) =
            (self.units[at].input, &self.units[at].input_shape[..])
        {
            at = before;
            if is_pooling(at) {
                return cut::before_unit(&self.units, at);
            }
        }
        cut::before_unit(&self.units, last)
    }

    /// The shape of a value between units, for one image.
    pub fn value_shape(&self, value: Value) -> Vec<usize> {
        match value {
            Value::Image => self.graph.layers()[0].shape.clone(),
            Value::Unit(unit) => self.units[unit].output_shape.clone(),
        }
    }

    /// The parameters of the base model.
    pub fn base_parameters(&self) -> Vec<Parameter> {
        self.parameters_where(|parameter| parameter.layer < self.n_base_layers)
    }

    /// The parameters that gradients change when training starts at `first_trainable`.
    pub fn trainable_parameters(&self, first_trainable: LayerIdx) -> Vec<Parameter> {
        self.parameters_where(|parameter| {
            parameter.layer >= first_trainable && parameter.role.is_trained_by_gradients()
        })
    }

    /// The parameters that a stage trains: those of its layers that are not frozen, or only some of
    /// them; and all of the head.
    pub fn trained_parameters(&self, stage: &StageSpec) -> Vec<Parameter> {
        let which = stage.train().map_or(TrainedSpec::All, |train| train.parameters);
        let mut parameters = self.trainable_parameters(self.first_trainable(stage.freeze()));
        parameters.retain(|parameter| {
            parameter.layer >= self.n_base_layers
                || match which {
                    TrainedSpec::All => true,
                    TrainedSpec::Normalization => {
                        matches!(parameter.role, Role::Gamma | Role::Beta)
                    }
                    TrainedSpec::Biases => matches!(parameter.role, Role::Bias | Role::Beta),
                }
        });
        parameters
    }

    /// The learning rate of each parameter as a fraction of that of the head, where each block has
    /// `decay` times the rate of the block after it. Layers before the first block, and those between
    /// the last one and the head, count as a block each. Parameters with the full rate are left out.
    pub fn layer_rates(&self, decay: f64) -> BTreeMap<String, f64> {
        let blocks = self.graph.blocks();
        let end = blocks.last().map_or(0, |block| block.end);
        let base = self.base_parameters();
        let has_tail = base.iter().any(|parameter| parameter.layer >= end);
        let rates = base.into_iter().map(|parameter| {
            let n_after = blocks.iter().filter(|block| block.start > parameter.layer).count();
            let is_in_tail = parameter.layer >= end;
            let depth = if is_in_tail { 1 } else { 1 + n_after + usize::from(has_tail) };
            (parameter.name, libm::pow(decay, depth as f64))
        });
        rates.collect()
    }

    /// The running statistics that change when batch normalization uses the statistics of the batch
    /// and training starts at `first_trainable`.
    pub fn running_means(&self, first_trainable: LayerIdx) -> Vec<Parameter> {
        self.parameters_where(|parameter| {
            let is_mean = matches!(parameter.role, Role::MovingMean | Role::MovingVariance);
            parameter.layer >= first_trainable && is_mean
        })
    }

    fn parameters_where(&self, keep: impl Fn(&Parameter) -> bool) -> Vec<Parameter> {
        self.graph.parameters().into_iter().filter(keep).collect()
    }
}

/// Adds a hidden layer: a dense layer with a `ReLU`, as a convolution of the map of one pixel that
/// pooling leaves.
fn hidden(graph: &mut Graph, number: usize, filters: usize, x: LayerIdx) -> LayerIdx {
    let padding = Padding { top: 0, bottom: 0, left: 0, right: 0 };
    let window = Window { kernel: 1, stride: 1, padding };
    let kind = LayerKind::Convolution { filters, window, has_bias: true };
    let x = graph.add(format!("hidden_{number}"), kind, &[x]);
    graph.add(format!("hidden_{number}_relu"), LayerKind::Activation(Activation::Relu), &[x])
}

/// The number of outputs for a number of classes of which an image has one.
pub fn n_outputs(n_classes: usize) -> usize {
    TargetSpec::Class.n_outputs(n_classes)
}
