//! Losses and their gradients, compared with PyTorch, torchvision and Keras.

use alpaca_run::base::target::Target;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::train::number::NumberLoss;
use alpaca_run::train::objective::TrainingLoss;
use alpaca_run::train::readout::Standard;
use alpaca_run::train::several::SeveralLoss;
use serde::Deserialize;

use crate::support::program::project;

/// A case of `tests/it/data/losses/losses.json`, which `make_reference.py` there writes.
#[derive(Debug, Deserialize)]
struct Case {
    logits: Vec<Vec<f32>>,
    labels: Vec<usize>,
    smoothing: f64,
    weights: Option<Vec<f64>>,
    gamma: f64,
    function: String,
    loss: f64,
    gradient: Vec<Vec<f64>>,
}

#[test]
fn losses_and_gradients_are_those_of_other_libraries() {
    let text = std::fs::read_to_string(project().join("tests/it/data/losses/losses.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    let mut functions = std::collections::BTreeSet::new();
    for case in cases {
        let shape = [case.logits.len(), case.logits[0].len()];
        let loss = TrainingLoss {
            gamma: case.gamma,
            smoothing: case.smoothing,
            class_weights: case.weights.clone(),
        };
        let found = loss.evaluate(&Tensor::new(&shape, case.logits.concat()), &case.labels);
        assert!((found.loss - case.loss).abs() < 1e-7 * case.loss, "{found:?} for {case:?}");
        for (found, expected) in found.slope.values().iter().zip(case.gradient.concat()) {
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{found} for {case:?}");
        }
        functions.insert(case.function);
    }
    assert_eq!(functions.len(), 5, "{functions:?}");
}

/// The cases of `tests/it/data/losses/targets.json`, which `make_targets.py` there writes.
#[derive(Debug, Deserialize)]
struct Targets {
    several: Vec<Several>,
    numbers: Vec<OfNumbers>,
}

#[derive(Debug, Deserialize)]
struct Several {
    logits: Vec<Vec<f32>>,
    labels: Vec<Vec<u8>>,
    smoothing: f64,
    weights: Option<Vec<f64>>,
    gamma: f64,
    loss: f64,
    gradient: Vec<Vec<f64>>,
}

#[derive(Debug, Deserialize)]
struct OfNumbers {
    outputs: Vec<Vec<f32>>,
    numbers: Vec<f64>,
    mean: f64,
    deviation: f64,
    delta: Option<f64>,
    loss: f64,
    gradient: Vec<Vec<f64>>,
}

#[track_caller]
fn assert_same((loss, slope): (f64, &Tensor), expected: f64, gradient: &[Vec<f64>]) {
    assert!((loss - expected).abs() < 1e-7 * expected, "{loss} instead of {expected}");
    for (found, expected) in slope.values().iter().zip(gradient.concat()) {
        assert!((f64::from(*found) - expected).abs() < 1e-7, "{found} instead of {expected}");
    }
}

#[test]
fn losses_of_several_labels_and_of_numbers_are_those_of_pytorch() {
    let path = project().join("tests/it/data/losses/targets.json");
    let cases: Targets = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for case in cases.several {
        let shape = [case.logits.len(), case.logits[0].len()];
        let loss = SeveralLoss {
            gamma: case.gamma,
            smoothing: case.smoothing,
            positive_weights: case.weights.clone(),
        };
        let set = |row: &Vec<u8>| {
            let has = (0..).zip(row).filter(|(_, has)| **has == 1);
            Target::Classes(has.map(|(class, _)| class).collect::<Vec<u32>>().into())
        };
        let targets: Vec<Target> = case.labels.iter().map(set).collect();
        let (loss, slope) = loss.evaluate(&Tensor::new(&shape, case.logits.concat()), &targets);
        assert_same((loss, &slope), case.loss, &case.gradient);
    }
    for case in cases.numbers {
        let standard = Standard { mean: case.mean, deviation: case.deviation };
        let loss = NumberLoss { standard, delta: case.delta };
        let targets: Vec<Target> = case.numbers.iter().copied().map(Target::Number).collect();
        let outputs = Tensor::new(&[targets.len(), 1], case.outputs.concat());
        let (loss, slope) = loss.evaluate(&outputs, &targets);
        assert_same((loss, &slope), case.loss, &case.gradient);
    }
}
