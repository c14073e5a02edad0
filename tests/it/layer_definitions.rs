//! The definitions of the trainable part agree: layers of our own, ordinary tensor operations, and
//! in builds with the feature `libtorch` the latter on LibTorch. On a network with weights drawn
//! from a seed; `reference.rs` compares the same with Keras.

use alpaca_random::SeedStream;
use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::engine::{FeatureExtractor, Features, Gradients, StepRandomness, Trainer};
use alpaca_run::model::graph::Parameter;
use alpaca_run::model::initial;
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::spec::{AdamSpec, Convention, FreezeSpec, Initializer, OptimizerSpec};
use alpaca_run::train::objective;

use crate::onnx_base_models;
use crate::support::network::mobilenet_v2;

/// What can run the trainable part in this build.
const DEFINITIONS: &[Layers] = &[
    Layers::Native,
    Layers::Ordinary,
    #[cfg(feature = "libtorch")]
    Layers::Libtorch,
];

const N_PICTURES: usize = 4;
const SIDE: usize = 64;
const RATE: f64 = 1e-3;

struct Situation {
    network: Network,
    weights: Weights,
    batch: Batch,
    labels: Vec<usize>,
}

fn situation(convention: Convention, n_classes: usize) -> Situation {
    let network = mobilenet_v2(convention, 0.35, SIDE, n_classes, 0.2);
    let weights = random(&network, &network.graph.parameters());
    with_pictures(network, weights, SIDE, n_classes)
}

/// The small network of an ONNX file: convolutions with something added, max pooling, a sum with an
/// activation behind it.
fn situation_of_file() -> Situation {
    let (network, mut weights) =
        onnx_base_models::imported("script.onnx", "/average/GlobalAveragePool");
    let head = network.graph.parameters_of(network.graph.layers().len() - 1);
    weights.extend(random(&network, &head));
    with_pictures(network, weights, onnx_base_models::SIDE, 2)
}

fn random(network: &Network, parameters: &[Parameter]) -> Weights {
    initial::initialise(
        network,
        parameters,
        Initializer::HeUniform,
        SeedStream::new(5).child("weights"),
    )
}

fn with_pictures(network: Network, weights: Weights, side: usize, n_classes: usize) -> Situation {
    let stream = SeedStream::new(5);
    let mut generator = stream.child("pictures").generator();
    let shape = [N_PICTURES, side, side, 3];
    let values = (0..shape.iter().product()).map(|_| generator.between(-1.0, 1.0)).collect();
    let labels = (0..N_PICTURES).map(|i| i % n_classes).collect();
    let images = Tensor::new(&shape, values);
    Situation { network, weights, batch: Batch { images, samples: vec![0, 1, 2, 3] }, labels }
}

impl Situation {
    fn trainer(&self, layer: &str, layers: Layers) -> (Features, AutodiffTrainer) {
        let freeze = FreezeSpec::Before { layer: layer.to_owned() };
        let first = self.network.first_trainable(&freeze);
        let cut = self.network.cut(first);
        let trained: Vec<String> =
            self.network.trainable_parameters(first).into_iter().map(|p| p.name).collect();
        let adam = AdamSpec { learning_rate: RATE, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };
        let options = TrainerOptions {
            optimizer: OptimizerSpec::Adam(adam),
            micro_batches: 16,
            ..TrainerOptions::asking(layers)
        };
        let extractor = NativeExtractor::new(&self.network, &cut, &self.weights).unwrap();
        let features = extractor.extract(&self.batch).unwrap();
        let trainer = AutodiffTrainer::new(&self.network, &cut, &self.weights, &trained, &options);
        (features, trainer)
    }

    fn objective(&self) -> impl FnMut(&Tensor) -> Tensor {
        |logits| objective::evaluate(logits, &self.labels, 0.0).slope
    }
}

fn length(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    length(a.iter().zip(b).map(|(a, b)| a - b))
}

#[test]
fn logits_are_equal_wherever_the_network_is_cut() {
    for (convention, n_classes) in [(Convention::Keras, 2), (Convention::Torch, 4)] {
        let situation = situation(convention, n_classes);
        let (features, mut trainer) = situation.trainer("Conv1", Layers::Native);
        let expected = trainer.predict(features).unwrap();
        assert!(length(expected.values().iter().copied()) > 1e-3);
        for layer in ["Conv1", "expanded_conv_project", "block_6_expand", "block_13_depthwise"] {
            for &layers in DEFINITIONS {
                let (features, mut trainer) = situation.trainer(layer, layers);
                let logits = trainer.predict(features).unwrap();
                assert_eq!(
                    logits.shape(),
                    [N_PICTURES, if n_classes == 2 { 1 } else { n_classes }]
                );
                let error = distance(logits.values(), expected.values())
                    / length(expected.values().iter().copied());
                assert!(error < 1e-4, "{layers:?} from {layer}, {n_classes} classes: {error}");
            }
        }
    }
}

#[test]
fn gradients_of_an_imported_network_are_equal() {
    let situation = situation_of_file();
    let first = situation.network.graph.layers()[1].name.clone();
    let gradients = |layers| -> (Tensor, Gradients) {
        let (features, mut trainer) = situation.trainer(&first, layers);
        let logits = trainer.predict(features.clone()).unwrap();
        (logits, trainer.gradients(features, None, &mut situation.objective()).unwrap())
    };
    let (logits, expected) = gradients(Layers::Native);
    assert_eq!(expected.len(), situation.network.graph.parameters().len());
    assert!(expected.values().all(|gradient| length(gradient.iter().copied()) > 1e-6));
    for &layers in &DEFINITIONS[1..] {
        let (others, gradients) = gradients(layers);
        let error = distance(others.values(), logits.values());
        assert!(error < 1e-4 * length(logits.values().iter().copied()), "{layers:?}: {error}");
        for (name, theirs) in &expected {
            let error = distance(&gradients[name], theirs) / length(theirs.iter().copied());
            assert!(error < 1e-4, "{layers:?}, {name}: {error}");
        }
    }
    // Cut anywhere, the frozen part and what trains give the same.
    let layers = situation.network.graph.layers();
    let with_weights = |idx: &usize| !situation.network.graph.parameters_of(*idx).is_empty();
    for idx in (1..situation.network.n_base_layers).filter(with_weights) {
        for &definition in DEFINITIONS {
            let (features, mut trainer) = situation.trainer(&layers[idx].name, definition);
            let error = distance(trainer.predict(features).unwrap().values(), logits.values());
            assert!(error < 1e-5, "{definition:?} from {}: {error}", layers[idx].name);
        }
    }
}

/// Where an activation lies so near to a bound of its `ReLU6` that two definitions put it on
/// different sides, gradients differ a little; these few pictures have few such activations.
#[test]
fn gradients_of_the_whole_network_are_equal() {
    for convention in [Convention::Keras, Convention::Torch] {
        let situation = situation(convention, 4);
        let gradients = |layers| -> Gradients {
            let (features, mut trainer) = situation.trainer("Conv1", layers);
            trainer.gradients(features, None, &mut situation.objective()).unwrap()
        };
        let expected = gradients(Layers::Native);
        for &layers in &DEFINITIONS[1..] {
            let gradients = gradients(layers);
            assert!(gradients.keys().eq(expected.keys()));
            for (name, theirs) in &expected {
                let error = distance(&gradients[name], theirs) / length(theirs.iter().copied());
                assert!(error < 5e-3, "{convention:?}, {layers:?}, {name}: {error}");
            }
        }
    }
}

#[test]
fn weights_move_alike_with_dropout() {
    let situation = situation(Convention::Keras, 2);
    let randomness = StepRandomness { samples: (0..4).map(SeedStream::new).collect() };
    let trained = |layers| -> Weights {
        let (features, mut trainer) = situation.trainer("block_13_depthwise", layers);
        for _ in 0..3 {
            trainer.step(features.clone(), &randomness, &mut situation.objective(), RATE).unwrap();
        }
        trainer.weights()
    };
    let expected = trained(Layers::Native);
    let moved = |name: &str, tensor: &Tensor| {
        distance(tensor.values(), situation.weights.get(name).values())
    };
    assert!(expected.iter().any(|(name, tensor)| moved(name, tensor) > RATE));
    for &layers in &DEFINITIONS[1..] {
        for (name, tensor) in trained(layers).iter() {
            let error = distance(tensor.values(), expected.get(name).values());
            // Adam turns a gradient of rounding errors into a whole step, in either direction.
            let bound = 0.02 * moved(name, expected.get(name)) + 1e-6;
            assert!(error <= bound, "{layers:?}, {name}: {error} of {bound}");
        }
    }
}
