//! Exit codes, and how failures are reported.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::diagnostics;
use super::terminal::Terminal;
use crate::base::fs;
use crate::base::guard;
use crate::base::names;
use crate::base::text;
use crate::pipeline::load::{LoadError, Rejected};
use crate::run_dir::verify::ManifestError;
use crate::run_dir::{catalog, layout};
use crate::spec::problem::Code;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Success.
    Done,
    /// A stage or a download failed, or a command such as `check` found a problem.
    Failed,
    /// The command line or the pipeline is wrong.
    Usage,
    /// A bug in this program.
    Bug,
    /// The user interrupted it.
    Interrupted,
}

impl Exit {
    /// The exit code of the process.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Reports a panic, which is always a bug in this program and never the user's fault.
pub(super) fn report_bug(panic: &PanicHookInfo<'_>) {
    if guard::is_expected() {
        // A decoder panicked on a bad file, which is reported as an error of that file.
        return;
    }
    let version = env!("CARGO_PKG_VERSION");
    let text = format!(
        "error: this is a bug in alpaca-run {version}: {panic}\n\
         hint: please report it, with the pipeline file and the steps that led to it\n"
    );
    // If standard error cannot be written, nobody can be told.
    let _ = io::stderr().lock().write_all(names::visible(&text).as_bytes());
}

/// Ends the process when no memory is left for a request of `size` bytes. Allocates nothing.
pub fn out_of_memory(size: usize) -> ! {
    static IS_REPORTED: AtomicBool = AtomicBool::new(false);
    if IS_REPORTED.swap(true, Ordering::SeqCst) {
        // Another thread prints the message and ends the process, or printing it failed.
        thread::sleep(Duration::from_millis(200));
    } else {
        let mut text = [0; 320];
        let mut rest = &mut text[..];
        let _ = write!(
            rest,
            "error: out of memory: {size} more bytes are not available\n\
             hint: an interrupted run continues with `alpaca-run resume RUN`; `--threads 1`, and a \
             smaller `batch_size` or `image_size`, need less memory\n"
        );
        let n_left = rest.len();
        let written = text.len() - n_left;
        // If standard error cannot be written, nobody can be told.
        let _ = io::stderr().lock().write_all(&text[..written]);
    }
    end_at_once(Exit::Failed)
}

/// Ends the process without cleaning up, which might allocate.
#[cfg(unix)]
fn end_at_once(exit: Exit) -> ! {
    signal_hook::low_level::exit(exit.code().into())
}

#[cfg(not(unix))]
fn end_at_once(_: Exit) -> ! {
    std::process::abort()
}

/// The exit code of a command line that clap rejected, or of `--help` and `--version`.
pub(super) fn of_usage(error: &clap::Error) -> ExitCode {
    // If the message cannot be printed, nothing more can be done.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The pipeline has problems at these locations.
    Rejected(Rejected),
    /// Another rank of the run reports it.
    OfAnotherRank(Exit),
    /// Something else went wrong.
    Other {
        /// The exit code.
        exit: Exit,
        /// The stable code of the problem, if it has one.
        code: Option<Code>,
        /// The error with its causes.
        error: anyhow::Error,
        /// Details besides the causes.
        notes: Vec<String>,
        /// How to fix it.
        hints: Vec<String>,
    },
}

impl Failure {
    /// A wrong command line or an unreadable pipeline.
    pub(super) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::usage_with(error, vec![])
    }

    /// Like [`Failure::usage`], with hints how to fix it.
    pub(super) fn usage_with(error: impl Into<anyhow::Error>, hints: Vec<String>) -> Self {
        Self::Other { exit: Exit::Usage, code: None, error: error.into(), notes: vec![], hints }
    }

    /// The same failure with another exit code.
    pub(super) fn with_exit(mut self, code: Exit) -> Self {
        if let Self::Other { exit, .. } = &mut self {
            *exit = code;
        }
        self
    }

    /// Prints the failure and returns its exit code.
    pub(super) fn report(self, terminal: &Terminal) -> Exit {
        match self {
            Self::OfAnotherRank(exit) => exit,
            Self::Rejected(rejected) => {
                terminal.styled(&diagnostics::render(&rejected, terminal.color()));
                Exit::Usage
            }
            Self::Other { exit, code, error, notes, hints } => {
                let color = terminal.color();
                terminal.styled(&diagnostics::render_error(&error, code, &notes, &hints, color));
                exit
            }
        }
    }
}

impl From<ManifestError> for Failure {
    fn from(error: ManifestError) -> Self {
        let exit = match error {
            // The command line is correct; the run directory is damaged.
            ManifestError::Changed(_) | ManifestError::Gone(_) => Exit::Failed,
            _ => Exit::Usage,
        };
        let mut hints = error.hints();
        hints.extend(meant(&error));
        Self::Other { exit, code: None, error: error.into(), notes: vec![], hints }
    }
}

/// The run that somebody may have meant, or how to finish the one that they named.
fn meant(error: &ManifestError) -> Option<String> {
    let shown = |path: &Path| names::text_of_path(path);
    match error {
        ManifestError::NotThere(path) => run_meant(path),
        ManifestError::Missing(path) if catalog::has_files_of_a_run(path) => {
            Some(format!("run `alpaca-run resume {}` to finish it", shown(path)))
        }
        ManifestError::Missing(path) => run_meant(path),
        _ => None,
    }
}

/// The run that somebody may have meant by a path that is not one.
pub(super) fn run_meant(path: &Path) -> Option<String> {
    let below = Path::new("runs").join(path);
    if !path.exists() && below.is_dir() {
        return Some(format!("did you mean `{}`?", names::text_of_path(&below)));
    }
    let runs = fs::read_dir_sorted(path).unwrap_or_default();
    let run = runs.into_iter().find(|run| run.join(layout::MANIFEST).is_file())?;
    Some(format!("name one of the runs in it, such as `{}`", names::text_of_path(&run)))
}

/// The hint for a path that is not a pipeline file.
fn pipeline_meant(path: &Path) -> Option<String> {
    let shown = names::text_of_path(path);
    if path.join(layout::MANIFEST).is_file() {
        return Some(format!(
            "`{shown}` is a finished run: `alpaca-run report {shown}`, `alpaca-run predict {shown} IMAGE…`"
        ));
    }
    if path.is_dir() {
        return Some(format!(
            "to train on the images in it, pass a pipeline and `-S dataset.directory={shown}`"
        ));
    }
    let directory =
        path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let files = fs::read_dir_sorted(directory).unwrap_or_default();
    let files: Vec<String> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "yaml" || end == "yml"))
        .filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()))
        .collect();
    let name = path.file_name()?.to_str()?;
    let nearest = text::nearest(name, files.iter().map(String::as_str), 1).first().copied()?;
    let file = names::text_of_path(&path.with_file_name(nearest));
    Some(format!("did you mean `{file}`?"))
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Rejected(rejected) => Self::Rejected(rejected),
            LoadError::File(error) => {
                let hint = pipeline_meant(&error.path);
                Self::usage_with(LoadError::File(error), hint.into_iter().collect())
            }
            error @ LoadError::Encoding { hint, .. } => {
                Self::usage_with(error, vec![hint.to_owned()])
            }
        }
    }
}
