//! Where text goes: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use super::args::OutputArguments;
use crate::base::names;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verbosity {
    /// Errors and the final result.
    Quiet,
    /// Progress.
    Normal,
    /// Progress and what the program is doing.
    Verbose,
    /// Everything.
    Debug,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Color {
    /// With colours.
    Always,
    /// Plain.
    Never,
}

/// The two output streams and what they can show.
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

    /// How much is said.
    pub(super) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Whether standard error is coloured.
    pub(super) fn color(&self) -> Color {
        self.color
    }

    /// Whether somebody watches standard error on a screen that can be redrawn.
    pub(super) fn is_interactive(&self) -> bool {
        self.is_interactive
    }

    /// Whether results appear on a screen, where progress would get in between.
    #[expect(clippy::unused_self, reason = "whoever asks has been handed the terminal")]
    pub(super) fn shows_results(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints a result to standard output, in which nothing is left that a terminal would obey.
    ///
    /// # Errors
    /// When it cannot be written; a reader that has gone away (`| head`) is not an error.
    #[expect(clippy::unused_self, reason = "whoever prints has been handed the terminal")]
    pub(super) fn result(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(names::visible(text).as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Prints a line of progress to standard error, unless asked to be quiet.
    pub(super) fn note(&self, line: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.error_text(&format!("{line}\n"));
        }
    }

    /// Prints a warning to standard error, whatever the verbosity.
    pub(super) fn warn(&self, message: &str) {
        self.error_text(&format!("warning: {message}\n"));
    }

    /// Empties the screen, where there is one and nobody asked to be told everything.
    pub(super) fn clear(&self) {
        if self.is_interactive && self.verbosity == Verbosity::Normal {
            self.styled("\x1b[2J\x1b[H");
        }
    }

    /// Prints text to standard error, whatever the verbosity; nothing is left in it that a terminal
    /// would obey.
    pub(super) fn error_text(&self, text: &str) {
        self.styled(&names::visible(text));
    }

    /// Prints text with the colours that are in it, whose names must be visible already.
    #[expect(clippy::unused_self, reason = "whoever prints has been handed the terminal")]
    pub(super) fn styled(&self, text: &str) {
        // Where standard error cannot be written there is nobody left to tell.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
