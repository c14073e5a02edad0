//! A whole classifier: base model, pooling, dropout and one dense layer.

use std::sync::Arc;

use super::backbone::Backbone;
use super::cut::{self, Cut};
use super::fuse::{self, Unit, UnitKind, UnsupportedLayer, Value};
use super::graph::{Graph, LayerIdx, LayerKind, Parameter, Role};
use super::mobilenet_v2;
use crate::spec::{
    BaseModel, Convention, FreezeSpec, ImageSize, ModelSpec, Pooling, Preprocessing,
};

/// A classifier, ready to be given weights and cut.
#[derive(Clone, Debug)]
pub struct Network {
    /// All its layers: those of the base model, then those of the head.
    pub graph: Graph,
    /// How many layers belong to the base model.
    pub n_base_layers: usize,
    /// Its layers as engines run them.
    pub units: Vec<Unit>,
    /// How it is built.
    pub convention: Convention,
    /// What its input needs.
    pub preprocessing: Preprocessing,
    /// The file that its base model is, if it is one.
    pub backbone: Option<Arc<Backbone>>,
}

/// What a base model is built from, besides its spec.
#[derive(Clone, Debug)]
pub enum Base {
    /// How the authors of its weights built it.
    Convention(Convention),
    /// A file that is run as it is.
    Backbone(Arc<Backbone>),
    /// A file, and its layers.
    Layers(Arc<Backbone>, Graph, Convention),
}

impl From<Convention> for Base {
    fn from(convention: Convention) -> Self {
        Self::Convention(convention)
    }
}

impl Network {
    /// Builds the classifier of a spec. Two classes need one output, more need one each.
    ///
    /// # Errors
    /// When an engine has no unit for one of its layers.
    ///
    /// # Panics
    /// When the base is a file in the spec and not here, or the other way round.
    pub fn build(
        spec: &ModelSpec,
        base: impl Into<Base>,
        ImageSize { height, width }: ImageSize,
        n_classes: usize,
    ) -> Result<Self, UnsupportedLayer> {
        let (mut graph, convention, preprocessing, backbone) = match (&spec.base, base.into()) {
            (BaseModel::MobilenetV2, Base::Convention(convention)) => {
                let graph = mobilenet_v2::build(convention, spec.width(), height, width);
                (graph, convention, convention.preprocessing(), None)
            }
            (BaseModel::Onnx(onnx), Base::Backbone(backbone)) => {
                let mut graph = Graph::with_input("input", [height, width, 3]);
                let kind = LayerKind::Backbone { output: backbone.shape };
                graph.add("backbone", kind, &[0]);
                (graph, Convention::default(), onnx.preprocessing, Some(backbone))
            }
            (BaseModel::Onnx(onnx), Base::Layers(backbone, graph, convention)) => {
                (graph, convention, onnx.preprocessing, Some(backbone))
            }
            (base, other) => unreachable!("{base:?} is not built from {other:?}"),
        };
        let n_base_layers = graph.layers().len();
        let Pooling::Average = spec.head.pooling;
        let mut x = graph.add(
            "global_average_pooling2d",
            LayerKind::GlobalAveragePooling,
            &[n_base_layers - 1],
        );
        x = graph.add("dropout", LayerKind::Dropout { rate: spec.head.dropout as f32 }, &[x]);
        graph.add("head", LayerKind::Dense { units: n_outputs(n_classes) }, &[x]);
        let units = fuse::fuse(&graph)?;
        Ok(Self { graph, n_base_layers, units, convention, preprocessing, backbone })
    }

    /// The first layer that trains under a freeze rule.
    ///
    /// # Panics
    /// When the rule names no layer of this network; pipelines are checked for that.
    pub fn first_trainable(&self, freeze: &FreezeSpec) -> LayerIdx {
        match freeze {
            FreezeSpec::All => self.n_base_layers,
            FreezeSpec::None => 0,
            FreezeSpec::Before { layer } => {
                self.graph.find(layer).expect("freeze points were resolved with the pipeline")
            }
        }
    }

    /// Whether its base model is a file that is run as it is.
    pub fn is_opaque(&self) -> bool {
        self.units.iter().any(|unit| unit.kind == UnitKind::Backbone)
    }

    /// The units in a frozen and a trainable part.
    pub fn cut(&self, first_trainable: LayerIdx) -> Cut {
        cut::before_layer(&self.units, &self.graph, first_trainable)
    }

    /// The units before and behind the pooling of the head.
    ///
    /// # Panics
    /// When the network has no pooling, which every classifier has.
    pub fn cut_before_pooling(&self) -> Cut {
        let at = self.units.iter().position(|unit| unit.kind == UnitKind::GlobalAveragePooling);
        cut::before_unit(&self.units, at.expect("a classifier pools"))
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

    /// The running means that move when normalizations go by the batch and training starts at
    /// `first_trainable`.
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

/// The number of outputs for a number of classes.
pub fn n_outputs(n_classes: usize) -> usize {
    if n_classes == 2 { 1 } else { n_classes }
}
