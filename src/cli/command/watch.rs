//! `alpaca-run watch PIPELINE`

use std::cmp::Ordering;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::plan::render;
use super::run::{failure, gives_hints, perform, summary};
use super::serve::{self, Serving};
use super::sessions::session;
use super::{Fetching, on_threads, pipeline_directory, select};
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::cache::pool::Pool;
use crate::cli::args::WatchArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::follow::{Follower, Means, Targets};
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::event::EpochMetrics;
use crate::exec::plan::PlanOptions;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::prepare::weights::published;
use crate::exec::run::begin::Planned;
use crate::exec::run::session::{RunReport, Texts};
use crate::fetch;
use crate::pipeline::load::Loaded;
use crate::pipeline::resolved;
use crate::run_dir::layout;
use crate::spec::WeightsSpec;

/// How often the run in progress is checked while no file changes.
const GLANCE: Duration = Duration::from_millis(50);
/// Time without further edits before a run starts, so that a burst of edits starts one run.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a pipeline file may be missing while it is saved.
const ABSENCE: Duration = Duration::from_millis(500);

/// Runs a pipeline, and after each edit the affected stages, until it is interrupted.
pub(in crate::cli) fn run(
    arguments: WatchArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let pipeline = &arguments.run.pipeline.pipeline;
    let file = fs::normalise(&settings.current_dir.join(pipeline));
    let directory = pipeline_directory(&arguments.run.pipeline, settings);
    let stop = Cancel::new();
    signals::listen(&stop);
    let serving = if arguments.serve {
        Some(serve::beside(&arguments.run.runs_dir, settings, terminal)?)
    } else {
        None
    };
    let log = Log::start(terminal);
    let seconds = arguments.poll.map(Duration::from_secs_f64);
    let means = seconds.map_or(Means::System, Means::Polling);
    let follower = Follower::new(means).map_err(|error| {
        let hints = error.hints.clone();
        Failure::usage_with(error, hints)
    })?;
    let watch = Watch {
        arguments,
        settings: settings.clone(),
        terminal: *terminal,
        file,
        directory,
        log,
        follower,
        stop,
        known: None,
        features: Pool::default(),
        running: None,
        next: None,
        stopped: None,
        looked: None,
        is_replaced: false,
        finished: vec![],
        serving,
    };
    watch.announce();
    watch.until()
}

struct Watch {
    arguments: WatchArguments,
    settings: Settings,
    terminal: Terminal,
    /// The pipeline file, absolute.
    file: PathBuf,
    /// The directory of the pipeline file.
    directory: PathBuf,
    log: Log,
    follower: Follower,
    /// Set when a signal requests a stop.
    stop: Cancel,
    known: Option<ImagesRead>,
    /// The features of earlier runs.
    features: Pool,
    /// The run in progress.
    running: Option<RunHandle>,
    /// The next run, which starts once the run in progress has stopped.
    next: Option<(Candidate, Identity)>,
    /// The directory of the run that was stopped for the next one.
    stopped: Option<PathBuf>,
    /// When the last edit was loaded; `None` before the first edit.
    looked: Option<Instant>,
    /// Whether the run in progress was cancelled because of an edit.
    is_replaced: bool,
    /// The finished runs, the current one last.
    finished: Vec<FinishedRun>,
    /// The server of the runs, with `--serve`.
    serving: Option<Serving>,
}

/// A run that finished in this session.
struct FinishedRun {
    identity: Identity,
    directory: PathBuf,
    /// The stage and the metrics of its best epoch.
    stage: String,
    best: EpochMetrics,
}

/// Runs are the same if the keys of their stages and their names are equal.
type Identity = (Vec<Digest>, String);

/// A run in progress on its own thread.
struct RunHandle {
    identity: Identity,
    cancel: Cancel,
    thread: JoinHandle<Result<RunReport, Failure>>,
}

/// A pipeline that can run.
struct Candidate {
    loaded: Loaded,
    planned: Planned,
    options: PlanOptions,
}

impl Candidate {
    fn identity(&self) -> Identity {
        let keys = self.planned.plan.stages.iter().map(|stage| stage.key.digest());
        (keys.collect(), self.loaded.spec.name.clone())
    }
}

impl Watch {
    /// Shows where the runs are served. The terminal may have been cleared.
    fn announce(&self) {
        if let Some(serving) = &self.serving {
            self.terminal.note(&format!("the runs are shown at {}", serving.address));
        }
    }

    fn until(mut self) -> Result<Exit, Failure> {
        // A file that does not exist is more likely a wrong name than a future file.
        fs::open(&self.file).map_err(Failure::usage)?;
        self.follow(None);
        let mut change = Some(Instant::now());
        loop {
            if let Some(since) = change {
                let is_first = self.known.is_none();
                self.look(since);
                self.looked = (!is_first).then(Instant::now);
            }
            if self.running.as_ref().is_some_and(|running| running.thread.is_finished()) {
                self.finish();
            }
            if self.stop.is_set() {
                return match self.running.take() {
                    Some(running) => running.end().map(|_| Exit::Done),
                    None => Ok(Exit::Done),
                };
            }
            let is_quiet = self.looked.is_none_or(|looked| looked.elapsed() >= PAUSE);
            if self.running.is_none()
                && is_quiet
                && let Some((candidate, identity)) = self.next.take()
            {
                self.launch(candidate, identity);
            }
            change = self.follower.wait(GLANCE);
        }
    }

    /// Loads the edited pipeline. Reports its problems, or prints the plan and replaces the run in
    /// progress.
    fn look(&mut self, since: Instant) {
        let candidate = match self.candidate() {
            Ok(candidate) => candidate,
            Err(failure) => {
                failure.report(&self.terminal);
                let still = match self.running {
                    Some(_) => "the run in progress continues; ",
                    None => "",
                };
                self.terminal.note(&format!("{still}waiting for the next edit"));
                return;
            }
        };
        self.follow(Some(&candidate.loaded));
        self.known = Some(candidate.planned.known());
        let identity = candidate.identity();
        let next = self.next.as_ref().map(|(_, identity)| identity);
        let in_progress = self.running.as_ref().filter(|_| !self.is_replaced);
        let in_progress = in_progress.map(|running| &running.identity);
        let last = self.finished.last().map(|run| &run.identity);
        if next.or(in_progress).or(last) == Some(&identity) {
            self.terminal.note("no change affects the results");
            return;
        }
        self.terminal.clear();
        self.announce();
        // The run in progress stops after its current step. Meanwhile, further edits are loaded.
        if let Some(running) = &self.running {
            running.cancel.set();
            self.is_replaced = true;
        }
        self.next = None;
        let again = self.finished.iter().position(|run| run.is_same_as(&identity));
        if let Some(position) = again {
            let run = self.finished.remove(position);
            self.terminal.note(&format!("this pipeline has run already: {}", run.line()));
            self.finished.push(run);
            return;
        }
        if let Some(run) = self.finished.last() {
            self.terminal.note(&format!("last result: {}", run.line()));
        }
        let plan = render(&candidate.planned.plan, &candidate.loaded.document, false);
        let pipeline = names::text_of_path(&self.arguments.run.pipeline.pipeline);
        let after = since.elapsed().as_millis();
        self.terminal.note(&format!("\n{pipeline}, planned in {after} ms:\n{}", plan.trim_end()));
        self.next = Some((candidate, identity));
    }

    fn candidate(&self) -> Result<Candidate, Failure> {
        let start = Instant::now();
        while !self.file.exists() && start.elapsed() < ABSENCE {
            thread::sleep(Duration::from_millis(5));
        }
        let run = &self.arguments.run;
        let (loaded, prepared, mut options) = select(
            &run.pipeline,
            &run.stages,
            &self.settings,
            Fetching::IfMissing(&self.terminal),
        )?;
        if !self.finished.is_empty() || self.running.is_some() {
            // Forced stages have already run.
            options.force.clear();
        }
        let mut session = session(&self.settings, self.directory.clone());
        session.cancel = self.stop.clone();
        let _shown = ShownWork::watch(&self.terminal, &session.tally);
        let known = self.known.as_ref();
        let planned =
            on_threads(&self.settings, || session.plan(&loaded.spec, prepared, &options, known))??;
        planned.check_dataset(&loaded.spec)?;
        Ok(Candidate { loaded, planned, options })
    }

    /// Starts a run, which continues from the run that was stopped for it.
    fn launch(&mut self, mut candidate: Candidate, identity: Identity) {
        if let Some(directory) = self.stopped.take() {
            candidate.options.unfinished = Some(directory);
            let session = session(&self.settings, self.directory.clone());
            let Candidate { loaded, planned, options } = &mut candidate;
            session.plan_again(&loaded.spec, planned, options);
        }
        let mut session = session(&self.settings, self.directory.clone());
        session.features = self.features.clone();
        session.hints = gives_hints(&self.terminal);
        let cancel = session.cancel.clone();
        let (settings, terminal, mut log) =
            (self.settings.clone(), self.terminal, self.log.clone());
        let runs_dir = self.arguments.run.runs_dir.clone();
        let thread = thread::spawn(move || {
            let Candidate { loaded, planned, .. } = candidate;
            let resolved = resolved::render(&loaded.spec, &loaded.document);
            let texts = Texts { pipeline: &loaded.document.sources()[0].text, resolved: &resolved };
            perform((&settings, &terminal), (&mut log, &loaded.logs), |sinks| {
                session.run(&loaded.spec, planned, &runs_dir, &texts, sinks)
            })?
            .map_err(|error| failure(error, log.directory().zip(Some(&settings))))
        });
        self.running = Some(RunHandle { identity, cancel, thread });
    }

    /// Reports the result of the run that has ended.
    fn finish(&mut self) {
        let Some(running) = self.running.take() else { return };
        let identity = running.identity.clone();
        let ended = running.end();
        if std::mem::take(&mut self.is_replaced) {
            // It was cancelled on purpose. Other failures will occur again.
            self.stopped = self.log.directory();
            return;
        }
        match ended {
            Ok(report) => {
                // If standard output cannot be written, nobody can be told.
                let _ = self.terminal.result(&summary(&report, &self.terminal));
                if let Some(run) = FinishedRun::of(&report, identity) {
                    if let Some(before) = self.finished.last() {
                        self.terminal.note(&run.against(before));
                    }
                    self.finished.push(run);
                }
            }
            Err(failure) => drop(failure.report(&self.terminal)),
        }
        let what = if self.arguments.data { " and its images" } else { "" };
        let pipeline = names::text_of_path(&self.arguments.run.pipeline.pipeline);
        self.terminal.note(&format!("\nwatching {pipeline}{what}; press Ctrl-C to stop"));
    }

    /// Watches the pipeline file and, once it is loaded, the files it refers to.
    fn follow(&mut self, loaded: Option<&Loaded>) {
        let mut targets = Targets { files: vec![self.file.clone()], folders: vec![] };
        if let Ok(real) = self.file.canonicalize() {
            // If the file is a link, both the link and its target may change.
            targets.files.push(real);
        }
        if let Some(Loaded { spec, .. }) = loaded {
            let absolute = |path: &PathBuf| fs::normalise(&self.settings.current_dir.join(path));
            if let WeightsSpec::File(location) = &spec.model.weights {
                targets.files.push(absolute(&location.path));
            }
            let teachers = spec.stages.iter().filter_map(|stage| stage.train()?.teacher.as_ref());
            for path in teachers.map(|teacher| absolute(&teacher.model.path)) {
                let is_file = path.is_file();
                targets.files.push(if is_file { path } else { path.join(layout::MANIFEST) });
            }
            if let (Some(file), Some(root)) = (published(&spec.model), &self.settings.cache_folder)
            {
                targets.files.push(absolute(&fetch::path_of(root, &file)));
            }
            if self.arguments.data {
                let directories = spec.dataset.source.directories().into_iter();
                let directories = directories.chain(&spec.dataset.unlabeled);
                targets.folders.extend(directories.map(|directory| absolute(&directory.path)));
            }
        }
        if let Err(error) = self.follower.follow(targets) {
            let hints = error.hints.join("; ");
            self.terminal.warn(&format!("some files are not watched: {error}: {hints}"));
        }
    }
}

impl RunHandle {
    /// Stops the run, unless it has ended, such that it can be resumed.
    fn end(self) -> Result<RunReport, Failure> {
        self.cancel.set();
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl FinishedRun {
    fn of(report: &RunReport, identity: Identity) -> Option<Self> {
        let stage = report.best.stage.clone();
        let best = *report.history.stage(&stage)?.best_metrics()?;
        Some(Self { identity, directory: report.directory.clone(), stage, best })
    }

    /// Whether the run has this identity, and still exists.
    fn is_same_as(&self, identity: &Identity) -> bool {
        self.identity == *identity && self.directory.is_dir()
    }

    /// The result as a line.
    fn line(&self) -> String {
        format!(
            "validation {} {:.4} in epoch {} of {} ({})",
            self.best.validation.score.words(),
            self.best.validation.score.value(),
            self.best.epoch,
            self.stage,
            names::text_of_path(&self.directory)
        )
    }

    /// How the result differs from that of an earlier run, as a line.
    fn against(&self, before: &Self) -> String {
        let [now, then] = [self, before].map(|run| run.best.validation);
        let what = now.score.words();
        if then.score.words() != what {
            let place = names::text_of_path(&before.directory);
            return format!("against {place}: another target, so the results cannot be compared");
        }
        let [score, score_then] = [now, then].map(|evaluated| evaluated.score.value());
        let order = score.total_cmp(&score_then);
        let verdict = match if now.score.is_error() { order.reverse() } else { order } {
            Ordering::Greater => "better".to_owned(),
            Ordering::Less => "worse".to_owned(),
            Ordering::Equal => format!("the same {what}"),
        };
        format!(
            "against {}: {verdict}: validation {what} {score_then:.4} → {score:.4} ({:+.4}), loss {:.4} → {:.4} ({:+.4})",
            names::text_of_path(&before.directory),
            score - score_then,
            then.loss,
            now.loss,
            now.loss - then.loss,
        )
    }
}
