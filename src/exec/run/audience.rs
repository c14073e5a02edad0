//! The listeners of a run: its directory and an observer.

use crate::base::fs::FileError;
use crate::event::{Event, EventSink};
use crate::run_dir::recorder::Recorder;

/// Sends events to the run directory first, so that everything shown has been written.
pub(crate) struct Audience<'a> {
    /// Writes the run directory.
    pub(crate) recorder: &'a mut Recorder,
    /// Observes the run, such as the terminal.
    pub(crate) observer: &'a mut dyn EventSink,
}

impl EventSink for Audience<'_> {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        self.recorder.receive(event)?;
        self.observer.receive(event)
    }
}
