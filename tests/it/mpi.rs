//! Runs of several processes over MPI: the bytes of a run by one, whatever happens to a process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::pictures::{Workshop, dataset};
use crate::support::program::{Said, alpaca_run, command};
use crate::support::runs::{FROM_SCRATCH, TWO_STAGES, assert_same_files, run};
use crate::teachers::{DISTILLED, taught};

/// Whether Open MPI's launcher is here; says so if not.
fn has_launcher() -> bool {
    let found = Command::new("mpirun").arg("--version").output().is_ok();
    if !found {
        println!("skipped: there is no mpirun");
    }
    found
}

/// Starts groups of processes with their arguments; each process has one thread.
fn start(groups: &[(usize, Vec<String>)]) -> Child {
    let program = env!("CARGO_BIN_EXE_alpaca-run");
    let mut launcher = Command::new("mpirun");
    let kept = command::<&str>(&[]);
    launcher.envs(kept.get_envs().filter_map(|(name, value)| Some((name, value?))));
    for variable in ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] {
        launcher.env(variable, "1");
    }
    launcher.args(["--oversubscribe", "--bind-to", "none"]);
    for (i, (count, arguments)) in groups.iter().enumerate() {
        launcher.args((i > 0).then_some(":"));
        launcher.args(["-np", &count.to_string(), program]).args(arguments);
        launcher.args(["--threads", "1"]);
        if !arguments.iter().any(|argument| argument == "--cache-dir") {
            launcher.arg("--no-cache");
        }
    }
    launcher.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    launcher.spawn().unwrap()
}

/// The arguments of a run of a workshop's pipeline into a directory.
fn arguments(workshop: &Workshop, runs: &str, more: &[&str]) -> Vec<String> {
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text(runs));
    let all = [&["run", pipeline.as_str(), "--runs-dir", &runs], more].concat();
    all.into_iter().map(str::to_owned).collect()
}

fn run_by(count: usize, workshop: &Workshop, runs: &str, more: &[&str]) -> Said {
    Said::of(start(&[(count, arguments(workshop, runs, more))]))
}

fn resume_by(count: usize, directory: &Path) -> Said {
    let arguments = vec!["resume".to_owned(), directory.display().to_string()];
    Said::of(start(&[(count, arguments)]))
}

/// The processes of a launcher, by their ranks.
fn processes(launcher: &Child) -> Vec<u32> {
    let path = format!("/proc/{0}/task/{0}/children", launcher.id());
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(status.success());
}

fn wait_for(path: &Path, process: &mut Child) {
    while !path.exists() && process.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// A run of three processes that reached its second stage.
fn in_second_stage(workshop: &Workshop, runs: &str) -> (Child, PathBuf) {
    let more = ["-S", "stages.finetune.epochs=40", "-S", "checkpoint_every=1"];
    let mut launcher = start(&[(3, arguments(workshop, runs, &more))]);
    let directory = workshop.path(runs).join("small");
    wait_for(&directory.join("checkpoint/stage-1"), &mut launcher);
    (launcher, directory)
}

#[test]
fn any_number_of_processes_leaves_the_same_bytes() {
    if !has_launcher() {
        return;
    }
    for (pipeline, counts) in [(TWO_STAGES, &[1, 2, 3, 4, 8][..]), (FROM_SCRATCH, &[2, 3][..])] {
        let workshop = Workshop::new(pipeline, 2);
        let said = run(&workshop, &[]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        for count in counts {
            let runs = format!("by-{count}");
            let said = run_by(*count, &workshop, &runs, &[]);
            assert_eq!(said.code, Some(0), "{count}: {}", said.err);
            assert_same_files(&workshop.path("runs/small"), &workshop.path(&runs).join("small"));
            assert_eq!(said.out.matches("best of the run").count(), 1, "{}", said.out);
        }
    }
}

/// Only the first process looks for earlier results.
#[test]
fn what_the_first_process_has_cached_is_reused_by_all() {
    if !has_launcher() {
        return;
    }
    let workshop = Workshop::new(TWO_STAGES, 2);
    let cache = workshop.text("cache");
    let more = ["-S", "stages.finetune.epochs=3", "--cache-dir", &cache];
    assert_eq!(run(&workshop, &["--cache-dir", &cache]).code, Some(0));
    let said = run_by(3, &workshop, "by-3", &more);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("stage transfer: reused"), "{}", said.err);
    assert_eq!(run(&workshop, &more[..2]).code, Some(0));
    assert_same_files(&workshop.path("runs/small-2"), &workshop.path("by-3/small"));
}

#[test]
fn processes_share_the_work_of_a_teacher() {
    if !has_launcher() {
        return;
    }
    let workshop = taught(DISTILLED, 2);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = run_by(3, &workshop, "by-3", &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_same_files(&workshop.path("runs/small"), &workshop.path("by-3/small"));
}

/// The run that was interrupted in its second stage has the bytes of one that was not.
#[track_caller]
fn assert_as_by_one_process(workshop: &Workshop, directory: &Path) {
    let said = run(workshop, &["-S", "stages.finetune.epochs=40", "-S", "checkpoint_every=1"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_same_files(&workshop.path("runs/small"), directory);
}

/// A killed process takes the others with it. Any number of processes continues.
#[test]
fn a_run_with_a_killed_process_goes_on_to_the_same_bytes() {
    if !has_launcher() {
        return;
    }
    let workshop = Workshop::new(TWO_STAGES, 2);
    let (launcher, directory) = in_second_stage(&workshop, "killed");
    let last = *processes(&launcher).last().expect("it has processes");
    signal("-KILL", last);
    let said = Said::of(launcher);
    assert_ne!(said.code, Some(0), "{}", said.err);
    assert!(!directory.join("manifest.json").exists(), "it ended before it could be killed");
    let said = resume_by(2, &directory);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_as_by_one_process(&workshop, &directory);
}

#[test]
fn a_signal_to_one_process_stops_all_and_one_continues() {
    if !has_launcher() {
        return;
    }
    let workshop = Workshop::new(TWO_STAGES, 2);
    let (launcher, directory) = in_second_stage(&workshop, "stopped");
    signal("-TERM", *processes(&launcher).last().expect("it has processes"));
    let said = Said::of(launcher);
    assert_eq!(said.code, Some(130), "{}", said.err);
    assert!(said.err.contains("interrupted in stage `finetune`"), "{}", said.err);
    assert_eq!(said.err.matches("interrupted in stage").count(), 1, "{}", said.err);
    let directory_text = directory.display().to_string();
    let said = alpaca_run(&["resume", &directory_text, "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_as_by_one_process(&workshop, &directory);
}

#[test]
fn processes_that_differ_are_refused_with_the_difference() {
    if !has_launcher() {
        return;
    }
    let workshop = Workshop::new(TWO_STAGES, 2);
    dataset(&workshop.path("fewer"), 2, 11);
    let place = format!("dataset.directory={}", workshop.text("fewer"));
    for (more, words) in [("seed=8", "`dataset.split.seed`"), (place.as_str(), "the images")] {
        let same = arguments(&workshop, "differ", &[]);
        let other = arguments(&workshop, "differ", &["-S", more]);
        let said = Said::of(start(&[(1, same), (1, other)]));
        assert_eq!(said.code, Some(1), "{}", said.err);
        let expected = "rank 1 of this run differs from rank 0 in ";
        assert_eq!(said.err.matches(expected).count(), 1, "{}", said.err);
        assert!(said.err.contains(words), "{}", said.err);
        assert!(!workshop.path("differ").exists(), "something was written");
    }
}

/// The first rank cannot write a checkpoint, and the others wait for its next numbers.
#[test]
fn a_full_disk_ends_all_processes_with_its_message() {
    if !has_launcher() {
        return;
    }
    let workshop = Workshop::new(TWO_STAGES, 2);
    let mut launcher = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_alpaca-run");
    let own = [&[program.to_owned()], &arguments(&workshop, "full", &["--no-cache"])[..]].concat();
    let own = own.join(" ");
    let line = format!(
        "exec mpirun --oversubscribe --bind-to none -np 1 sh -c 'ulimit -f 2000; exec {own}' : -np 2 {own}"
    );
    launcher.args(["-c", &line]).env("OMPI_ALLOW_RUN_AS_ROOT", "1");
    launcher.env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1").env("NO_COLOR", "1");
    launcher.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = Said::of(launcher.spawn().unwrap());
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert_eq!(said.err.matches("cannot write").count(), 1, "{}", said.err);
    let directory = workshop.path("full/small");
    assert_eq!(resume_by(2, &directory).code, Some(0));
    assert_eq!(run(&workshop, &[]).code, Some(0));
    assert_same_files(&workshop.path("runs/small"), &directory);
}

#[test]
fn what_processes_cannot_share_is_refused() {
    if !has_launcher() {
        return;
    }
    let workshop = Workshop::new(TWO_STAGES, 2);
    let budget = arguments(&workshop, "budget", &["--budget", "1m"]);
    let folds = vec!["folds".to_owned(), workshop.text("small.yaml")];
    for (arguments, words) in [(budget, "a run with `--budget`"), (folds, "`alpaca-run folds`")] {
        let said = Said::of(start(&[(2, arguments)]));
        assert_eq!(said.code, Some(2), "{}", said.err);
        let expected = format!("mpirun started 2 processes, and {words} cannot be shared");
        assert!(said.err.contains(&expected), "{}", said.err);
    }
}
