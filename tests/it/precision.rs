//! `precision: bf16` and `precision: int8`: against single precision, and in whole runs.

use std::collections::BTreeMap;

use alpaca_kernels::{Activation, Precision};
use alpaca_random::SeedStream;
use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::FeatureExtractor;
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::model::cut::{self, Cut};
use alpaca_run::model::fuse::{UnitKind, Value};
use alpaca_run::model::graph::Role;
use alpaca_run::model::initial;
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::spec::{Architecture, Convention, FreezeSpec, Initializer};

use crate::support::network::named;
use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done};
use crate::support::runs::{
    FAMILIES, ONE_STAGE, TWO_KINDS, TWO_STAGES, assert_same_on_any_threads, run,
};

const SIDE: usize = 64;

/// How far two lists of numbers are apart: the norm of their difference, relative to that of the second.
pub fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let norm = |values: &mut dyn Iterator<Item = f32>| {
        values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    };
    let differences = ours.iter().zip(theirs).map(|(a, b)| a - b);
    norm(&mut { differences }) / norm(&mut theirs.iter().copied())
}

fn of_name(name: &str) -> Architecture {
    Architecture::ALL.into_iter().find(|architecture| architecture.name() == name).unwrap()
}

/// A network of each family with random weights, and a batch of noise.
fn networks() -> impl Iterator<Item = (&'static str, Network, Weights, Batch)> {
    [("mobilenet_v2", Architecture::MobilenetV2)]
        .into_iter()
        .chain(FAMILIES.into_iter().map(|name| (name, of_name(name))))
        .map(|(name, architecture)| {
            let network = named(architecture, Convention::Keras, SIDE, 2);
            let stream = SeedStream::new(5);
            let parameters = network.graph.parameters();
            let weights =
                initial::initialise(&network, &parameters, Initializer::HeUniform, stream);
            let generator = &mut stream.child("pixels").generator();
            let pixels = (0..2 * SIDE * SIDE * 3).map(|_| generator.between(-1.0, 1.0)).collect();
            let images = Tensor::new(&[2, SIDE, SIDE, 3], pixels);
            (name, network, weights, Batch { images, samples: vec![0, 1] })
        })
}

/// The same network, whose frozen part multiplies bytes.
fn of_bytes(network: &Network) -> Network {
    let n_int8_units = network.cut(network.first_trainable(&FreezeSpec::All)).frozen.end;
    Network { n_int8_units, ..network.clone() }
}

/// How far features of bytes are from those in single precision, after the units of `cut`.
pub fn error_of_bytes(network: &Network, cut: &Cut, weights: &Weights, batch: &Batch) -> f64 {
    let [ours, theirs] =
        [&of_bytes(network), network].map(|network| after(network, cut, weights, batch));
    distance(&ours, &theirs)
}

/// The last value after the units of `cut`.
fn after(network: &Network, cut: &Cut, weights: &Weights, batch: &Batch) -> Vec<f32> {
    let extractor = NativeExtractor::new(network, cut, weights).unwrap();
    extractor.extract(batch).unwrap().values.pop().unwrap().into_values()
}

fn features(network: &Network, weights: &Weights, batch: &Batch) -> Vec<f32> {
    after(network, &network.cut(network.first_trainable(&FreezeSpec::All)), weights, batch)
}

/// Rounding to 8 significant bits moves a number by up to 0.4 %, and errors add up over the layers.
#[test]
fn features_are_close_to_those_in_single_precision() {
    for (name, network, weights, batch) in networks() {
        let mut rounded = network.clone();
        rounded.precision = Precision::Bf16;
        let [ours, theirs] =
            [&rounded, &network].map(|network| features(network, &weights, &batch));
        let error = distance(&ours, &theirs);
        println!("{name}: features {error:.1e}");
        assert!(error > 1e-5 && error < 0.05, "{name}: {error}");
    }
}

/// The weights with normalizations that give each channel of a batch the mean square one, which the ranges
/// of bytes rest on. Means stay: a random network tells images apart by little, and normalizations that take
/// the means away would enlarge that, and every rounding.
fn with_statistics(network: &Network, mut weights: Weights, batch: &Batch) -> Weights {
    for at in 0..network.units.len() {
        let UnitKind::Convolution(convolution) = &network.units[at].kind else { continue };
        let Some(norm) = convolution.norm.clone() else { continue };
        let mut plain = network.clone();
        let UnitKind::Convolution(convolution) = &mut plain.units[at].kind else { continue };
        (convolution.activation, convolution.shortcut) = (Activation::Linear, None);
        let cut = cut::before_unit(&plain.units, at + 1);
        let features =
            NativeExtractor::new(&plain, &cut, &weights).unwrap().extract(batch).unwrap();
        let at = cut.boundary.iter().position(|value| *value == Value::Unit(at)).unwrap();
        let values = &features.values[at];
        let channels = *values.shape().last().unwrap();
        let n = (values.values().len() / channels) as f32;
        let square = |channel: usize| {
            let values = values.values()[channel..].iter().step_by(channels);
            (values.map(|value| value * value).sum::<f32>() / n).max(1e-3)
        };
        let variances = Tensor::new(&[channels], (0..channels).map(square).collect());
        weights.insert(norm.parameter(Role::MovingVariance), variances);
    }
    weights
}

#[test]
fn features_of_bytes_are_close_to_those_in_single_precision() {
    for (name, network, weights, batch) in networks() {
        let weights = with_statistics(&network, weights, &batch);
        // Random networks are chaotic: they enlarge any error by a fifth in each block.
        let cut = cut::before_unit(&network.units, 10);
        let error = error_of_bytes(&network, &cut, &weights, &batch);
        println!("{name}: features of bytes {error:.1e}");
        assert!(error > 1e-4 && error < 0.1, "{name}: {error}");
    }
}

const BF16: [&str; 2] = ["-S", "model.precision=bf16"];

#[test]
fn runs_of_every_family_in_bf16_do_not_depend_on_threads() {
    for base in FAMILIES {
        let base = format!("model.base={base}");
        let workshop = Workshop::new(TWO_KINDS, 2);
        assert_same_on_any_threads(&workshop, &[&BF16[..], &["-S", &base]].concat());
    }
}

const INT8: [&str; 2] = ["-S", "model.precision=int8"];
const BUILTIN: [&str; 2] = ["-S", "model.weights=builtin"];

#[test]
fn runs_of_bytes_do_not_depend_on_threads() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_same_on_any_threads(&workshop, &[INT8, BUILTIN].concat());
    for base in FAMILIES {
        let base = format!("model.base={base}");
        let workshop = Workshop::new(&TWO_KINDS.replace("freeze: none", "unfreeze_last: 3"), 2);
        assert_same_on_any_threads(&workshop, &[&INT8[..], &["-S", &base]].concat());
    }
}

/// Which layers multiply bytes depends on all stages, and so do the results of each.
#[test]
fn a_stage_of_bytes_is_reused_if_all_stages_freeze_the_same_layers() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let cache = workshop.text("cache");
    let with = |precision: &str, name: &str, unfreeze_from: u32| {
        let name = format!("name={name}");
        let precision = format!("model.precision={precision}");
        let layer = format!("stages.finetune.train.unfreeze_from={unfreeze_from}");
        let more = ["--cache-dir", &cache, "-S", &name, "-S", &precision, "-S", &layer];
        let said = run(&workshop, &[&more[..], &BUILTIN].concat());
        done(&said);
        said.err.contains("reused")
    };
    assert!(!with("f32", "first", 138) && with("f32", "second", 129));
    assert!(!with("int8", "third", 138) && !with("int8", "fourth", 129));
    assert!(with("int8", "fifth", 129));
}

/// The numbers in each row of a table of images, by its directory and the name of the file.
fn numbers_of_files(table: &str) -> BTreeMap<String, Vec<f32>> {
    let row = |line: &str| {
        let numbers = line.split(',').filter_map(|cell| cell.parse().ok()).collect();
        let path: Vec<&str> = line.split(',').next().unwrap().rsplit('/').take(2).collect();
        (path.join(" in "), numbers)
    };
    table.lines().skip(1).map(row).collect()
}

#[test]
fn predictions_of_bytes_are_those_of_the_run() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    done(&run(&workshop, &[&INT8[..], &BUILTIN, &["-S", "name=run"]].concat()));
    let table = std::fs::read_to_string(workshop.path("runs/run/predictions.csv")).unwrap();
    let said =
        alpaca_run(&["predict", &workshop.text("runs/run"), "--csv", &workshop.text("pictures")]);
    done(&said);
    let (of_run, predicted) = (numbers_of_files(&table), numbers_of_files(&said.out));
    assert!(!of_run.is_empty());
    for (file, probabilities) in of_run {
        let known = |p: &f32| probabilities.iter().any(|other| (p - other).abs() < 1e-5);
        assert!(predicted[&file].iter().all(known), "{file}");
    }
}

#[test]
fn bytes_need_layers_that_no_stage_trains() {
    let workshop = Workshop::new(TWO_KINDS, 2);
    let said = run(&workshop, &INT8);
    assert_eq!(said.code, Some(2), "{}", said.err);
    let message = "`int8` is for the layers that no stage trains, and stage `all` trains them all";
    assert!(said.err.contains(message), "{}", said.err);
    let workshop = Workshop::new(ONE_STAGE, 2);
    let said = run(&workshop, &INT8);
    done(&said);
    assert!(said.err.contains("random weights do not"), "{}", said.err);
}

/// The probabilities of predictions, image by image.
fn probabilities(model: &str, pictures: &str) -> Vec<f64> {
    let said = alpaca_run(&["predict", model, "--csv", pictures]);
    done(&said);
    let cells = said.out.lines().skip(1).flat_map(|line| line.split(','));
    cells.filter_map(|cell| cell.parse().ok()).collect()
}

#[test]
fn a_run_in_bf16_has_its_own_key_and_its_export_computes_in_single_precision() {
    let workshop = Workshop::new(TWO_KINDS, 2);
    let cache = workshop.text("cache");
    let cached = ["--cache-dir", &cache, "-S", "name=with_bf16"];
    done(&run(&workshop, &["--cache-dir", &cache]));
    let said = run(&workshop, &[&BF16[..], &cached].concat());
    done(&said);
    assert!(!said.err.contains("reused"), "{}", said.err);
    let said = run(&workshop, &[&BF16[..], &cached, &["-S", "name=again"]].concat());
    assert!(said.err.contains("reused"), "{}", said.err);

    let (folder, file) = (workshop.text("runs/with_bf16"), workshop.text("model.onnx"));
    let resolved = std::fs::read_to_string(workshop.path("runs/with_bf16/pipeline.resolved.yaml"));
    assert!(resolved.unwrap().contains("precision: bf16"));
    let said = alpaca_run(&["export", &folder, "-o", &file, "--no-cache"]);
    done(&said);
    assert!(said.err.contains("the file computes in `f32`"), "{}", said.err);
    let pictures = workshop.text("pictures");
    let [of_run, of_file] = [&folder, &file].map(|model| probabilities(model, &pictures));
    assert_eq!(of_run.len(), of_file.len());
    let farthest = of_run.iter().zip(&of_file).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(farthest > 0.0 && farthest < 0.1, "{farthest}");
}
