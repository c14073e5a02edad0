//! EfficientNet-Lite0: agreement with PyTorch on real weights and photographs, and files of its
//! weights.
//!
//! The reference files are not part of the project (see `reference.rs`). The weights that PyTorch
//! used are those of a Python package, which `ALPACA_LITE0` names; the built-in ones are the same in
//! half precision.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::FeatureExtractor;
use alpaca_run::engine::autodiff::{AutodiffTrainer, Layers};
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::model::cut;
use alpaca_run::model::fuse::Value;
use alpaca_run::model::graph::Role;
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::model::weights::import::{Layout, Naming, WeightsFile};
use alpaca_run::spec::{Architecture, Convention, FreezeSpec};
use alpaca_run::train::objective;

use crate::precision::error_of_bytes;
use crate::reference::{farthest, largest, options, reference, tensors};
use crate::support::network::named;

const LITE0: Architecture = Architecture::EfficientnetLite0;

/// The network with weights, the photographs, and what PyTorch computes from them.
struct Situation {
    network: Network,
    weights: Weights,
    batch: Batch,
    expected: BTreeMap<String, Tensor>,
    /// How far numbers may be off: weights in half precision are not those of PyTorch.
    tolerance: f32,
}

fn situation() -> Option<Situation> {
    let folder = reference()?;
    let (file, tolerance) = if let Some(path) = std::env::var_os("ALPACA_LITE0") {
        (WeightsFile::open(&PathBuf::from(path)).unwrap(), 1e-3)
    } else {
        println!("with the built-in weights, in half precision (ALPACA_LITE0 is not set)");
        (WeightsFile::builtin(LITE0).unwrap(), 0.1)
    };
    let convention = file.convention(LITE0, 1.0).unwrap();
    assert_eq!(convention, Convention::EfficientnetLite);
    let network = named(LITE0, convention, 224, 2);
    let mut weights = file.weights(LITE0, &network.base_parameters()).unwrap();
    let expected = tensors(&folder.join("reference/efficientnet_lite0_224.safetensors"));
    weights.insert("head/kernel", expected["head/kernel"].clone());
    weights.insert("head/bias", Tensor::zeros(&[1]));
    let mut images = expected["pixels_u8"].clone();
    network.preprocessing.apply(images.values_mut());
    let batch = Batch { images, samples: (0..8).collect() };
    Some(Situation { network, weights, batch, expected, tolerance })
}

/// The layer that has a number of PyTorch's blocks, which it counts from the first to the last.
fn end_of_block(network: &Network, block: usize) -> usize {
    network.graph.blocks()[block].end - 1
}

#[test]
fn activations_and_features_agree_with_pytorch() {
    let Some(Situation { network, weights, batch, expected, tolerance }) = situation() else {
        return;
    };
    let last = network.graph.find("bn2.act").unwrap();
    let blocks = [0, 3, 7, 11, 15]
        .map(|block| (format!("activation/block_{block}"), end_of_block(&network, block)));
    for (name, layer) in blocks.into_iter().chain([("features".to_owned(), last)]) {
        let at = network.units.iter().position(|unit| unit.layers.contains(&layer)).unwrap() + 1;
        let cut = cut::before_unit(&network.units, at);
        let extractor = NativeExtractor::new(&network, &cut, &weights).unwrap();
        let features = extractor.extract(&batch).unwrap();
        let value = Value::Unit(at - 1);
        let position = cut.boundary.iter().position(|found| *found == value).unwrap();
        // The file has the activations of blocks for the first images only.
        let theirs = expected[&name].values();
        let ours = &features.values[position].values()[..theirs.len()];
        let error = farthest(ours, theirs) / largest(theirs).max(1.0);
        println!("{name}: largest difference {error:.1e}");
        assert!(error < tolerance, "{name}: {error}");
    }
}

#[test]
fn features_of_bytes_are_close_on_photographs() {
    let Some(Situation { network, weights, batch, .. }) = situation() else { return };
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    let error = error_of_bytes(&network, &cut, &weights, &batch);
    println!("features of bytes: {error:.1e}");
    assert!(error < 0.1, "{error}");
}

#[test]
fn loss_and_gradients_agree_with_pytorch() {
    let Some(Situation { network, weights, batch, expected, tolerance }) = situation() else {
        return;
    };
    let first = network.first_trainable(&FreezeSpec::None);
    let cut = network.cut(first);
    let trained = network.trainable_parameters(first);
    let names: Vec<String> = trained.iter().map(|p| p.name.clone()).collect();
    let extractor = NativeExtractor::new(&network, &cut, &weights).unwrap();
    let features = extractor.extract(&batch).unwrap();
    for layers in [Layers::Native, Layers::Ordinary] {
        let mut trainer = AutodiffTrainer::new(&network, &cut, &weights, &names, &options(layers));
        let mut loss = 0.0;
        let mut objective = |logits: &Tensor| {
            let outcome = objective::evaluate(logits, &[0, 0, 0, 0, 1, 1, 1, 1], 0.0);
            loss = outcome.loss as f32;
            outcome.slope
        };
        let gradients = trainer.gradients(features.clone(), None, &mut objective).unwrap();
        let error = (loss - expected["loss"].values()[0]).abs();
        println!("{layers:?}: loss {loss}, difference {error:.1e}");
        assert!(error < tolerance, "{error}");
        let mut worst = 0.0f32;
        for (name, theirs) in expected.iter().filter(|(name, _)| name.starts_with("grad/")) {
            let parameter = trained.iter().find(|p| in_pytorch(&network, &p.name) == *name);
            let parameter = parameter.unwrap_or_else(|| panic!("no parameter is {name}"));
            let layout = match parameter.role {
                Role::Kernel if theirs.shape().len() == 4 => Layout::Convolution,
                Role::DepthwiseKernel => Layout::Depthwise,
                _ => Layout::Keras,
            };
            let theirs = layout.to_keras(theirs.values().to_vec(), theirs.shape());
            let ours = &gradients[&parameter.name];
            worst = worst.max(farthest(ours, &theirs) / largest(&theirs));
            let off = channels_off(ours, &theirs, parameter.shape[parameter.shape.len() - 1]);
            // What changes the gradient of one channel changes a little all that lead to it.
            let allowed = if layers == Layers::Ordinary {
                0
            } else if name.contains("stem") {
                usize::MAX
            } else {
                1
            };
            let is_half = tolerance > 1e-3;
            assert!(off <= allowed || is_half, "{layers:?}, {name}: {off} channels are off");
        }
        println!("{layers:?}: largest difference of gradients {worst:.1e}");
        assert!(worst < tolerance.max(0.02), "{worst}");
    }
}

/// The number of channels with a gradient that is off by more than a thousandth of the largest. Of
/// millions of activations one or another is so near to a bound of its `ReLU6` that folding the
/// normalization into the weights, as our own layers do, puts it on the other side. That changes the
/// gradient of its channel, where few pixels have one, and no other.
fn channels_off(ours: &[f32], theirs: &[f32], n_channels: usize) -> usize {
    let bound = largest(theirs) * 1e-3;
    let is_off = |at: &usize| (ours[*at] - theirs[*at]).abs() > bound;
    let mut off: Vec<usize> = (0..ours.len()).filter(is_off).map(|at| at % n_channels).collect();
    off.sort_unstable();
    off.dedup();
    off.len()
}

/// The name that the reference file has for the gradient of a parameter.
fn in_pytorch(network: &Network, name: &str) -> String {
    let (layer, role) = name.rsplit_once('/').unwrap();
    let role = match role {
        "beta" | "bias" => "bias",
        _ => "weight",
    };
    let idx = network.graph.find(layer).unwrap();
    let block = network.graph.blocks().iter().position(|block| block.contains(&idx));
    let first = block == Some(0);
    let layer = match (block, layer.rsplit('.').next().unwrap()) {
        (None, "conv_stem") => "_conv_stem",
        (None, "bn1") => "_bn0",
        (None, "conv_head") => "_conv_head",
        (None, "bn2") => "_bn1",
        (Some(_), "conv_dw") => "_depthwise_conv",
        (Some(_), "conv_pwl") => "_project_conv",
        (Some(_), "conv_pw") => {
            if first {
                "_project_conv"
            } else {
                "_expand_conv"
            }
        }
        (Some(_), "bn1") => {
            if first {
                "_bn1"
            } else {
                "_bn0"
            }
        }
        (Some(_), "bn2") => {
            if first {
                "_bn2"
            } else {
                "_bn1"
            }
        }
        (Some(_), "bn3") => "_bn2",
        (_, other) => other,
    };
    match block {
        Some(block) => format!("grad/_blocks.{block}.{layer}.{role}"),
        None if layer == "head" => format!("grad/head.{role}"),
        None => format!("grad/{layer}.{role}"),
    }
}

#[test]
fn the_classifier_of_the_package_says_what_pytorch_says() {
    let Some(Situation { expected, tolerance, .. }) = situation() else { return };
    let Some(path) = std::env::var_os("ALPACA_LITE0").map(PathBuf::from) else {
        println!("skipped: no classifier (ALPACA_LITE0 is not set)");
        return;
    };
    let file = WeightsFile::open(&path).unwrap();
    assert_eq!(file.naming(), Naming::EfficientnetPytorch);
    let head = file.classifier().unwrap().head_for(&(0..1000).collect::<Vec<_>>());
    let (kernel, bias) = (head.get("head/kernel").values(), head.get("head/bias").values());
    for (features, theirs) in expected["pooled"].rows().zip(expected["imagenet_logits"].rows()) {
        let ours: Vec<f32> = (0..1000)
            .map(|class| {
                let products = features.iter().enumerate();
                bias[class] + products.map(|(i, x)| x * kernel[i * 1000 + class]).sum::<f32>()
            })
            .collect();
        assert!(farthest(&ours, theirs) < tolerance);
    }
}
