//! Training steps: forward, backward and weight update.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};

use super::host::host_values;
use super::native::NativeNetwork;
use super::ordinary::{self, LearningPart};
use super::parameters::{Leaves, Parameters};
use super::statistics::{BatchStatistics, RunningMeans, trained_norm};
use super::timed::LayerClocks;
use crate::base::peers::{Alone, SharedPeers};
use crate::base::tensor::Tensor as HostTensor;
use crate::engine::optimizer::Optimizer;
use crate::engine::share::Share;
use crate::engine::{
    EngineError, Features, Gradients, Objective, StepRandomness, StepTimes, Trainer, TrainerState,
};
use crate::model::cut::Cut;
use crate::model::fuse::{Unit, Value};
use crate::model::graph::Role;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::{
    AverageSpec, BatchNormSpec, ClippingSpec, Device as DeviceSpec, OptimizerSpec, SgdSpec,
    TrainSpec,
};

/// The implementation of the trainable part's layers.
enum Definition {
    /// This crate's own layers, on the CPU.
    Native {
        /// The layers with all normalizations folded, for prediction.
        asked: NativeNetwork,
        /// The layers with batch-statistics normalizations, for training.
        learning: Option<NativeNetwork>,
    },
    /// Ordinary tensor operations.
    Ordinary { units: Vec<Unit>, first: usize },
}

/// Whether a network predicts or trains; normalizations differ between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Asked,
    Learning,
}

/// The layer implementation and the device of a trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layers {
    /// This crate's own layers on the CPU: fast, and bit-identical on any number of threads.
    Native,
    /// Ordinary tensor operations on the CPU.
    Ordinary,
    /// Ordinary tensor operations with `LibTorch`, on the CPU.
    #[cfg(feature = "libtorch")]
    Libtorch,
}

impl Layers {
    /// The layers of a device; `None` if this build does not support it.
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
            reason = "burn will drop LibTorch; until then it serves as a reference"
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

/// The settings of a trainer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainerOptions {
    /// The implementation of its layers.
    pub layers: Layers,
    /// The optimizer.
    pub optimizer: OptimizerSpec,
    /// The number of micro-batches for gradient sums in a fixed tree; for [`Layers::Native`] only.
    pub micro_batches: usize,
    /// The statistics that trained normalizations use.
    pub batch_norm: BatchNormSpec,
    /// The maximum global norm of the gradients of a step.
    pub clipping: Option<ClippingSpec>,
    /// An average of the weights that is used for prediction.
    pub average: Option<AverageSpec>,
    /// The learning rate of each block as a fraction of that of the block after it.
    pub layer_decay: Option<f64>,
}

impl TrainerOptions {
    /// The settings of a stage on these layers.
    pub fn of(spec: &TrainSpec, layers: Layers) -> Self {
        Self {
            layers,
            optimizer: spec.optimizer,
            micro_batches: spec.micro_batches,
            batch_norm: spec.batch_norm,
            clipping: spec.gradient_clipping,
            average: spec.weight_average,
            layer_decay: spec.layer_decay,
        }
    }

    /// The settings of a network that only predicts.
    pub fn asking(layers: Layers) -> Self {
        let optimizer =
            OptimizerSpec::Sgd(SgdSpec { learning_rate: 0.0, momentum: 0.0, nesterov: false });
        Self {
            layers,
            optimizer,
            micro_batches: 1,
            batch_norm: BatchNormSpec::Frozen,
            clipping: None,
            average: None,
            layer_decay: None,
        }
    }
}

/// Trains the units after a cut.
pub struct AutodiffTrainer {
    definition: Definition,
    boundary: Vec<Value>,
    /// The micro-batches that this rank computes.
    share: Arc<Share>,
    parameters: Parameters,
    optimizer: Optimizer,
    device: Device,
    /// The scales of normalizations that use batch statistics.
    by_batch: Vec<String>,
    running: Option<RunningMeans>,
    clipping: Option<ClippingSpec>,
    average: Option<Average>,
    /// The learning rates of parameters, as fractions; those that are not there have the full rate.
    rates: BTreeMap<String, f64>,
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
        Self::among(Arc::new(Alone), (network, cut), weights, trained, options)
    }

    /// A trainer that shares each step with those of other ranks: all of them have the same weights, and
    /// each gets its own images. Only [`Layers::Native`] can be shared.
    pub fn among(
        peers: SharedPeers,
        (network, cut): (&Network, &Cut),
        weights: &Weights,
        trained: &[String],
        options: &TrainerOptions,
    ) -> Self {
        assert!(peers.are_none() || matches!(options.layers, Layers::Native), "checked before");
        let share = Arc::new(Share::new(options.micro_batches, peers));
        let units = &network.units[cut.trainable.clone()];
        let first = cut.trainable.start;
        let convention = network.convention;
        let running = match options.batch_norm {
            BatchNormSpec::Frozen => None,
            BatchNormSpec::Train { momentum } => Some(RunningMeans { momentum, convention }),
        };
        let scales = units.iter().filter_map(|unit| trained_norm(unit, trained));
        let by_batch: Vec<String> = match running {
            None => vec![],
            Some(_) => scales.map(|norm| norm.parameter(Role::Gamma)).collect(),
        };
        let precision = network.precision;
        let native = |by_batch: &[String]| {
            NativeNetwork::new(units, first, &cut.boundary, &share, by_batch, precision)
        };
        Self {
            definition: if matches!(options.layers, Layers::Native) {
                let learning = (!by_batch.is_empty()).then(|| native(&by_batch));
                Definition::Native { asked: native(&[]), learning }
            } else {
                Definition::Ordinary { units: units.to_vec(), first }
            },
            parameters: Parameters::new(network, units, weights, trained),
            boundary: cut.boundary.clone(),
            share,
            optimizer: Optimizer::new(options.optimizer),
            device: options.layers.device(),
            by_batch,
            running,
            clipping: options.clipping,
            rates: options.layer_decay.map(|decay| network.layer_rates(decay)).unwrap_or_default(),
            average: options.average.map(|spec| Average {
                spec,
                parameters: Parameters::new(network, units, weights, trained),
            }),
        }
    }

    /// Measures the time of each layer in all steps from now on. `None` if the layers are not those of
    /// this crate.
    pub fn watch(&mut self) -> Option<LayerClocks> {
        match &mut self.definition {
            Definition::Native { asked, learning } => {
                Some(learning.as_mut().unwrap_or(asked).watch())
            }
            Definition::Ordinary { .. } => None,
        }
    }

    /// The parameters that predictions use.
    fn asked(&mut self) -> &mut Parameters {
        match &mut self.average {
            Some(average) => &mut average.parameters,
            None => &mut self.parameters,
        }
    }

    /// The logits, and the batch statistics that normalizations used.
    fn forward(
        &self,
        leaves: &Leaves,
        features: Features,
        randomness: Option<&StepRandomness>,
        device: &Device,
        used: Use,
    ) -> Result<(Tensor<2>, BatchStatistics), EngineError> {
        match &self.definition {
            Definition::Native { asked, learning } => {
                let network = match (used, learning) {
                    (Use::Learning, Some(learning)) => learning,
                    _ => asked,
                };
                Ok(network.forward(&self.boundary, leaves, features, randomness, device))
            }
            Definition::Ordinary { units, first } => {
                let part = LearningPart { units, first: *first, boundary: &self.boundary };
                let by_batch: &[String] = if used == Use::Learning { &self.by_batch } else { &[] };
                ordinary::forward(part, leaves, features, randomness, by_batch, device)
            }
        }
    }

    /// The gradients of an objective with respect to all trained parameters, without updating
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
        gradients.map(|found| found.gradients)
    }

    /// The gradients, and the durations of forward and backward.
    fn backward(
        &self,
        leaves: &Leaves,
        features: Features,
        randomness: Option<&StepRandomness>,
        objective: &mut Objective<'_>,
        device: &Device,
    ) -> Result<Found, EngineError> {
        let start = Instant::now();
        let (logits, statistics) =
            self.forward(leaves, features, randomness, device, Use::Learning)?;
        // Every rank knows the loss of all images, which takes no time, and goes on with its own.
        let all = self.share.all_rows(to_host(logits.clone().inner())?);
        let slope = self.share.own_rows(objective(&all));
        // The sum of logits weighted by their gradients has exactly these gradients.
        let slope = TensorData::new(slope.values().to_vec(), slope.shape().to_vec());
        let forward = start.elapsed();
        let start = Instant::now();
        let mut gradients = (logits * Tensor::<2>::from_data(slope, device)).sum().backward();
        let gradients = leaves.gradients(&mut gradients)?;
        let times = StepTimes { forward, backward: start.elapsed(), ..StepTimes::default() };
        Ok(Found { gradients, statistics, times })
    }
}

/// The average of all parameters over the steps.
struct Average {
    spec: AverageSpec,
    parameters: Parameters,
}

impl AverageSpec {
    /// The decay of the average in step `n`. It is smaller at first, so that the initial weights
    /// are soon forgotten.
    fn share(&self, n: u64) -> f32 {
        let n = n as f64;
        self.decay.min((1.0 + n) / (10.0 + n)) as f32
    }
}

/// Clips gradients to a global norm. Squares are added in the order of names and of values, in
/// double precision.
fn clip(gradients: &mut Gradients, clipping: ClippingSpec) {
    let squares = gradients.values().flatten().map(|&value| f64::from(value) * f64::from(value));
    let length = squares.sum::<f64>().sqrt();
    if length > clipping.norm {
        let factor = (clipping.norm / length) as f32;
        gradients.values_mut().flatten().for_each(|value| *value *= factor);
    }
}

/// The results of a forward and backward pass.
struct Found {
    gradients: Gradients,
    statistics: BatchStatistics,
    times: StepTimes,
}

impl Trainer for AutodiffTrainer {
    fn predict(&mut self, features: Features) -> Result<HostTensor, EngineError> {
        let device = self.device.clone();
        let leaves = self.asked().lend(&device);
        let logits = self.forward(&leaves, features, None, &device, Use::Asked);
        let logits = logits.and_then(|(logits, _)| to_host(logits));
        self.asked().take_back(leaves)?;
        Ok(self.share.all_rows(logits?))
    }

    fn step(
        &mut self,
        features: Features,
        randomness: &StepRandomness,
        objective: &mut Objective<'_>,
        learning_rate: f64,
    ) -> Result<StepTimes, EngineError> {
        let device = self.device.clone().autodiff();
        let n_images = randomness.samples.len();
        self.share.begin(n_images);
        let samples = randomness.samples[self.share.own_images(n_images)].to_vec();
        let own = StepRandomness { samples };
        let leaves = self.parameters.lend(&device);
        let result = self.backward(&leaves, features, Some(&own), objective, &device);
        let start = Instant::now();
        self.parameters.take_back(leaves)?;
        let Found { mut gradients, statistics, mut times } = result?;
        if let Some(clipping) = self.clipping {
            clip(&mut gradients, clipping);
        }
        self.optimizer.begin_step();
        for (name, value) in self.parameters.trained_mut() {
            if let Some(gradient) = gradients.get(name) {
                let rate = self.rates.get(name).map_or(learning_rate, |part| learning_rate * part);
                self.optimizer.update(name, value.values_mut(), gradient, rate);
            }
        }
        if let Some(running) = &self.running {
            let new = running.after(&statistics, |name| self.parameters.get(name));
            self.parameters.replace(new);
        }
        if let Some(Average { spec, parameters }) = &mut self.average {
            parameters.follow(&self.parameters, spec.share(self.optimizer.n_steps()));
        }
        times.optimizer = start.elapsed();
        Ok(times)
    }

    fn weights(&self) -> Weights {
        self.average.as_ref().map_or(&self.parameters, |average| &average.parameters).weights()
    }

    fn state(&self) -> TrainerState {
        let (n_steps, [first_moments, second_moments]) = self.optimizer.state();
        let weights = self.parameters.weights();
        let average = self.average.as_ref().map(|average| average.parameters.weights());
        TrainerState { weights, first_moments, second_moments, average, n_steps }
    }

    fn restore(&mut self, state: TrainerState) {
        let TrainerState { weights, first_moments, second_moments, average, n_steps } = state;
        self.parameters.set(&weights);
        if let (Some(own), Some(weights)) = (&mut self.average, average) {
            own.parameters.set(&weights);
        }
        self.optimizer.restore(n_steps, [first_moments, second_moments]);
    }
}

fn to_host(tensor: Tensor<2>) -> Result<HostTensor, EngineError> {
    let shape = tensor.dims();
    Ok(HostTensor::new(&shape, host_values(tensor.into_data())?))
}
