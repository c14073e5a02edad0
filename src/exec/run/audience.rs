//! Who hears what a run does: its directory, and whoever looks on.

use crate::base::fs::FileError;
use crate::event::{Event, EventSink};
use crate::run_dir::recorder::Recorder;

/// The run directory first, so that what is shown is written.
pub(crate) struct Audience<'a> {
    /// Writes the run directory.
    pub(crate) recorder: &'a mut Recorder,
    /// Looks on.
    pub(crate) observer: &'a mut dyn EventSink,
}

impl EventSink for Audience<'_> {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        self.recorder.receive(event)?;
        self.observer.receive(event)
    }
}
