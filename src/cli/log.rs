//! The log of a run: one JSON object per line in the run directory, and text on the terminal with
//! `--verbose`.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::terminal::{Terminal, Verbosity};
use crate::base::clock;
use crate::base::fs::{self, FileError};
use crate::event::{Event, EventSink};

/// The log of this process.
#[derive(Clone)]
pub(super) struct Log {
    target: Arc<Mutex<Target>>,
}

/// Where lines go: held in memory until the run directory exists, then written to its file.
enum Target {
    Waiting(Vec<u8>),
    File(File, PathBuf),
}

impl Log {
    /// Starts the log. The terminal shows more records with a higher verbosity.
    pub(super) fn start(terminal: &Terminal) -> Self {
        let verbosity = terminal.verbosity();
        let log = Self { target: Arc::new(Mutex::new(Target::Waiting(vec![]))) };
        let shown = match verbosity {
            Verbosity::Quiet | Verbosity::Normal => LevelFilter::OFF,
            Verbosity::Verbose => LevelFilter::INFO,
            Verbosity::Debug => LevelFilter::DEBUG,
        };
        let kept =
            if verbosity == Verbosity::Debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
        // Only the first log of a process is installed.
        let _ = tracing_subscriber::registry()
            .with(Lines(*terminal).with_filter(shown))
            .with(JsonLines(log.clone()).with_filter(kept))
            .try_init();
        log
    }

    /// Writes the lines so far, and all later ones, to a file.
    fn open(&self, path: &Path) -> Result<(), FileError> {
        let mut file = fs::append(path)?;
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        if let Target::Waiting(lines) = &*target {
            file.write_all(lines).map_err(|source| FileError::new("write", path, source))?;
        }
        *target = Target::File(file, path.to_path_buf());
        Ok(())
    }

    /// The run directory, once it exists.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        match &*self.target.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Waiting(_) => None,
            Target::File(_, path) => path.parent().map(Path::to_path_buf),
        }
    }

    fn write(&self, line: &[u8]) {
        match &mut *self.target.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Waiting(lines) => lines.extend_from_slice(line),
            // A failure to write the log does not end the run.
            Target::File(file, _) => drop(file.write_all(line)),
        }
    }
}

/// Records the events of a run in the log.
impl EventSink for Log {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        if let Event::RunStarted { directory, .. } | Event::RunResumed { directory, .. } = event {
            self.open(&directory.join(crate::run_dir::layout::EVENTS))?;
        }
        let json = serde_json::to_string(event).expect("events are plain data");
        match event {
            Event::StepFinished { .. } => tracing::debug!(event = json),
            Event::Warning { .. } | Event::RunStopped { is_interrupted: true, .. } => {
                tracing::warn!(event = json);
            }
            Event::RunStopped { .. } => tracing::error!(event = json),
            _ => tracing::info!(event = json),
        }
        Ok(())
    }
}

/// Writes each event of a run as a JSON object.
struct JsonLines(Log);

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        fields.0.insert("time".to_owned(), clock::now().into());
        fields.0.insert("level".to_owned(), level(event).into());
        event.record(&mut fields);
        // Records of libraries are only shown.
        if !fields.0.contains_key("event") {
            return;
        }
        self.0.write(format!("{}\n", Value::Object(fields.0)).as_bytes());
    }
}

/// Prints each log record as a line on the terminal: time, level, and the event as JSON.
struct Lines(Terminal);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let what = match fields.0.remove("event") {
            Some(event) if fields.0.is_empty() => event,
            other => {
                fields.0.extend(other.map(|event| ("event".to_owned(), event)));
                Value::Object(fields.0)
            }
        };
        let level = level(event).to_uppercase();
        self.0.error_text(&format!("{} {level:>5} {what}\n", clock::now()));
    }
}

fn level(event: &tracing::Event<'_>) -> &'static str {
    match *event.metadata().level() {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Events of a run are already JSON.
        let parsed = (field.name() == "event").then(|| serde_json::from_str(value).ok()).flatten();
        self.0.insert(field.name().to_owned(), parsed.unwrap_or_else(|| value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}
