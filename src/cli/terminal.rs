//! Writes results to standard output and everything else to standard error.

use std::io::{self, IsTerminal, Write};

use super::args::OutputArguments;
use crate::base::names;

/// How much is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verbosity {
    /// Errors and the final result.
    Quiet,
    /// Progress.
    Normal,
    /// Progress and log records.
    Verbose,
    /// Everything, including debug records.
    Debug,
}

/// Whether text is colored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// With colors.
    Always,
    /// Plain text.
    Never,
}

/// The two output streams and their capabilities.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    verbosity: Verbosity,
    color: Color,
    is_interactive: bool,
}

impl Terminal {
    /// The terminal of this process.
    pub(super) fn new(arguments: &OutputArguments) -> Self {
        let verbosity = match (arguments.quiet, arguments.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        };
        let is_interactive = io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = if is_interactive && !no_color { Color::Always } else { Color::Never };
        Self { verbosity, color, is_interactive }
    }

    /// The terminal of a rank that is not the first: it prints only errors.
    pub(super) fn quiet(self) -> Self {
        Self { verbosity: Verbosity::Quiet, ..self }
    }

    /// How much is printed.
    pub(super) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Whether standard error is colored.
    pub(super) fn color(&self) -> Color {
        self.color
    }

    /// Whether standard error is a terminal that can be redrawn.
    pub(super) fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Whether results appear on a terminal, where a progress bar would interfere.
    #[expect(clippy::unused_self, reason = "callers hold the terminal")]
    pub(super) fn shows_results(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints a result to standard output, with terminal escape sequences made visible.
    ///
    /// # Errors
    /// When it cannot be written. A closed pipe (`| head`) is not an error.
    #[expect(clippy::unused_self, reason = "callers hold the terminal")]
    pub(super) fn result(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(names::visible(text).as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Prints a line of progress to standard error, except with `--quiet`.
    pub(super) fn note(&self, line: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.error_text(&format!("{line}\n"));
        }
    }

    /// Prints a warning to standard error at any verbosity.
    pub(super) fn warn(&self, message: &str) {
        self.error_text(&format!("warning: {message}\n"));
    }

    /// Clears the terminal, except with `--quiet` or `--verbose`.
    pub(super) fn clear(&self) {
        if self.is_interactive && self.verbosity == Verbosity::Normal {
            self.styled("\x1b[2J\x1b[H");
        }
    }

    /// Prints text to standard error at any verbosity, with terminal escape sequences made visible.
    pub(super) fn error_text(&self, text: &str) {
        self.styled(&names::visible(text));
    }

    /// Prints text that may contain color codes. Names in it must have been made visible.
    #[expect(clippy::unused_self, reason = "callers hold the terminal")]
    pub(super) fn styled(&self, text: &str) {
        // If standard error cannot be written, nobody can be told.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
