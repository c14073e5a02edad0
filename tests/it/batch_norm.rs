//! Training with normalisation by the batch: one step against Keras and PyTorch in double
//! precision, and what makes it reproducible.

use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use alpaca_run::engine::{Features, StepRandomness, Trainer};
use alpaca_run::model::graph::{Parameter, Role};
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::spec::{BatchNormSpec, Convention, FreezeSpec, OptimizerSpec, SgdSpec};
use alpaca_run::train::objective;

use crate::reference::tensors;
use crate::support::network::mobilenet_v2;
use crate::support::program::project;

const N: usize = 6;
const SIDE: usize = 64;
const LABELS: [usize; N] = [1, 0, 0, 1, 1, 0];

/// Numbers between -1 and 1: the upper bits of `SplitMix64`, as `data/batch_norm/write.py` draws them.
fn drawn(n: usize, seed: u64) -> Vec<f64> {
    let number = |i: u64| {
        let mut z = ((seed << 32) + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (0..n as u64).map(number).collect()
}

fn value(Parameter { name, shape, role, .. }: &Parameter) -> Tensor {
    let seed = name.bytes().map(u64::from).sum();
    let numbers = drawn(shape.iter().product(), seed);
    let (scale, shift) = match role {
        Role::Kernel => {
            let fan_in: usize = shape[..shape.len() - 1].iter().product();
            (f64::from((3.0 / fan_in as f64).sqrt() as f32), 0.0)
        }
        Role::DepthwiseKernel => (f64::from((3.0 / 9.0f64).sqrt() as f32), 0.0),
        Role::Gamma => (0.25, 1.0),
        Role::Beta => (0.25, 0.125),
        Role::MovingMean | Role::Bias => (0.0, 0.0),
        Role::MovingVariance => (0.0, 1.0),
    };
    Tensor::new(shape, numbers.iter().map(|number| (number * scale + shift) as f32).collect())
}

struct Situation {
    network: Network,
    weights: Weights,
    pictures: Features,
}

fn situation(convention: Convention) -> Situation {
    let network = mobilenet_v2(convention, 0.35, SIDE, 2, 0.0);
    let weights = network.graph.parameters().iter().map(|p| (p.name.clone(), value(p))).collect();
    let shape = [N, SIDE, SIDE, 3];
    let pixels = drawn(shape.iter().product(), 1).into_iter().map(|value| value as f32).collect();
    let pictures = Features { values: vec![Tensor::new(&shape, pixels)] };
    Situation { network, weights, pictures }
}

impl Situation {
    /// A trainer of everything.
    fn trainer(&self, layers: Layers, momentum: f64) -> AutodiffTrainer {
        let first = self.network.first_trainable(&FreezeSpec::None);
        let trained: Vec<String> =
            self.network.trainable_parameters(first).into_iter().map(|p| p.name).collect();
        let sgd = SgdSpec { learning_rate: 0.1, momentum: 0.0, nesterov: false };
        let options = TrainerOptions {
            optimizer: OptimizerSpec::Sgd(sgd),
            micro_batches: 4,
            batch_norm: BatchNormSpec::Train { momentum },
            ..TrainerOptions::asking(layers)
        };
        let cut = self.network.cut(first);
        AutodiffTrainer::new(&self.network, &cut, &self.weights, &trained, &options)
    }
}

/// The largest difference, relative to the largest value.
fn largest_error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(1e-6f64, |largest, v| largest.max(f64::from(v.abs())));
    let differences = found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()));
    differences.fold(0.0, f64::max) / largest
}

/// The length of the difference, relative to that of the values.
fn mean_error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let length = |values: &mut dyn Iterator<Item = f32>| -> f64 {
        values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    };
    let difference = length(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    difference / length(&mut expected.iter().copied())
}

#[test]
fn a_step_is_that_of_keras_and_of_pytorch() {
    let expected = tensors(&project().join("tests/it/data/batch_norm/expected.safetensors"));
    for (library, convention, momentum) in
        [("keras", Convention::Keras, 0.999), ("torch", Convention::Torch, 0.9)]
    {
        let situation = situation(convention);
        for layers in [Layers::Native, Layers::Ordinary] {
            let check = |name: &str, found: &[f32]| {
                let values = expected[&format!("{library}/{name}")].values();
                // In ordinary operations all sums are in single precision, and a few activations
                // fall on the other side of a ReLU6, each of which moves a few gradients.
                let (error, bound) = if layers == Layers::Native {
                    (largest_error(found, values), 1e-4)
                } else {
                    (mean_error(found, values), 1e-2)
                };
                println!("{library} {layers:?} {name}: {error:.1e}");
                assert!(error < bound, "{library}, {layers:?}, {name}: off by {error:.1e}");
            };
            let mut trainer = situation.trainer(layers, momentum);
            let mut objective = |logits: &Tensor| {
                check("logits", logits.values());
                objective::evaluate(logits, &LABELS, 0.0).slope
            };
            let found =
                trainer.gradients(situation.pictures.clone(), None, &mut objective).unwrap();
            let randomness = StepRandomness { samples: vec![] };
            trainer.step(situation.pictures.clone(), &randomness, &mut objective, 0.0).unwrap();
            let weights = trainer.weights();
            let mut n = 0;
            for name in expected.keys().filter_map(|name| name.strip_prefix(library)) {
                if let Some(parameter) = name.strip_prefix("/gradient/") {
                    check(&name[1..], &found[parameter]);
                    n += 1;
                } else if let Some(parameter) = name.strip_prefix("/moved/") {
                    check(&name[1..], weights.get(parameter).values());
                    n += 1;
                }
            }
            assert_eq!(n, 11 + 8);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let situation = situation(Convention::Keras);
    let trained = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let mut trainer = situation.trainer(Layers::Native, 0.9);
            let mut objective = |logits: &Tensor| objective::evaluate(logits, &LABELS, 0.1).slope;
            for _ in 0..2 {
                let randomness = StepRandomness { samples: vec![] };
                let pictures = situation.pictures.clone();
                trainer.step(pictures, &randomness, &mut objective, 0.05).unwrap();
            }
            (trainer.predict(situation.pictures.clone()).unwrap(), trainer.weights())
        })
    };
    let expected = trained(1);
    for n_threads in [2, 5] {
        assert!(trained(n_threads) == expected, "{n_threads} threads");
    }
}
