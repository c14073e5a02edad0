//! `alpaca-run PIPELINE`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use super::sessions::{NamedCaches, named, session};
use super::{Fetching, budget, on_threads, pipeline_directory, select};
use crate::base::names;
use crate::base::text;
use crate::cli::args::OneRunArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::progress::Progress;
use crate::cli::ranks;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::cli::work::ShownWork;
use crate::event::Sinks;
use crate::event::{EpochMetrics, Evaluated, EventSink};
use crate::exec::error::RunError;
use crate::exec::run::checkpoint;
use crate::exec::run::session::{FailedTask, RunReport, Session, Texts};
use crate::pipeline::logs::LogValues;
use crate::pipeline::resolved;
use crate::run_dir::history::StageHistory;
use crate::spec::BestBy;
use crate::tracking::tensorboard::LiveBoard;

/// Runs a pipeline, and writes a run directory.
pub(in crate::cli) fn run(
    OneRunArguments { run: arguments, budget: time }: &OneRunArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let began = Instant::now();
    let fetching = Fetching::IfMissing(terminal);
    let within = |time| budget::within(arguments, (began, time), settings, terminal);
    let budgeted = time.map(within).transpose()?;
    let pipeline = budgeted.as_ref().map_or(&arguments.pipeline, |(pipeline, _)| pipeline);
    let known = budgeted.as_ref().map(|(_, known)| known);
    let (loaded, prepared, options) = ranks::after_first(&settings.peers, || {
        select(pipeline, &arguments.stages, settings, fetching)
    })?;
    let folder = pipeline_directory(&arguments.pipeline, settings);
    if !settings.peers.is_first() {
        return follow(settings, folder, |session| {
            let planned = session.plan(&loaded.spec, prepared, &options, known)?;
            session.follow(&loaded.spec, planned)
        });
    }
    if loaded.sweep.is_some() {
        let shown = text::shell_path(&arguments.pipeline.pipeline);
        terminal.note(&format!(
            "this is one run; `alpaca-run sweep {shown}` runs the `sweep` of the file"
        ));
    }
    let resolved = resolved::render(&loaded.spec, &loaded.document);
    let texts = Texts { pipeline: &loaded.document.sources()[0].text, resolved: &resolved };
    let caches = named(&loaded, settings, terminal)?;
    execute((settings, terminal), folder, (caches, &loaded.logs), |session, sinks| {
        let planned = session.plan(&loaded.spec, prepared, &options, known)?;
        session.run(&loaded.spec, planned, &arguments.runs_dir, &texts, sinks)
    })
}

/// Executes a new or resumed run with its log, progress, signals and final summary.
pub(super) fn execute(
    (settings, terminal): (&Settings, &Terminal),
    pipeline_directory: PathBuf,
    (caches, logs): (NamedCaches, &LogValues),
    work: impl FnOnce(&Session, &mut Sinks<'_>) -> Result<RunReport, RunError> + Send,
) -> Result<Exit, Failure> {
    let mut log = Log::start(terminal);
    if !settings.peers.are_none() {
        terminal.note(&format!("{} share this run", text::count(settings.peers.count(), "rank")));
    }
    let mut session = session(settings, pipeline_directory);
    session.hints = gives_hints(terminal);
    caches.into_session(&mut session);
    signals::listen(&session.cancel);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let report = perform((settings, terminal), (&mut log, logs), |sinks| work(&session, sinks))?
        .map_err(|error| failure(error, log.directory().zip(Some(settings))))?;
    terminal.result(&summary(&report, terminal)).map_err(Failure::usage)?;
    let RunReport { directory, failed, .. } = report;
    match failed.into_iter().next() {
        None => Ok(Exit::Done),
        Some(FailedTask { task, error }) => {
            let (notes, mut hints) = (error.notes(), error.hints());
            hints.push(format!("all other results of the run are in {}", directory.display()));
            let code = error.code();
            let error = anyhow::Error::from(error).context(format!("`{task}` failed"));
            Err(Failure::Other { exit: Exit::Failed, code, error, notes, hints })
        }
    }
}

/// Does the work of a rank that is not the first one: the first one logs and reports it.
pub(super) fn follow(
    settings: &Settings,
    pipeline_directory: PathBuf,
    work: impl FnOnce(&Session) -> Result<(), RunError> + Send,
) -> Result<Exit, Failure> {
    let session = session(settings, pipeline_directory);
    signals::listen(&session.cancel);
    match on_threads(settings, || work(&session))? {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.is_of_another_rank() => {
            let exit = if error.is_cancelled() { Exit::Interrupted } else { Exit::Failed };
            Err(Failure::OfAnotherRank(exit))
        }
        Err(error) => Err(failure(error, None)),
    }
}

/// Does the work of a run, and sends its events to the terminal and the log.
pub(super) fn perform(
    (settings, terminal): (&Settings, &Terminal),
    (log, logs): (&mut Log, &LogValues),
    work: impl FnOnce(&mut Sinks<'_>) -> Result<RunReport, RunError> + Send,
) -> Result<Result<RunReport, RunError>, Failure> {
    let mut progress = Progress::new(terminal);
    let mut board = board(logs, settings, terminal);
    let mut sinks = Sinks(vec![log, &mut progress]);
    sinks.0.extend(board.as_mut().map(|board| board as &mut dyn EventSink));
    let result = on_threads(settings, || work(&mut sinks))?;
    progress.end();
    Ok(result)
}

/// The log for TensorBoard, if a pipeline names one.
fn board(logs: &LogValues, settings: &Settings, terminal: &Terminal) -> Option<LiveBoard> {
    let directory = logs.tensorboard.as_ref()?.path.clone();
    let shown = *terminal;
    let warn = Box::new(move |message: &str| shown.warn(message));
    Some(LiveBoard::new(directory, settings.cache_dir.clone(), warn))
}

/// A run that failed before it had a directory, or that cannot be resumed.
impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        failure(error, None)
    }
}

/// A run that did not finish, with a hint how to resume it.
pub(super) fn failure(error: RunError, begun: Option<(PathBuf, &Settings)>) -> Failure {
    let exit = if error.is_cancelled() { Exit::Interrupted } else { Exit::Failed };
    let (code, notes, mut hints) = (error.code(), error.notes(), error.hints());
    if let (true, Some((directory, settings))) = (error.can_resume(), begun) {
        hints.push(if checkpoint::facts(&directory).is_ok() {
            let cache = match (&settings.cache_dir, &settings.cache_option) {
                (None, _) => " --no-cache".to_owned(),
                (_, Some(given)) => format!(" --cache-dir {}", text::shell_path(given)),
                (_, None) => String::new(),
            };
            format!(
                "`alpaca-run resume {}{cache}` continues from here",
                text::shell_path(&directory)
            )
        } else {
            "it stopped before its first stage; run the pipeline again".to_owned()
        });
    }
    Failure::Other { exit, code, error: error.into(), notes, hints }
}

/// Whether the result of a run is shown with hints.
pub(super) fn gives_hints(terminal: &Terminal) -> bool {
    terminal.verbosity() != Verbosity::Quiet
}

/// The result of a run: validation metrics before and after each stage, and the run directory.
pub(super) fn summary(report: &RunReport, terminal: &Terminal) -> String {
    let directory = names::text_of_path(&report.directory);
    if terminal.verbosity() == Verbosity::Quiet {
        return format!("{directory}\n");
    }
    let stages = &report.history.stages;
    let width = stages.iter().map(|stage| stage.name.len()).max().unwrap_or(0).max("stage".len());
    let score = stages.first().map_or("accuracy", |stage| stage.before.score.words());
    let mut text = format!(
        "\n{:width$}  {:29}  validation loss\n\
         {:width$}  before    best    last           before    best    last\n",
        "stage",
        format!("validation {score}"),
        ""
    );
    for stage in stages {
        let (Some(best), Some(last)) = (stage.best_metrics(), stage.epochs.last()) else {
            continue;
        };
        let score = figures(stage, best, last, |evaluated| evaluated.score.value());
        let loss = figures(stage, best, last, |evaluated| evaluated.loss);
        let (name, of) = (&stage.name, stage.best_in_words());
        let by = words(&stage.best_by);
        let _ = writeln!(text, "{name:width$}  {score}           {loss}   best: {of}, {by}");
    }
    text.push_str(&verdict(report));
    let _ = writeln!(
        text,
        "\nThe run is in {directory}: see report.html, metrics.csv, predictions.csv"
    );
    text
}

/// The metric that selects the best epoch, in words.
fn words(by: &str) -> &'static str {
    BestBy::ALL.into_iter().find(|best_by| best_by.name() == by).map_or("", BestBy::words)
}

/// The best epoch of the run, the accuracy of a constant guess, and later stages without progress.
fn verdict(report: &RunReport) -> String {
    let RunReport { history, best, guess, about_probabilities, .. } = report;
    let mut text = String::new();
    let stage = history.stage(&best.stage);
    if let Some((stage, metrics)) = stage.and_then(|stage| Some((stage, stage.best_metrics()?))) {
        let Evaluated { loss, score } = metrics.validation;
        let _ = write!(
            text,
            "\nbest of the run: {}, {} ({}): validation {} {:.4}, loss {loss:.4}",
            best.stage,
            stage.best_in_words(),
            words(&best.by),
            score.words(),
            score.value()
        );
        if let Some(sentence) = guess {
            let _ = write!(text, "\n{sentence}");
        }
        text.push('\n');
    }
    if let Some(sentence) = about_probabilities {
        let _ = writeln!(text, "{sentence}");
    }
    let after = history.stages.iter().skip_while(|stage| stage.name != best.stage).skip(1);
    for later in after {
        let _ = writeln!(
            text,
            "stage {} did not improve on it: the best weights of the run are those of {}",
            later.name, best.stage
        );
    }
    for hint in &report.hints {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

fn figures(
    stage: &StageHistory,
    best: &EpochMetrics,
    last: &EpochMetrics,
    of: fn(&Evaluated) -> f64,
) -> String {
    let [before, best, last] = [&stage.before, &best.validation, &last.validation].map(of);
    format!("{before:.4}  {best:.4}  {last:.4}")
}
