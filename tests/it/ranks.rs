//! Runs that several ranks do together leave the bytes of a run by one process. Here ranks are threads;
//! `mpi.rs` has those that are processes.

use std::path::Path;
use std::thread;

use alpaca_run::base::cancel::Cancel;
use alpaca_run::base::fs::FileError;
use alpaca_run::base::peers::SharedPeers;
use alpaca_run::base::tally::Tally;
use alpaca_run::cache::pool::Pool;
use alpaca_run::event::{Event, EventSink};
use alpaca_run::exec::error::RunError;
use alpaca_run::exec::plan::PlanOptions;
use alpaca_run::exec::prepare::prepare;
use alpaca_run::exec::run::ranks::Ranks;
use alpaca_run::exec::run::session::{Caches, Session, Texts};
use alpaca_run::pipeline::load::{self, Loaded, PipelineInput};
use alpaca_run::pipeline::resolved;
use alpaca_run::train::TrainError;

use crate::support::peers::ranks;
use crate::support::pictures::{Workshop, dataset};
use crate::support::runs::{
    FINE_TUNING, FROM_SCRATCH, TWO_KINDS, TWO_STAGES, UNEVEN, assert_same_files, run,
};

/// A head that is fitted to augmented features, a calibrated one, and a trained one with cached
/// features.
const HEADS: &str = "\
version: 1
seed: 2
dataset: { directory: pictures, image_size: 32, batch_size: 7 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  head:
    fit: { augmentation_views: 2, augmentation: [ { random_flip: both } ] }
  trained:
    train: { from: head, freeze: all, epochs: 2, augmentation: [] }
  warm:
    fit: { from: trained, temperature: {} }
";

/// Acts on the events of the first rank.
struct Act<'a>(&'a mut (dyn FnMut(&Event) + Send));

impl EventSink for Act<'_> {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        (self.0)(event);
        Ok(())
    }
}

fn loaded(workshop: &Workshop, overrides: &[String]) -> Loaded {
    let input = PipelineInput {
        file: workshop.path("small.yaml"),
        folder: workshop.path(""),
        overrides: overrides.to_vec(),
        current_dir: workshop.path(""),
    };
    load::load(&input).unwrap_or_else(|error| panic!("{error:?}"))
}

/// The part of a rank in the run of the pipeline of a workshop into `runs`.
fn part(
    workshop: &Workshop,
    runs: &str,
    (peers, cancel): (SharedPeers, Cancel),
    overrides: &[String],
    act: &mut (dyn FnMut(&Event) + Send),
) -> Result<(), RunError> {
    let loaded = loaded(workshop, overrides);
    let prepared = prepare(&loaded.spec, None, Default::default()).unwrap();
    let ranks = Ranks::among(peers, &cancel);
    let mut caches = Caches::below(None);
    caches.pixels.memory = 0;
    let session = Session {
        pipeline_directory: workshop.path(""),
        n_threads: 1,
        caches,
        features: Pool::default(),
        cancel,
        ranks: ranks.clone(),
        hints: false,
        tally: Tally::default(),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let planned = session.plan(&loaded.spec, prepared, &PlanOptions::default(), None)?;
        if !ranks.is_first() {
            return session.follow(&loaded.spec, planned);
        }
        let resolved = resolved::render(&loaded.spec, &loaded.document);
        let texts = Texts { pipeline: &loaded.document.sources()[0].text, resolved: &resolved };
        let runs = workshop.path(runs);
        session.run(&loaded.spec, planned, &runs, &texts, &mut Act(act)).map(drop)
    })
}

/// A run by some ranks, into `runs`; `overrides` are those of each rank. Returns what became of each.
fn run_by(
    workshop: &Workshop,
    runs: &str,
    count: usize,
    overrides: impl Fn(usize) -> Vec<String>,
    cancels: &[Cancel],
    mut act: impl FnMut(&Event) + Send,
) -> Vec<Result<(), RunError>> {
    thread::scope(|scope| {
        let act = &mut act;
        let mut first: Option<&mut (dyn FnMut(&Event) + Send)> = Some(act);
        let parts = ranks(count).into_iter().enumerate().map(|(rank, peers)| {
            let (own, act) = (overrides(rank), first.take());
            let cancel = cancels.get(rank).cloned().unwrap_or_default();
            scope.spawn(move || {
                let act = act.unwrap_or(Box::leak(Box::new(|_: &Event| {})));
                part(workshop, runs, (peers, cancel), &own, act)
            })
        });
        let parts: Vec<_> = parts.collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    })
}

/// The run by one process is that of the program itself.
fn check(pipeline: &str, n_classes: usize, counts: &[usize]) {
    let workshop = Workshop::new(pipeline, n_classes);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for count in counts {
        let runs = format!("by-{count}");
        for done in run_by(&workshop, &runs, *count, |_| vec![], &[], |_| {}) {
            done.unwrap_or_else(|error| panic!("{count} ranks: {error}"));
        }
        println!("{count} ranks");
        assert_same_files(&workshop.path("runs/small"), &workshop.path(&runs).join("small"));
    }
}

/// A launcher starts the program several times, and this build cannot know of the others.
#[cfg(not(feature = "mpi"))]
#[test]
fn several_processes_are_refused_without_mpi() {
    use crate::support::program::{Said, command};
    let workshop = Workshop::new(TWO_STAGES, 2);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    for (variable, count, launcher) in [
        ("OMPI_COMM_WORLD_SIZE", "4", Some("mpirun")),
        ("SLURM_STEP_NUM_TASKS", "2", Some("srun")),
        ("OMPI_COMM_WORLD_SIZE", "1", None),
    ] {
        let mut program = command(&["run", &pipeline, "--runs-dir", &runs, "--no-cache"]);
        let said = Said::of(program.env(variable, count).spawn().unwrap());
        let Some(launcher) = launcher else {
            assert_eq!(said.code, Some(0), "{}", said.err);
            continue;
        };
        assert_eq!(said.code, Some(2), "{}", said.err);
        let words = format!(
            "{launcher} started {count} processes, but this build of alpaca-run has no MPI"
        );
        assert!(said.err.contains(&words), "{}", said.err);
        assert!(!workshop.path("runs").exists(), "something was written");
    }
}

/// With eight ranks, some have no image in the last step of an epoch.
#[test]
fn any_number_of_ranks_leaves_the_same_bytes() {
    check(TWO_STAGES, 2, &[2, 3, 4, 8]);
}

/// Statistics of the batch, clipping by the global norm, an average of weights, a plateau, an early end.
#[test]
fn from_scratch_any_number_of_ranks_leaves_the_same_bytes() {
    check(FROM_SCRATCH, 2, &[2, 3, 8]);
}

/// An image is mixed with one of another rank, and soups are measured together.
#[test]
fn while_fine_tuning_ranks_leave_the_same_bytes() {
    check(FINE_TUNING, 2, &[3]);
}

#[test]
fn with_uneven_classes_ranks_leave_the_same_bytes() {
    check(UNEVEN, 2, &[3]);
}

#[test]
fn with_large_convolutions_ranks_leave_the_same_bytes() {
    check(TWO_KINDS, 2, &[2, 3]);
}

#[test]
fn heads_are_fitted_to_features_of_all_ranks() {
    check(HEADS, 3, &[3]);
}

#[test]
fn more_ranks_than_micro_batches_leave_the_same_bytes() {
    let pipeline = TWO_STAGES.replace("freeze: all,", "freeze: all, micro_batches: 3,");
    check(&pipeline, 2, &[5]);
}

#[test]
fn ranks_that_differ_are_refused_before_the_first_step() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    dataset(&workshop.path("fewer"), 2, 11);
    let place = format!("dataset.directory={}", workshop.text("fewer"));
    for (difference, words) in [
        ("seed=8", "rank 2 of this run differs from rank 0 in the pipeline: `dataset.split.seed`"),
        (&place, "rank 2 of this run differs from rank 0 in the images"),
        ("stages.finetune.epochs=3", "`stages.finetune.train.epochs`"),
    ] {
        let own = |rank| if rank == 2 { vec![difference.to_owned()] } else { vec![] };
        for done in run_by(&workshop, "differ", 3, own, &[], |_| {}) {
            let error = done.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.notes()[0].contains("on rank 2"), "{:?}", error.notes());
        }
        assert!(!workshop.path("differ").exists(), "something was written");
    }
}

#[test]
fn a_request_to_stop_on_any_rank_stops_all_at_one_step() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let cancels: Vec<Cancel> = (0..3).map(|_| Cancel::new()).collect();
    let last = cancels[2].clone();
    let on = |event: &Event| {
        if matches!(event, Event::StepFinished { step: 2, .. }) {
            last.set();
        }
    };
    for done in run_by(&workshop, "stopped", 3, |_| vec![], &cancels, on) {
        let error = done.unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert_eq!(error.to_string(), "interrupted in stage `transfer`, epoch 1");
    }
    let directory = workshop.path("stopped/small");
    let said = crate::support::program::alpaca_run(&[
        "resume",
        &directory.display().to_string(),
        "--no-cache",
    ]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    assert_same_files(&workshop.path("runs/small"), &directory);
}

/// The images of the last rank are copies elsewhere, which change during the run.
#[test]
fn an_error_of_a_rank_ends_all_with_its_message() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    dataset(&workshop.path("copies"), 2, 12);
    let copies = workshop.path("copies");
    let spoil = |event: &Event| {
        if matches!(event, Event::EpochFinished { .. }) {
            spoil(&copies);
        }
    };
    let own = |rank| match rank {
        2 => vec![format!("dataset.directory={}", workshop.text("copies"))],
        _ => vec![],
    };
    let all = run_by(&workshop, "spoiled", 3, own, &[], spoil);
    for (rank, done) in all.into_iter().enumerate() {
        match done.unwrap_err() {
            RunError::Train(TrainError::Batch(_)) => assert_eq!(rank, 2),
            RunError::Train(TrainError::OtherRank { rank: 2, message }) => {
                assert_ne!(rank, 2);
                assert!(message.contains("changed during the run"), "{message}");
            }
            error => panic!("rank {rank}: {error:?}"),
        }
    }
}

/// Other images in place of those in a directory.
fn spoil(directory: &Path) {
    for class in ["disc", "ring"] {
        for i in 0..12 {
            let path = directory.join(class).join(format!("{i:03}.png"));
            std::fs::write(path, "spoiled").unwrap();
        }
    }
}
