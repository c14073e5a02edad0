//! Losses and their gradients, compared with PyTorch, torchvision and Keras.

use alpaca_run::base::tensor::Tensor;
use alpaca_run::train::objective::TrainingLoss;
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
