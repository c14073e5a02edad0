//! Where a pipeline says that runs are logged besides their directories. It never decides a result.

use crate::spec::Location;

/// The values of a section `log`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogValues {
    /// The directory of event files for TensorBoard.
    pub tensorboard: Option<Location>,
}
