//! The listeners of a run: its directory and an observer. Only the first rank has them.

use std::path::Path;

use crate::base::fs::FileError;
use crate::event::{Event, EventSink};
use crate::exec::plan::outcome::StageOutcome;
use crate::run_dir::recorder::Recorder;

/// Sends events to the run directory first, so that everything shown has been written.
pub(crate) struct Audience<'a> {
    /// Writes the run directory.
    pub(crate) recorder: Option<&'a mut Recorder>,
    /// Observes the run, such as the terminal.
    pub(crate) observer: Option<&'a mut dyn EventSink>,
}

impl Audience<'_> {
    /// The listeners of all ranks but the first.
    pub(crate) fn none() -> Self {
        Self { recorder: None, observer: None }
    }

    /// The run directory.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.recorder.as_deref().map(Recorder::directory)
    }

    /// Sends an event to the observer alone.
    pub(crate) fn observe(&mut self, event: &Event) -> Result<(), FileError> {
        self.observer.as_mut().map_or(Ok(()), |observer| observer.receive(event))
    }

    /// Records the events of a stage that has run before.
    pub(crate) fn replay(&mut self, outcome: &StageOutcome) -> Result<(), FileError> {
        self.recorder.as_deref_mut().map_or(Ok(()), |recorder| outcome.replay(recorder))
    }
}

impl EventSink for Audience<'_> {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        if let Some(recorder) = &mut self.recorder {
            recorder.receive(event)?;
        }
        self.observe(event)
    }
}
