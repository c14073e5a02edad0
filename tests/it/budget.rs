//! `--budget`: numbers of epochs for a given time.

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done};
use crate::support::runs::{TWO_STAGES, run};

#[test]
fn a_budget_decides_on_epochs_that_are_recorded() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let epochs = |run: &str| -> Vec<usize> {
        let metrics = std::fs::read_to_string(workshop.path(run).join("metrics.csv")).unwrap();
        let count = |stage: &str| metrics.lines().filter(|row| row.starts_with(stage)).count();
        vec![count("transfer,"), count("finetune,")]
    };
    done(&run(&workshop, &[]));
    let written = epochs("runs/small");
    // No time is enough for more than one epoch, and ten times as many are the most.
    for (time, expected) in [
        ("1 s", vec![]),
        ("0.001s", vec![1, 1]),
        ("5h", written.iter().map(|n| 10 * n).collect::<Vec<_>>()),
    ] {
        let name = format!("name=in_{}", time.replace([' ', '.'], "_"));
        let said = run(&workshop, &["--budget", time, "-S", &name]);
        done(&said);
        let directory = format!("runs/{}", &name[5..]);
        let found = epochs(&directory);
        assert!(expected.is_empty() || found == expected, "{time}: {found:?}");
        for (stage, (n, before)) in ["transfer", "finetune"].iter().zip(found.iter().zip(&written))
        {
            assert!((1..=10 * before).contains(n), "{time}: {n}");
            let noun = if *n == 1 { "epoch" } else { "epochs" };
            let line = format!("{n} {noun} in stage {stage} instead of {before}");
            assert!(said.err.contains(&line), "{}", said.err);
            let resolved = workshop.path(&directory).join("pipeline.resolved.yaml");
            let resolved = std::fs::read_to_string(resolved).unwrap();
            assert!(resolved.contains(&format!("epochs: {n} ")), "{resolved}");
        }
        let is_too_long = said.err.contains("which is more than the budget");
        assert_eq!(is_too_long, time == "0.001s", "{}", said.err);
        if time == "1 s" {
            done(&alpaca_run(&["reproduce", &workshop.text(&directory), "--no-cache"]));
        }
    }
}

#[test]
fn a_budget_needs_a_unit_and_a_stage_with_epochs() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    for time in ["90", "0s", "2 weeks"] {
        let said = run(&workshop, &["--budget", time]);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("--budget"), "{}", said.err);
    }
    let fit = "stages={ probe: { fit: {} } }";
    let said = run(&workshop, &["--budget", "1min", "-S", fit]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("no stage of the pipeline has epochs"), "{}", said.err);
    assert!(!workshop.path("runs").exists());
}
