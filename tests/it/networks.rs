//! Networks that can be named: agreement with timm, torchvision and Keras.
//!
//! `data/networks/write.py` and `write_keras.py` write what the libraries compute with weights that a formula makes from
//! the names of their tensors. The same formula makes files of these weights here, so that the names,
//! shapes and conventions of the libraries are tested with the arithmetic.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::autodiff::{AutodiffTrainer, Layers};
use alpaca_run::engine::inference::Inference;
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::engine::{FeatureExtractor, Features};
use alpaca_run::model::graph::Parameter;
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::model::weights::import::{Layout, WeightsFile};
use alpaca_run::spec::Architecture as A;
use alpaca_run::spec::{
    Architecture, BaseModel, FreezeSpec, HeadSpec, ImageSize, Initializer, ModelSpec, Pooling,
    Precision, TopSpec, WeightsSpec,
};
use alpaca_run::train::objective;

use crate::reference::{farthest, largest, options, tensors};
use crate::support::pictures::Workshop;
use crate::support::program::alpaca_run;
use crate::support::runs::{FAMILIES, TWO_KINDS, run};

const SIDE: usize = 64;

/// The network of each case of the script, with its width.
#[rustfmt::skip]
const CASES: &[(&str, Architecture, Option<f64>)] = &[
    ("mobilenetv1_100.ra4_e3600_r224_in1k", A::MobilenetV1, Some(1.0)),
    ("mobilenetv1_125.ra4_e3600_r224_in1k", A::MobilenetV1, Some(1.25)),
    ("mobilenetv2_050.lamb_in1k", A::MobilenetV2, Some(0.5)),
    ("mobilenetv4_conv_small.e2400_r224_in1k", A::MobilenetV4ConvSmall, None),
    ("mobilenetv4_conv_small_050.e3000_r224_in1k", A::MobilenetV4ConvSmall050, None),
    ("mobilenetv4_conv_medium.e500_r256_in1k", A::MobilenetV4ConvMedium, None),
    ("efficientnet_lite0.ra_in1k", A::EfficientnetLite0, None),
    ("tf_efficientnet_lite2.in1k", A::EfficientnetLite2, None),
    ("resnet18.a1_in1k", A::Resnet18, None),
    ("resnet34.ra4_e3600_r224_in1k", A::Resnet34, None),
    ("resnet50-11ad3fa6", A::Resnet50, None),
    ("mobilenetv3_small_100.lamb_in1k", A::MobilenetV3Small, Some(1.0)),
    ("mobilenetv3_large_100.ra4_e3600_r224_in1k", A::MobilenetV3Large, Some(1.0)),
    ("tf_mobilenetv3_large_075.in1k", A::MobilenetV3Large, Some(0.75)),
    ("mobilenet_v3_large-5c1a4163", A::MobilenetV3Large, Some(1.0)),
    ("efficientnet_b0.ra4_e3600_r224_in1k", A::EfficientnetB0, None),
    ("tf_efficientnet_b0.in1k", A::EfficientnetB0, None),
    ("efficientnet_b0_rwightman-7f5810bc", A::EfficientnetB0, None),
    ("keras_mobilenet_025", A::MobilenetV1, Some(0.25)),
    ("keras_mobilenet_10", A::MobilenetV1, Some(1.0)),
    ("keras_resnet50", A::Resnet50, None),
    ("keras_efficientnetb0", A::EfficientnetB0, None),
    ("keras_mobilenetv3small_10", A::MobilenetV3Small, Some(1.0)),
    ("keras_mobilenetv3large_075", A::MobilenetV3Large, Some(0.75)),
    ("keras_mobilenetv3small_075_notop", A::MobilenetV3Small, Some(0.75)),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/networks")
}

/// `n` numbers from 0 to 1 for a tensor.
fn numbers(name: &str, n: usize) -> impl Iterator<Item = f64> {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (0..n as u32).map(move |i| {
        let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(hash);
        x ^= x >> 16;
        x = x.wrapping_mul(0x7feb_352d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        f64::from(x) / 4_294_967_296.0
    })
}

/// The values of a tensor of a library.
fn fill(name: &str, shape: &[usize]) -> Tensor {
    let is_of_keras = name.starts_with("model_weights/");
    if let Some((_, statistic)) = name.split_once("/normalization/normalization/") {
        return standardization(statistic);
    }
    let u = numbers(name, shape.iter().product());
    let values: Vec<f32> = if shape.len() > 1 {
        let fan_in: usize = match *shape {
            [h, w, .., 1] if is_of_keras => h * w,
            [.., _] if is_of_keras => shape[..shape.len() - 1].iter().product(),
            _ => shape[1..].iter().product(),
        };
        let limit = (3.0 / fan_in as f64).sqrt();
        u.map(|u| ((2.0 * u - 1.0) * limit) as f32).collect()
    } else if ["running_var", "weight", "moving_variance", "gamma"]
        .iter()
        .any(|s| name.ends_with(s))
    {
        u.map(|u| (0.5 + u) as f32).collect()
    } else {
        u.map(|u| ((2.0 * u - 1.0) * 0.2) as f32).collect()
    };
    Tensor::new(shape, values)
}

/// The numbers of Keras's published weights of EfficientNet-B0 in the layer that standardizes images.
fn standardization(statistic: &str) -> Tensor {
    match statistic {
        "mean" => Tensor::new(&[3], vec![0.485, 0.456, 0.406]),
        "variance" => Tensor::new(&[3], vec![0.229, 0.224, 0.225]),
        _ => Tensor::new(&[], vec![0.0]),
    }
}

/// The tensors of a case under the library's names.
pub fn tensors_of(case: &str) -> Vec<(String, Tensor)> {
    let list = std::fs::read_to_string(folder().join(format!("{case}.txt"))).unwrap();
    list.lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            let shape: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
            (name.to_owned(), fill(name, &shape))
        })
        .collect()
}

/// Writes tensors under the library's names.
pub fn write(tensors: &[(String, Tensor)], path: &Path) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, tensor)| tensor.values().iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let kind = safetensors::Dtype::F32;
        let shape = tensor.shape().to_vec();
        (name, safetensors::tensor::TensorView::new(kind, shape, bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A file of a case's weights under the library's names.
fn file(case: &str, to: &Path) -> WeightsFile {
    let path = to.join(format!("{case}.safetensors"));
    write(&tensors_of(case), &path);
    WeightsFile::open(&path).unwrap()
}

/// The network of a file, for images of [`SIDE`] pixels.
pub fn network(
    file: &WeightsFile,
    architecture: Architecture,
    width: Option<f64>,
    n_classes: usize,
) -> Network {
    let spec = ModelSpec {
        base: BaseModel::Named(architecture),
        width,
        weights: WeightsSpec::Random(Initializer::HeUniform),
        top: TopSpec::New,
        head: HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout: 0.0 },
        precision: Precision::F32,
    };
    let size = ImageSize { height: SIDE, width: SIDE };
    let convention = file.convention(architecture, width.unwrap_or(1.0)).unwrap();
    Network::build(&spec, convention, size, n_classes).unwrap()
}

/// Two images for a network.
pub fn images(network: &Network, seed: &Tensor) -> Batch {
    let name = format!("pixels {}", seed.values()[0]);
    let pixels = numbers(&name, 2 * SIDE * SIDE * 3).map(|u| (u * 256.0).floor() as f32);
    let mut images = Tensor::new(&[2, SIDE, SIDE, 3], pixels.collect());
    network.preprocessing.apply(images.values_mut());
    Batch { images, samples: vec![0, 1] }
}

/// The values of each image at the beginning of each row.
fn begin(tensor: &Tensor, n: usize) -> Vec<f32> {
    let n_columns = tensor.shape()[1];
    tensor.values().chunks_exact(n_columns).flat_map(|row| row[..n].to_vec()).collect()
}

/// Compares relative to the largest value.
pub fn compare(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    let error = farthest(ours, theirs) / largest(theirs);
    println!("{what}: {error:.1e}");
    assert!(error < tolerance, "{what}: {error}");
}

#[test]
fn features_and_logits_agree_with_the_libraries() {
    let temporary = tempfile::tempdir().unwrap();
    for &(case, architecture, width) in CASES {
        let file = file(case, temporary.path());
        let expected = tensors(&folder().join(format!("{case}.safetensors")));
        let network = network(&file, architecture, width, 1000);
        let mut weights = file.weights(architecture, &network.base_parameters()).unwrap();
        let classes: Vec<usize> = (0..1000).collect();
        if expected.contains_key("logits") {
            weights.extend(file.classifier().unwrap().head_for(&classes));
        }
        let batch = images(&network, &expected["seed"]);
        let cut = network.cut(network.first_trainable(&FreezeSpec::All));
        let features = NativeExtractor::new(&network, &cut, &weights).unwrap();
        let features = features.extract(&batch).unwrap().values.pop().unwrap();
        let theirs = &expected["features"];
        let n = theirs.shape()[1];
        compare(&format!("{case}: features"), &begin(&features, n), theirs.values(), 1e-4);
        let Some(theirs) = expected.get("logits") else { continue };
        let logits = Inference::new(&network, &weights).unwrap().logits(&batch).unwrap();
        let n = theirs.shape()[1];
        compare(&format!("{case}: logits"), &begin(&logits, n), theirs.values(), 1e-4);
    }
}

/// A head of one output.
fn head(n_features: usize) -> Weights {
    let scale = 1.0 / (n_features as f64).sqrt();
    let kernel = numbers("head", n_features).map(|u| ((2.0 * u - 1.0) * scale) as f32);
    [
        ("head/kernel".to_owned(), Tensor::new(&[n_features, 1], kernel.collect())),
        ("head/bias".to_owned(), Tensor::zeros(&[1])),
    ]
    .into_iter()
    .collect()
}

/// The values of a gradient that the script keeps, in the library's order.
fn kept(ours: &[f32], parameter: &Parameter, layout: Layout) -> Vec<f32> {
    // Where each value of the library is here.
    let shape = layout.of_keras(&parameter.shape);
    let theirs: Vec<f32> = (0..ours.len()).map(|i| i as f32).collect();
    let here = layout.to_keras(theirs, &shape);
    let mut turned = vec![0.0; ours.len()];
    for (at, value) in here.iter().zip(ours) {
        turned[*at as usize] = *value;
    }
    let step = (turned.len() / 5).max(1);
    let mut kept = vec![largest(&turned)];
    kept.extend(turned.iter().step_by(step).take(5));
    kept
}

#[test]
fn gradients_agree_with_the_libraries() {
    let temporary = tempfile::tempdir().unwrap();
    for &(case, architecture, width) in CASES {
        let file = file(case, temporary.path());
        let expected = tensors(&folder().join(format!("{case}.safetensors")));
        let network = network(&file, architecture, width, 2);
        let mut weights = file.weights(architecture, &network.base_parameters()).unwrap();
        let n_features = network.graph.layers().last().map(|head| head.inputs[0]).unwrap();
        weights.extend(head(network.graph.layers()[n_features].shape[0]));
        let batch = images(&network, &expected["seed"]);
        for layers in [Layers::Native, Layers::Ordinary] {
            let gradients = gradients(&network, &weights, &batch, layers, &expected["loss"]);
            let parameters = network.trainable_parameters(0);
            let in_base = parameters.iter().filter(|p| !p.name.starts_with("head/"));
            let in_base: Vec<Parameter> = in_base.cloned().collect();
            let mut worst = (0.0f32, String::new());
            for (parameter, (name, layout)) in
                in_base.iter().zip(file.places(architecture, &in_base))
            {
                let theirs = expected[&format!("gradient/{name}")].values();
                let ours = kept(&gradients[&parameter.name], parameter, layout);
                // The first value is the largest of all.
                let error = farthest(&ours, theirs) / theirs[0];
                if error > worst.0 {
                    worst = (error, name);
                }
            }
            println!("{case}, {layers:?}: {:.1e} ({})", worst.0, worst.1);
            assert!(worst.0 < 1e-3, "{case}, {layers:?}: {worst:?}");
        }
    }
}

/// The gradients of a network's parameters.
fn gradients(
    network: &Network,
    weights: &Weights,
    batch: &Batch,
    layers: Layers,
    expected_loss: &Tensor,
) -> BTreeMap<String, Vec<f32>> {
    let cut = network.cut(0);
    let trained = network.trainable_parameters(0);
    let names: Vec<String> = trained.iter().map(|p| p.name.clone()).collect();
    let mut trainer = AutodiffTrainer::new(network, &cut, weights, &names, &options(layers));
    let mut loss = 0.0;
    let mut objective = |logits: &Tensor| {
        let outcome = objective::evaluate(logits, &[0, 1], 0.0);
        loss = outcome.loss as f32;
        outcome.slope
    };
    let features = Features { values: vec![batch.images.clone()] };
    let gradients = trainer.gradients(features, None, &mut objective).unwrap();
    let error = (loss - expected_loss.values()[0]).abs();
    assert!(error < 1e-3 * loss.max(1.0), "{layers:?}: loss {loss}, difference {error:.1e}");
    gradients
}

#[test]
fn a_report_names_the_method_of_its_maps() {
    for (base, method) in [
        ("resnet18", "(Zhou et al. 2016)"),
        ("mobilenet_v3_small", "(Grad-CAM, Selvaraju et al. 2017)"),
    ] {
        let workshop = Workshop::new(TWO_KINDS, 2);
        let base = format!("model.base={base}");
        let said = run(&workshop, &["-S", &base, "-S", "dataset.image_size=64", "-S", "name=maps"]);
        assert_eq!(said.code, Some(0), "{base}: {}", said.err);
        let page = std::fs::read_to_string(workshop.path("runs/maps/report.html")).unwrap();
        assert!(page.contains(&format!("class activation map {method}")), "{base}");
    }
}

#[test]
fn runs_of_every_family_do_not_depend_on_threads_and_are_exported() {
    for base in FAMILIES {
        let workshop = Workshop::new(TWO_KINDS, 2);
        let base = format!("model.base={base}");
        for threads in ["1", "3"] {
            let name = format!("name=with_{threads}");
            let said = run(&workshop, &["-S", &base, "-S", &name, "--threads", threads]);
            assert_eq!(said.code, Some(0), "{base}: {}", said.err);
        }
        let weights = |threads: &str| {
            let run = workshop.path(&format!("runs/with_{threads}"));
            std::fs::read(run.join("weights/best.safetensors")).unwrap()
        };
        assert!(weights("1") == weights("3"), "{base}");
        answers_like_its_run(&workshop, &base);
    }
}

/// Exports a run, and compares its probabilities with those of the file.
fn answers_like_its_run(workshop: &Workshop, base: &str) {
    let (run, file) = (workshop.text("runs/with_1"), workshop.text("whole.onnx"));
    let said = alpaca_run(&["export", &run, "-o", &file, "--no-cache"]);
    assert_eq!(said.code, Some(0), "{base}: {}", said.err);
    let pictures = workshop.text("pictures");
    let [of_run, of_file] =
        [&run, &file].map(|model| alpaca_run(&["predict", model, "--csv", &pictures]).out);
    assert!(of_run.lines().count() > 10, "{of_run}");
    for (ours, theirs) in of_run.lines().zip(of_file.lines()).skip(1) {
        for (ours, theirs) in ours.split(',').zip(theirs.split(',')) {
            let numbers = (ours.parse::<f64>(), theirs.parse::<f64>());
            match numbers {
                (Ok(ours), Ok(theirs)) => {
                    assert!((ours - theirs).abs() < 1e-4, "{base}: {ours} and {theirs}");
                }
                _ => assert_eq!(ours, theirs, "{base}"),
            }
        }
    }
}
