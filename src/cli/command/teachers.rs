//! Opens the models that stages of a pipeline learn from.

use std::path::Path;

use super::members::{self, Runs};
use crate::base::names;
use crate::cli::args::EnsembleArguments;
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::exec::ask::teacher;
use crate::exec::prepare::overlap::RunImages;
use crate::exec::prepare::teacher::{Teacher, Teachers, place};
use crate::pipeline::load::Loaded;
use crate::run_dir::{catalog, layout};
use crate::spec::FromWeights;
use crate::spec::problem::{Code, Problem};

/// The teachers of the stages of a pipeline, and the problems with those that cannot be opened.
pub(super) fn open(loaded: &Loaded, settings: &Settings) -> (Teachers, Vec<Problem>) {
    let (mut teachers, mut problems) = (Teachers::new(), vec![]);
    for stage in &loaded.spec.stages {
        let spec = stage.train().and_then(|train| train.teacher.as_ref());
        let Some(spec) = spec else { continue };
        // Stages often have the same teacher, which may be large.
        let same = loaded.spec.stages.iter().find(|other| {
            let teacher = other.train().and_then(|train| train.teacher.as_ref());
            teacher.is_some_and(|teacher| teacher.model.path == spec.model.path)
        });
        let opened = match same.and_then(|other| teachers.get(&other.name)) {
            Some(teacher) => Ok(teacher.clone()),
            None => open_one(&spec.model.path, &spec.model.written, settings),
        };
        match opened {
            Ok(teacher) => drop(teachers.insert(stage.name.clone(), teacher)),
            Err(refusal) => problems.push(refusal.problem(&stage.name)),
        }
    }
    (teachers, problems)
}

/// Why a model cannot be a teacher.
struct Refusal {
    message: String,
    notes: Vec<String>,
    hints: Vec<String>,
}

impl Refusal {
    fn new(message: String, hint: &str) -> Self {
        Self { message, notes: vec![], hints: vec![hint.to_owned()] }
    }

    fn of(failure: Failure) -> Self {
        match failure {
            Failure::Other { error, notes, hints, .. } => {
                let causes = error.chain().skip(1).map(ToString::to_string);
                let notes = causes.chain(notes).collect();
                Self { message: format!("the teacher cannot be used: {error}"), notes, hints }
            }
            Failure::Rejected(rejected) => {
                let notes = rejected.diagnostics.iter().map(|found| found.message.clone());
                let message = "the pipeline of the teacher cannot be read".to_owned();
                Self { message, notes: notes.collect(), hints: vec![] }
            }
            Failure::OfAnotherRank(_) => unreachable!("each rank opens teachers on its own"),
        }
    }

    fn problem(self, stage: &str) -> Problem {
        let problem = Problem::new(Code::TeacherFile, place(stage), self.message);
        problem.notes(self.notes).hints(self.hints)
    }
}

fn open_one(path: &Path, written: &str, settings: &Settings) -> Result<Teacher, Refusal> {
    if path.is_file() {
        return teacher::of_file(path).map_err(|error| {
            let message = format!("the teacher cannot be used: {error}");
            Refusal { message, notes: vec![], hints: error.hints() }
        });
    }
    if !path.exists() {
        let message = format!("the teacher `{written}` does not exist");
        let hint = "name a finished run directory, a directory of `alpaca-run folds`, or a file of \
                    `alpaca-run export`; train the teacher first, with a pipeline of its own";
        return Err(Refusal::new(message, hint));
    }
    let is_run = path.join(layout::MANIFEST).is_file() || members::is_of_folds(path);
    if !is_run && catalog::has_files_of_a_run(path) {
        let message = format!("the teacher `{written}` is a run that has not finished");
        let hint = format!("`alpaca-run resume {}` finishes it", names::text_of_path(path));
        return Err(Refusal::new(message, &hint));
    }
    if !is_run {
        let message = format!("the teacher `{written}` is not a run directory");
        let hint =
            "name a directory with a manifest.json or a folds.json, or an exported ONNX file";
        return Err(Refusal::new(message, hint));
    }
    let alone = EnsembleArguments::default();
    let runs = Runs::open(path, &alone, FromWeights::Best, &[], settings).map_err(Refusal::of)?;
    let seen = RunImages::of_runs(&runs.directories)
        .map_err(|error| Refusal::of(Failure::usage(error)))?;
    Ok(teacher::of_runs(runs.ensemble, seen))
}
