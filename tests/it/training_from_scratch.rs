//! Stages that train everything: normalisation by the batch, schedules, averages, early stopping.

use std::path::Path;

use crate::support::pictures::Workshop;
use crate::support::program::alpaca_run;
use crate::support::runs::{FROM_SCRATCH, assert_same_on_any_threads, run};

/// The rows of a run's metrics: stage, epoch and learning rate.
fn rates(directory: &Path) -> Vec<(String, usize, f64)> {
    let text = std::fs::read_to_string(directory.join("metrics.csv")).unwrap();
    let mut lines = text.lines();
    let heads: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| heads.iter().position(|head| *head == name).unwrap();
    let [stage, epoch, rate] = ["stage", "epoch", "learning_rate"].map(column);
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (cells[stage].to_owned(), cells[epoch].parse().unwrap(), cells[rate].parse().unwrap())
        })
        .collect()
}

#[test]
fn a_run_from_scratch_is_the_same_on_any_number_of_threads() {
    let workshop = Workshop::new(FROM_SCRATCH, 2);
    assert_same_on_any_threads(&workshop, &[]);
    let verified = alpaca_run(&["verify", &workshop.text("runs/small")]);
    assert_eq!(verified.code, Some(0), "{}", verified.out);
}

#[test]
fn rates_follow_the_schedule_and_a_stage_ends_on_its_plateau() {
    let workshop = Workshop::new(FROM_SCRATCH, 2);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let rows = rates(&workshop.path("runs/small"));
    let of = |stage: &str| -> Vec<f64> {
        rows.iter().filter(|row| row.0 == stage).map(|row| row.2).collect()
    };
    // Four steps an epoch, three of them to warm up; the last step of each epoch is recorded.
    let cosine =
        |at: f64| 2e-3 * (0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * at / 9.0).cos()));
    let expected = [0.0, 4.0, 8.0].map(cosine);
    for (found, expected) in of("first").iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
    }
    // No epoch is better by 0.3: halved after each but the first, ended after three of them.
    let second = of("second");
    assert!((4..8).contains(&second.len()), "{rows:?}");
    let n = second.len();
    assert!(second[n - 1] < second[0], "{second:?}");
    assert_eq!(rows.iter().map(|row| row.1).collect::<Vec<_>>(), (1..=3 + n).collect::<Vec<_>>());
    assert!(said.err.contains("no improvement for 3 epochs"), "{}", said.err);
}

#[test]
fn what_has_no_effect_or_cannot_be_is_said() {
    let workshop = Workshop::new(FROM_SCRATCH, 2);
    for (change, message) in [
        ("stages.first.freeze=all", "`batch_norm` has no effect"),
        ("stages.first.schedule={one_cycle: {}}", "`one_cycle` includes a warm-up"),
        ("stages.first.warmup={epochs: 3}", "takes up the whole stage of 3"),
    ] {
        let said = run(&workshop, &["-S", change]);
        assert_eq!(said.code, Some(2), "{change}: {}", said.err);
        assert!(said.err.contains(message), "{change}: {}", said.err);
    }
}
