//! `precision: bf16`: against single precision, and in whole runs.

use alpaca_kernels::Precision;
use alpaca_random::SeedStream;
use alpaca_run::base::batch::Batch;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::engine::FeatureExtractor;
use alpaca_run::engine::native::NativeExtractor;
use alpaca_run::model::initial;
use alpaca_run::model::network::Network;
use alpaca_run::model::weights::Weights;
use alpaca_run::spec::{Architecture, Convention, FreezeSpec, Initializer};

use crate::support::network::named;
use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done};
use crate::support::runs::{FAMILIES, TWO_KINDS, assert_same_on_any_threads, run};

const SIDE: usize = 64;

/// How far two lists of numbers are apart: the norm of their difference, relative to that of the second.
fn distance(ours: &[f32], theirs: &[f32]) -> f64 {
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

fn features(network: &Network, weights: &Weights, batch: &Batch) -> Vec<f32> {
    let cut = network.cut(network.first_trainable(&FreezeSpec::All));
    let extractor = NativeExtractor::new(network, &cut, weights).unwrap();
    extractor.extract(batch).unwrap().values.pop().unwrap().into_values()
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

const BF16: [&str; 2] = ["-S", "model.precision=bf16"];

#[test]
fn runs_of_every_family_in_bf16_do_not_depend_on_threads() {
    for base in FAMILIES {
        let base = format!("model.base={base}");
        let workshop = Workshop::new(TWO_KINDS, 2);
        assert_same_on_any_threads(&workshop, &[&BF16[..], &["-S", &base]].concat());
    }
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
