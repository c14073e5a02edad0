//! The weights of the trainable part: in host memory between steps, leaves of a graph during a
//! step.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients as BurnGradients, Tensor as BurnTensor, TensorData};

use super::custom::Input;
use crate::base::tensor::Tensor;
use crate::engine::{EngineError, Gradients};
use crate::model::fuse::{Norm, Unit};
use crate::model::graph::Role;
use crate::model::network::Network;
use crate::model::weights::Weights;

/// Whether the gradient of a parameter is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Training {
    /// The parameter is trained.
    Trained,
    /// The parameter is frozen.
    Frozen,
}

/// The weights of the trainable part.
pub(super) struct Parameters(BTreeMap<String, (Tensor, Training)>);

impl Parameters {
    /// The weights that `units` need; those in `trained` are trained.
    pub(super) fn new(
        network: &Network,
        units: &[Unit],
        weights: &Weights,
        trained: &[String],
    ) -> Self {
        let layers = units.iter().flat_map(|unit| &unit.layers);
        let names = layers
            .flat_map(|&layer| network.graph.parameters_of(layer))
            .map(|parameter| parameter.name);
        let with_value = names.map(|name| {
            let training =
                if trained.contains(&name) { Training::Trained } else { Training::Frozen };
            let value = weights.get(&name).clone();
            (name, (value, training))
        });
        Self(with_value.collect())
    }

    /// The trained parameters, mutable.
    pub(super) fn trained_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tensor)> {
        self.0
            .iter_mut()
            .filter(|(_, (_, training))| *training == Training::Trained)
            .map(|(name, (value, _))| (name.as_str(), value))
    }

    /// The current values of all parameters.
    pub(super) fn weights(&self) -> Weights {
        self.0.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    }

    /// Replaces the values of the given parameters.
    pub(super) fn replace(&mut self, some: Weights) {
        for (name, tensor) in some {
            if let Some((value, _)) = self.0.get_mut(&name) {
                *value = tensor;
            }
        }
    }

    /// Averages all values with `other`, with weight `share` for the current ones.
    pub(super) fn follow(&mut self, other: &Self, share: f32) {
        for ((own, _), (value, _)) in self.0.values_mut().zip(other.0.values()) {
            let pairs = own.values_mut().iter_mut().zip(value.values());
            pairs.for_each(|(own, value)| *own = *value + share * (*own - *value));
        }
    }

    /// The values of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name).map(|(value, _)| value)
    }

    /// Sets the values of all parameters.
    pub(super) fn set(&mut self, weights: &Weights) {
        for (name, (value, _)) in &mut self.0 {
            value.clone_from(weights.get(name));
        }
    }

    /// Moves the parameters to a device, without a copy if that is the host's memory. On an
    /// autodiff device, trained parameters are tracked. [`take_back`](Self::take_back) returns
    /// them.
    pub(super) fn lend(&mut self, device: &Device) -> Leaves {
        let leaves = self.0.iter_mut().map(|(name, (value, training))| {
            let is_tracked = *training == Training::Trained && device.is_autodiff();
            let value = std::mem::replace(value, Tensor::zeros(&[0]));
            (name.clone(), Leaf::new(value, device, is_tracked))
        });
        Leaves(leaves.collect())
    }

    /// Moves the parameters back, without a copy if the device's graph has been dropped.
    pub(super) fn take_back(&mut self, leaves: Leaves) -> Result<(), EngineError> {
        for ((value, _), leaf) in self.0.values_mut().zip(leaves.0.into_values()) {
            *value = leaf.into_host()?;
        }
        Ok(())
    }
}

/// A parameter on a device.
enum Leaf {
    Vector(BurnTensor<1>),
    Matrix(BurnTensor<2>),
    Kernel(BurnTensor<4>),
}

impl Leaf {
    fn new(value: Tensor, device: &Device, is_tracked: bool) -> Self {
        let shape = value.shape().to_vec();
        let n_axes = shape.len();
        let data = TensorData::new(value.into_values(), shape);
        match n_axes {
            1 => Self::Vector(BurnTensor::from_data(data, device).set_require_grad(is_tracked)),
            2 => Self::Matrix(BurnTensor::from_data(data, device).set_require_grad(is_tracked)),
            4 => Self::Kernel(BurnTensor::from_data(data, device).set_require_grad(is_tracked)),
            axes => unreachable!("no parameter has {axes} axes"),
        }
    }

    fn into_host(self) -> Result<Tensor, EngineError> {
        /// A tensor that is not part of a graph.
        fn plain<const D: usize>(leaf: BurnTensor<D>) -> TensorData {
            if leaf.device().is_autodiff() { leaf.inner().into_data() } else { leaf.into_data() }
        }
        let data = match self {
            Self::Vector(leaf) => plain(leaf),
            Self::Matrix(leaf) => plain(leaf),
            Self::Kernel(leaf) => plain(leaf),
        };
        let shape = data.shape().to_vec();
        Ok(Tensor::new(&shape, super::host::host_values(data)?))
    }

    fn gradient(&self, gradients: &mut BurnGradients) -> Option<TensorData> {
        match self {
            Self::Vector(leaf) => leaf.grad_remove(gradients).map(BurnTensor::into_data),
            Self::Matrix(leaf) => leaf.grad_remove(gradients).map(BurnTensor::into_data),
            Self::Kernel(leaf) => leaf.grad_remove(gradients).map(BurnTensor::into_data),
        }
    }
}

/// Batch normalization with fixed statistics as an affine map. Scale and shift depend on the
/// trained gamma and beta, so gradients flow to these.
pub(super) fn frozen_norm(norm: &Norm, leaves: &Leaves) -> (BurnTensor<1>, BurnTensor<1>) {
    let vector = |role| leaves.vector(&norm.parameter(role));
    let scale = vector(Role::Gamma) / (vector(Role::MovingVariance) + norm.epsilon).sqrt();
    let shift = vector(Role::Beta) - vector(Role::MovingMean) * scale.clone();
    (scale, shift)
}

/// All parameters of the trainable part on a device.
pub(super) struct Leaves(BTreeMap<String, Leaf>);

impl Leaves {
    /// A parameter with one axis.
    pub(super) fn vector(&self, name: &str) -> BurnTensor<1> {
        match self.0.get(name) {
            Some(Leaf::Vector(leaf)) => leaf.clone(),
            _ => unreachable!("`{name}` is a vector of the trainable part"),
        }
    }

    /// A parameter with two axes.
    pub(super) fn matrix(&self, name: &str) -> BurnTensor<2> {
        match self.0.get(name) {
            Some(Leaf::Matrix(leaf)) => leaf.clone(),
            _ => unreachable!("`{name}` is a matrix of the trainable part"),
        }
    }

    /// A parameter with four axes.
    pub(super) fn kernel(&self, name: &str) -> BurnTensor<4> {
        match self.0.get(name) {
            Some(Leaf::Kernel(leaf)) => leaf.clone(),
            _ => unreachable!("`{name}` is a kernel of the trainable part"),
        }
    }

    /// The weights of a convolution or a fully connected layer, as an input of a layer.
    pub(super) fn weights(&self, name: &str) -> Input {
        match self.0.get(name) {
            Some(Leaf::Matrix(leaf)) => Input::Matrix(leaf.clone()),
            Some(Leaf::Kernel(leaf)) => Input::Map(leaf.clone()),
            _ => unreachable!("`{name}` is a kernel of the trainable part"),
        }
    }

    /// Takes the gradients of all tracked parameters.
    pub(super) fn gradients(
        &self,
        gradients: &mut BurnGradients,
    ) -> Result<Gradients, EngineError> {
        let mut all = Gradients::new();
        for (name, leaf) in &self.0 {
            if let Some(data) = leaf.gradient(gradients) {
                all.insert(name.clone(), super::host::host_values(data)?);
            }
        }
        Ok(all)
    }
}
