//! Agreement with Keras: activations, gradients and weights against what Keras 3.15 computed from
//! real ImageNet weights and real photographs.
//!
//! The files are not part of the project. `ALPACA_REFERENCE` names the folder that holds
//! `reference/` and `weights/`; without it these tests say that they are skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alpaca_random::SeedStream;
use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::engine::{FeatureExtractor, StepRandomness, Trainer};
use alpaca_run::model::architecture;
use alpaca_run::model::cut::{self, Cut};
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::model::weights::import::WeightsFile;
use alpaca_run::spec::{
    AdamSpec, Architecture, Convention, FreezeSpec, OptimizerSpec, Preprocessing,
};
use alpaca_run::train::objective;

use crate::precision::error_of_bytes;
use crate::support::network::mobilenet_v2;

/// The folder of reference files; `None`, said aloud, where there is none.
pub fn reference() -> Option<PathBuf> {
    let folder = std::env::var_os("ALPACA_REFERENCE").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: no reference files (ALPACA_REFERENCE is not set)");
    }
    folder
}

/// All tensors of a safetensors file; bytes become values from 0 to 255.
pub fn tensors(path: &Path) -> BTreeMap<String, Tensor> {
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let values = match view.dtype() {
            safetensors::Dtype::U8 => view.data().iter().map(|&byte| f32::from(byte)).collect(),
            _ => view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect(),
        };
        (name, Tensor::new(view.shape(), values))
    };
    file.tensors().into_iter().map(tensor).collect()
}

/// The situation of the reference: the network with its weights, and the eight photographs.
struct Situation {
    network: Network,
    weights: Weights,
    batch: Batch,
    labels: Vec<usize>,
    expected: BTreeMap<String, Tensor>,
}

fn situation() -> Option<Situation> {
    let folder = reference()?;
    let network = mobilenet_v2(Convention::Keras, 0.35, 160, 2, 0.0);
    let path = folder.join("weights/mobilenet_v2_0.35_imagenet_no_top.safetensors");
    let file = WeightsFile::open(&path).unwrap();
    let mut weights = file.weights(Architecture::MobilenetV2, &network.base_parameters()).unwrap();
    let expected = tensors(&folder.join("reference/keras_0.35_160.safetensors"));
    weights.insert("head/kernel", expected["head/kernel"].clone());
    weights.insert("head/bias", Tensor::zeros(&[1]));
    let mut images = expected["pixels_u8"].clone();
    Preprocessing::MinusOneToOne.apply(images.values_mut());
    let labels = expected["labels"].values().iter().map(|&label| label as usize).collect();
    let batch = Batch { images, samples: (0..8).collect() };
    Some(Situation { network, weights, batch, labels, expected })
}

pub fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

pub fn farthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |farthest, (a, b)| farthest.max((a - b).abs()))
}

#[test]
fn the_layers_are_those_of_keras() {
    let Some(folder) = reference() else { return };
    for (width, file) in [(0.35, "keras_layers_0.35_160.json"), (1.0, "keras_layers_1.0_160.json")]
    {
        let text = std::fs::read_to_string(folder.join("reference").join(file)).unwrap();
        let layers: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let size = [160, 160];
        let graph = architecture::build(Architecture::MobilenetV2, Convention::Keras, width, size);
        assert_eq!(graph.layers().len(), layers.len());
        for (idx, (ours, theirs)) in graph.layers().iter().zip(&layers).enumerate() {
            // Keras numbers the inputs of a session.
            assert!(idx == 0 || ours.name == theirs["name"], "{} is {}", ours.name, theirs["name"]);
            assert_eq!(ours.kind.keras_class(), theirs["class"], "{}", ours.name);
            assert_eq!(serde_json::json!(ours.shape), theirs["output_shape"], "{}", ours.name);
            let n_values: usize = graph
                .parameters_of(idx)
                .iter()
                .map(alpaca_run::model::graph::Parameter::n_values)
                .sum();
            assert_eq!(n_values, theirs["params"], "{}", ours.name);
        }
    }
}

#[test]
fn activations_at_seven_depths_agree_with_keras() {
    let Some(Situation { network, weights, batch, expected, .. }) = situation() else { return };
    let depths: Vec<&str> =
        expected.keys().filter_map(|name| name.strip_prefix("activation/")).collect();
    assert_eq!(depths.len(), 7);
    for layer in depths {
        let idx = network.graph.find(layer).unwrap();
        let at = network.units.iter().position(|unit| unit.layers.contains(&idx)).unwrap() + 1;
        let cut = cut::before_unit(&network.units, at);
        let extractor = NativeExtractor::new(&network, &cut, &weights).unwrap();
        let features = extractor.extract(&batch).unwrap();
        let position = cut
            .boundary
            .iter()
            .position(|value| *value == alpaca_run::model::fuse::Value::Unit(at - 1))
            .unwrap();
        let error = farthest(
            features.values[position].values(),
            expected[&format!("activation/{layer}")].values(),
        );
        println!("activation/{layer}: largest difference {error:.1e}");
        assert!(error < 1e-3, "{layer}: {error}");
    }
}

#[test]
fn features_of_bytes_are_close_on_photographs() {
    let Some(Situation { network, weights, batch, .. }) = situation() else { return };
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    let error = error_of_bytes(&network, &cut, &weights, &batch);
    println!("features of bytes: {error:.1e}");
    assert!(error < 0.15, "{error}");
}

#[test]
fn pooled_features_and_logits_agree_with_keras() {
    let Some(Situation { network, weights, batch, expected, .. }) = situation() else { return };
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    let features = NativeExtractor::new(&network, &cut, &weights).unwrap().extract(&batch).unwrap();
    let error = farthest(features.values[0].values(), expected["pooled"].values());
    println!("pooled: largest difference {error:.1e}");
    assert!(error < 1e-3);
    for layers in [Layers::Native, Layers::Ordinary] {
        let mut trainer = AutodiffTrainer::new(&network, &cut, &weights, &[], &options(layers));
        let logits = trainer.predict(features.clone()).unwrap();
        let error = farthest(logits.values(), expected["logits"].values());
        println!("logits, {layers:?}: largest difference {error:.1e}");
        assert!(error < 1e-3);
    }
}

pub fn options(layers: Layers) -> TrainerOptions {
    let adam = AdamSpec { learning_rate: 1e-4, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };
    TrainerOptions {
        optimizer: OptimizerSpec::Adam(adam),
        micro_batches: 16,
        ..TrainerOptions::asking(layers)
    }
}

/// The frozen part's features and a trainer of the rest, for a freeze rule.
fn fine_tuning(
    situation: &Situation,
    freeze: &FreezeSpec,
    layers: Layers,
) -> (Cut, AutodiffTrainer) {
    let Situation { network, weights, .. } = situation;
    let first = network.first_trainable(freeze);
    let cut = network.cut(first);
    let names: Vec<String> =
        network.trainable_parameters(first).into_iter().map(|p| p.name).collect();
    let trainer = AutodiffTrainer::new(network, &cut, weights, &names, &options(layers));
    (cut, trainer)
}

#[test]
fn gradients_losses_and_three_adam_steps_agree_with_keras() {
    check_training(Layers::Native);
}

#[test]
fn the_same_in_ordinary_tensor_operations() {
    check_training(Layers::Ordinary);
}

#[cfg(feature = "libtorch")]
#[test]
fn the_same_on_libtorch() {
    check_training(Layers::Libtorch);
}

fn check_training(layers: Layers) {
    let Some(situation) = situation() else { return };
    let freeze = FreezeSpec::Before { layer: "block_13_depthwise".to_owned() };
    let (cut, mut trainer) = fine_tuning(&situation, &freeze, layers);
    let Situation { network, weights, batch, labels, expected } = &situation;
    let features = NativeExtractor::new(network, &cut, weights).unwrap().extract(batch).unwrap();
    let mut losses = vec![];
    let mut objective = |logits: &Tensor| {
        let outcome = objective::evaluate(logits, labels, 0.0);
        losses.push(outcome.loss as f32);
        outcome.slope
    };
    let gradients = trainer.gradients(features.clone(), None, &mut objective).unwrap();
    let wanted: Vec<&String> = expected.keys().filter(|name| name.starts_with("grad/")).collect();
    assert_eq!(wanted.len(), gradients.len());
    let mut worst = 0.0f32;
    for name in wanted {
        let theirs = expected[name].values();
        let ours = &gradients[name.strip_prefix("grad/").unwrap()];
        let error = farthest(ours, theirs) / largest(theirs);
        worst = worst.max(error);
        assert!(error < 1e-3, "{name}: {error}");
    }
    println!("{} gradients: largest difference {worst:.1e} of the largest entry", gradients.len());
    let randomness = StepRandomness { samples: vec![SeedStream::new(0); 8] };
    for _ in 0..3 {
        trainer.step(features.clone(), &randomness, &mut objective, 1e-4).unwrap();
    }
    let error = farthest(&losses[1..], expected["losses"].values());
    println!("losses {:?}: largest difference {error:.1e}", &losses[1..]);
    assert!(error < 1e-4);
    let mut worst = 0.0f32;
    let trained = trainer.weights();
    for (name, ours) in trained.iter().filter(|(name, _)| gradients.contains_key(*name)) {
        let error = farthest(ours.values(), expected[&format!("after3/{name}")].values());
        worst = worst.max(error);
        assert!(error < 1e-5, "{name}: {error}");
    }
    println!("weights after three Adam steps: largest difference {worst:.1e}");
}

#[test]
fn the_cut_does_not_change_the_logits() {
    let Some(situation) = situation() else { return };
    let cuts =
        ["Conv1", "block_1_depthwise_BN", "block_5_depthwise", "block_14_depthwise", "Conv_1_bn"];
    for (freeze, layers) in
        cuts.iter().flat_map(|layer| [(layer, Layers::Native), (layer, Layers::Ordinary)])
    {
        let freeze = FreezeSpec::Before { layer: (*freeze).to_owned() };
        let (cut, mut trainer) = fine_tuning(&situation, &freeze, layers);
        let Situation { network, weights, batch, expected, .. } = &situation;
        let features =
            NativeExtractor::new(network, &cut, weights).unwrap().extract(batch).unwrap();
        let logits = trainer.predict(features).unwrap();
        let error = farthest(logits.values(), expected["logits"].values());
        assert!(error < 1e-3, "{freeze:?}, {layers:?}: {error}");
    }
}

/// Gradients of the whole network, frozen normalisations included, by both definitions of its
/// layers. Of its millions of activations some lie so near to a bound of their `ReLU6` that the two
/// put them on different sides, which a gradient summed over thousands of pixels notices a little.
#[test]
fn both_definitions_give_the_same_gradients_of_the_whole_network() {
    let Some(situation) = situation() else { return };
    let Situation { network, weights, batch, labels, .. } = &situation;
    let [native, ordinary] = [Layers::Native, Layers::Ordinary].map(|layers| {
        let (cut, mut trainer) = fine_tuning(&situation, &FreezeSpec::None, layers);
        let features =
            NativeExtractor::new(network, &cut, weights).unwrap().extract(batch).unwrap();
        let mut objective = |logits: &Tensor| objective::evaluate(logits, labels, 0.0).slope;
        trainer.gradients(features, None, &mut objective).unwrap()
    });
    assert_eq!(native.len(), ordinary.len());
    let mut worst = 0.0f64;
    for ((name, ours), theirs) in native.iter().zip(ordinary.values()) {
        let difference: Vec<f32> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        let error = length(&difference) / length(theirs);
        worst = worst.max(error);
        assert!(error < 1e-2, "{name}: {error}");
    }
    println!("{} gradients: largest difference {worst:.1e} of their length", native.len());
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}
