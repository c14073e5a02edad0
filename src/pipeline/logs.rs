//! Where a pipeline says that runs are logged besides their directories. It never decides a result.

use std::ffi::OsStr;

use crate::spec::Location;

/// The values of a section `log`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogValues {
    /// The directory of event files for TensorBoard.
    pub tensorboard: Option<Location>,
}

impl LogValues {
    /// The same for the runs of a sweep or of folds, which are together in a directory of this name.
    #[must_use]
    pub fn of_several(&self, name: &OsStr) -> Self {
        let below = |place: &Location| Location { path: place.path.join(name), ..place.clone() };
        Self { tensorboard: self.tensorboard.as_ref().map(below) }
    }
}
