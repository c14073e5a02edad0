//! Metrics of several labels an image and of numbers, compared with scikit-learn and scipy.

use alpaca_run::metrics::{number, several};
use serde::Deserialize;
use serde_json::Value;

use crate::support::program::project;

/// The cases of `tests/it/data/metrics/metrics.json`, which `make_reference.py` there writes.
#[derive(Debug, Deserialize)]
struct Cases {
    several: Vec<Several>,
    number: Vec<Number>,
}

#[derive(Debug, Deserialize)]
struct Several {
    labels: Vec<Vec<u8>>,
    probabilities: Vec<Vec<f64>>,
    expected: Value,
}

#[derive(Debug, Deserialize)]
struct Number {
    numbers: Vec<f64>,
    estimates: Vec<f64>,
    expected: Value,
}

fn cases() -> Cases {
    let path = project().join("tests/it/data/metrics/metrics.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// All expected values are found at the same place, up to rounding.
#[track_caller]
fn assert_has(found: &Value, expected: &Value, at: &str) {
    match expected {
        Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| {
                assert_has(&found[key], value, &format!("{at}/{key}"));
            });
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                assert_has(&found[i], item, &format!("{at}/{i}"));
            }
        }
        Value::Number(number) => {
            let (number, found) = (number.as_f64().unwrap(), found.as_f64().unwrap());
            assert!(
                (found - number).abs() <= 1e-9 * number.abs().max(1.0),
                "{at}: {found}, {number}"
            );
        }
        other => assert_eq!(found, other, "{at}"),
    }
}

#[test]
fn metrics_of_several_labels_are_those_of_scikit_learn() {
    for (at, case) in cases().several.iter().enumerate() {
        let sets: Vec<Vec<u32>> = case
            .labels
            .iter()
            .map(|row| {
                (0..).zip(row).filter(|(_, has)| **has == 1).map(|(class, _)| class).collect()
            })
            .collect();
        let rows = sets.iter().zip(&case.probabilities);
        let scored: Vec<several::Scored<'_>> =
            rows.map(|(labels, probabilities)| several::Scored { labels, probabilities }).collect();
        let classes: Vec<String> =
            (0..case.labels[0].len()).map(|class| format!("c{class}")).collect();
        let metrics = several::measure(&classes, &scored);
        let (macro_f1, average_precision) = several::of_epoch(classes.len(), &scored);
        assert_eq!((macro_f1, average_precision), (metrics.macro_f1, metrics.average_precision));
        assert_has(&serde_json::to_value(metrics).unwrap(), &case.expected, &format!("case {at}"));
    }
}

#[test]
fn metrics_of_numbers_are_those_of_scikit_learn_and_scipy() {
    for (at, case) in cases().number.iter().enumerate() {
        let pairs = case.numbers.iter().zip(&case.estimates);
        let scored: Vec<number::Scored> =
            pairs.map(|(&number, &estimate)| number::Scored { number, estimate }).collect();
        let metrics = number::measure("n", &scored);
        let further = number::of_epoch(&scored);
        assert_eq!(further, (metrics.rmse, metrics.r2, metrics.spearman));
        for (interval, value) in [
            (metrics.mae_interval, metrics.mae),
            (metrics.rmse_interval, metrics.rmse),
            (metrics.r2_interval.unwrap(), metrics.r2.unwrap()),
            (metrics.spearman_interval.unwrap(), metrics.spearman.unwrap()),
        ] {
            assert!(interval[0] < value && value < interval[1], "{interval:?}, {value}");
        }
        assert_has(&serde_json::to_value(metrics).unwrap(), &case.expected, &format!("case {at}"));
    }
}

#[test]
fn metrics_that_are_not_defined_are_missing() {
    let constant = [3.0, 3.0].map(|number| number::Scored { number, estimate: number + 1.0 });
    let metrics = number::measure("n", &constant);
    assert_eq!((metrics.r2, metrics.spearman, metrics.r2_interval), (None, None, None));
    assert_eq!((metrics.mae, metrics.deviation), (1.0, 0.0));
    let scored = [several::Scored { labels: &[], probabilities: &[0.2] }];
    let metrics = several::measure(&["a".to_owned()], &scored);
    assert_eq!((metrics.average_precision, metrics.roc_auc), (None, None));
    assert_eq!((metrics.subset_accuracy, metrics.macro_f1), (1.0, 0.0));
    assert_eq!(metrics.classes[0].best_threshold, None);
}
