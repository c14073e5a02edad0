//! Steps of training: forward, backward, and a move of the weights.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};

use super::native::NativeNetwork;
use super::ordinary;
use super::parameters::{Leaves, Parameters};
use crate::base::tensor::Tensor as HostTensor;
use crate::engine::optimizer::Optimizer;
use crate::engine::{
    EngineError, Features, Gradients, Objective, StepRandomness, StepTimes, Trainer, TrainerState,
};
use crate::model::fuse::{Cut, Unit, Value};
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::{Device as DeviceSpec, OptimizerSpec};

/// How the layers of the trainable part are defined.
enum Definition {
    /// As layers of our own, on the processor.
    Native(NativeNetwork),
    /// In ordinary tensor operations.
    Ordinary { units: Vec<Unit>, first: usize },
}

/// Which definition of its layers a trainer uses, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layers {
    /// Layers of our own on the processor: fast, and the same bits on any number of threads.
    Native,
    /// Ordinary tensor operations on the processor.
    Ordinary,
    /// Ordinary tensor operations by `LibTorch`, on the processor.
    #[cfg(feature = "libtorch")]
    Libtorch,
}

impl Layers {
    /// The layers of a device; `None` where this build does not have it.
    pub fn of(device: DeviceSpec) -> Option<Self> {
        match device {
            DeviceSpec::Cpu => Some(Self::Native),
            #[cfg(feature = "libtorch")]
            DeviceSpec::Libtorch => Some(Self::Libtorch),
            #[cfg(not(feature = "libtorch"))]
            DeviceSpec::Libtorch => None,
        }
    }

    #[cfg_attr(
        feature = "libtorch",
        expect(
            deprecated,
            reason = "burn will drop LibTorch; until then it is what we compare with"
        )
    )]
    fn device(self) -> Device {
        match self {
            Self::Native | Self::Ordinary => Device::flex(),
            #[cfg(feature = "libtorch")]
            Self::Libtorch => Device::libtorch(),
        }
    }
}

/// How a trainer works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainerOptions {
    /// The definition of its layers.
    pub layers: Layers,
    /// How weights follow their gradients.
    pub optimizer: OptimizerSpec,
    /// Parts of a batch whose gradients are added in a fixed tree; for [`Layers::Native`] alone.
    pub micro_batches: usize,
}

/// Trains the units behind a cut.
pub struct AutodiffTrainer {
    definition: Definition,
    boundary: Vec<Value>,
    parameters: Parameters,
    optimizer: Optimizer,
    device: Device,
}

impl AutodiffTrainer {
    /// A trainer of the parameters named in `trained`, starting from `weights`.
    pub fn new(
        network: &Network,
        cut: &Cut,
        weights: &Weights,
        trained: &[String],
        options: &TrainerOptions,
    ) -> Self {
        let units = &network.units[cut.trainable.clone()];
        let first = cut.trainable.start;
        Self {
            definition: if matches!(options.layers, Layers::Native) {
                let n_pieces = options.micro_batches;
                Definition::Native(NativeNetwork::new(units, first, &cut.boundary, n_pieces))
            } else {
                Definition::Ordinary { units: units.to_vec(), first }
            },
            parameters: Parameters::new(network, units, weights, trained),
            boundary: cut.boundary.clone(),
            optimizer: Optimizer::new(options.optimizer),
            device: options.layers.device(),
        }
    }

    fn forward(
        &self,
        leaves: &Leaves,
        features: Features,
        randomness: Option<&StepRandomness>,
        device: &Device,
    ) -> Tensor<2> {
        match &self.definition {
            Definition::Native(network) => {
                network.forward(&self.boundary, leaves, features, randomness, device)
            }
            Definition::Ordinary { units, first } => {
                let at = (self.boundary.as_slice(), *first);
                ordinary::forward(units, at, leaves, features, randomness, device)
            }
        }
    }

    /// The gradients of an objective with respect to all parameters that train, without moving
    /// them.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn gradients(
        &mut self,
        features: Features,
        randomness: Option<&StepRandomness>,
        objective: &mut Objective<'_>,
    ) -> Result<Gradients, EngineError> {
        let device = self.device.clone().autodiff();
        let leaves = self.parameters.lend(&device);
        let gradients = self.backward(&leaves, features, randomness, objective, &device);
        self.parameters.take_back(leaves)?;
        gradients.map(|(gradients, _)| gradients)
    }

    /// Gradients, and how long forward and backward took.
    fn backward(
        &self,
        leaves: &Leaves,
        features: Features,
        randomness: Option<&StepRandomness>,
        objective: &mut Objective<'_>,
        device: &Device,
    ) -> Result<(Gradients, StepTimes), EngineError> {
        let start = Instant::now();
        let logits = self.forward(leaves, features, randomness, device);
        let slope = objective(&to_host(logits.clone().inner())?);
        // The sum of logits weighted by their gradients has exactly these gradients.
        let slope = TensorData::new(slope.values().to_vec(), slope.shape().to_vec());
        let forward = start.elapsed();
        let start = Instant::now();
        let mut gradients = (logits * Tensor::<2>::from_data(slope, device)).sum().backward();
        let gradients = leaves.gradients(&mut gradients)?;
        let times = StepTimes { forward, backward: start.elapsed(), ..StepTimes::default() };
        Ok((gradients, times))
    }
}

impl Trainer for AutodiffTrainer {
    fn predict(&mut self, features: Features) -> Result<HostTensor, EngineError> {
        let device = self.device.clone();
        let leaves = self.parameters.lend(&device);
        let logits = to_host(self.forward(&leaves, features, None, &device));
        self.parameters.take_back(leaves)?;
        logits
    }

    fn step(
        &mut self,
        features: Features,
        randomness: &StepRandomness,
        objective: &mut Objective<'_>,
        learning_rate: f64,
    ) -> Result<StepTimes, EngineError> {
        let device = self.device.clone().autodiff();
        let leaves = self.parameters.lend(&device);
        let result = self.backward(&leaves, features, Some(randomness), objective, &device);
        let start = Instant::now();
        self.parameters.take_back(leaves)?;
        let (gradients, mut times) = result?;
        self.optimizer.begin_step();
        for (name, value) in self.parameters.trained_mut() {
            if let Some(gradient) = gradients.get(name) {
                self.optimizer.update(name, value.values_mut(), gradient, learning_rate);
            }
        }
        times.optimizer = start.elapsed();
        Ok(times)
    }

    fn weights(&self) -> Weights {
        self.parameters.weights()
    }

    fn state(&self) -> TrainerState {
        let (n_steps, [first_moments, second_moments]) = self.optimizer.state();
        TrainerState { weights: self.weights(), first_moments, second_moments, n_steps }
    }

    fn restore(&mut self, state: TrainerState) {
        let TrainerState { weights, first_moments, second_moments, n_steps } = state;
        self.parameters.set(&weights);
        self.optimizer.restore(n_steps, [first_moments, second_moments]);
    }
}

fn to_host(tensor: Tensor<2>) -> Result<HostTensor, EngineError> {
    let shape = tensor.dims();
    Ok(HostTensor::new(&shape, host_values(tensor.into_data())?))
}

/// The values of a tensor that has left its device.
pub(super) fn host_values(data: TensorData) -> Result<Vec<f32>, EngineError> {
    let failed = |reason| EngineError::Failed { engine: "autodiff", reason };
    data.try_into_vec::<f32>().map_err(|error| failed(format!("{error:?}")))
}
