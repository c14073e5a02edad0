//! Why a run, or something that is done with one, did not finish.

use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use super::evaluate;
use super::export::ExportError;
use crate::base::fs::FileError;
use crate::base::text;
use crate::dataset::error::DatasetError;
use crate::dataset::loader::LoaderError;
use crate::engine::EngineError;
use crate::run_dir::lock::LockError;
use crate::run_dir::plot::check::NotAPlot;
use crate::spec::problem::Code;
use crate::train::TrainError;

/// A run that did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The dataset cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file of the run directory cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An engine cannot run the network.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A stage failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Pictures could not be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The run directory is not ours to work in.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A run that was cut short cannot go on.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What a run was started with is not there any more.
    #[error("{what} since the run was started")]
    Changed {
        /// What, in a fragment.
        what: &'static str,
        /// How.
        details: Vec<String>,
    },
    /// A folder has classes that the model does not.
    #[error("the model has no {} {}", if unknown.len() == 1 { "class" } else { "classes" }, text::all_of(unknown.iter().map(String::as_str)))]
    UnknownClasses {
        /// The names of their folders.
        unknown: Vec<String>,
        /// The classes of the model.
        known: Vec<String>,
    },
    /// A model cannot be written for other software.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A plot of a run directory is not one that this program draws.
    #[error("`{}` is not a plot of this program", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// What it has that no plot has.
        source: NotAPlot,
    },
    /// A model is to be measured on no picture at all.
    #[error("there is no picture to measure on")]
    NothingToMeasure,
    /// A frozen weight changed.
    #[error("stage `{stage}` changed {} that it should have left alone", text::count(tensors.len(), "frozen tensor"))]
    FrozenChanged {
        /// The stage.
        stage: String,
        /// The tensors.
        tensors: Vec<String>,
    },
}

impl RunError {
    /// The stable code of the problem, where it has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Dataset(error) => error.code(),
            Self::Train(TrainError::LossNotFinite { .. }) => Some(Code::LossNotFinite),
            Self::FrozenChanged { .. } => Some(Code::FrozenChanged),
            Self::File(_)
            | Self::Engine(_)
            | Self::Loader(_)
            | Self::Train(_)
            | Self::Lock(_)
            | Self::Checkpoint(_)
            | Self::UnknownClasses { .. }
            | Self::NothingToMeasure
            | Self::Export(_)
            | Self::Plot { .. }
            | Self::Changed { .. } => None,
        }
    }

    /// The details and what to do about them.
    pub fn hints(&self) -> Vec<String> {
        match self {
            // The system's words follow as a note.
            Self::Dataset(DatasetError::Directory { .. }) => vec![
                "if the images are in another directory now, pass it: `-S dataset.directory=DIR`"
                    .to_owned(),
            ],
            Self::Dataset(error) => error.hints(),
            Self::Train(error) => error.hints(),
            Self::FrozenChanged { tensors, .. } => {
                vec![format!(
                    "this is a bug of alpaca-run; the tensors:\n{}",
                    text::first_lines(tensors, 10)
                )]
            }
            Self::Changed { details, .. } => details.clone(),
            Self::Checkpoint(CheckpointError::Missing(_)) => {
                vec!["it stopped before its first stage; run the pipeline again".to_owned()]
            }
            Self::UnknownClasses { unknown, known } => evaluate::unknown_classes(unknown, known),
            Self::Export(error) => error.hints(),
            Self::Plot { .. } => vec![
                "the page of a run never takes over what could run or load \
                 something; remove the file, or do not trust the run directory"
                    .to_owned(),
            ],
            Self::Lock(LockError::Held { .. }) => {
                vec!["wait for it to end, or stop it".to_owned()]
            }
            Self::Lock(LockError::File(_)) => {
                vec!["the run directory must be one that you may write in".to_owned()]
            }
            Self::File(_)
            | Self::Engine(_)
            | Self::Loader(_)
            | Self::NothingToMeasure
            | Self::Checkpoint(_) => vec![],
        }
    }

    /// Whether the run can go on once what stopped it is out of the way.
    pub fn can_go_on(&self) -> bool {
        match self {
            Self::File(_) | Self::Loader(_) | Self::Engine(_) => true,
            Self::Train(error) => !matches!(error, TrainError::LossNotFinite { .. }),
            Self::Dataset(_)
            | Self::Lock(_)
            | Self::Checkpoint(_)
            | Self::Changed { .. }
            | Self::UnknownClasses { .. }
            | Self::NothingToMeasure
            | Self::Export(_)
            | Self::Plot { .. }
            | Self::FrozenChanged { .. } => false,
        }
    }

    /// Whether somebody asked the run to stop.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Train(TrainError::Cancelled { .. }) | Self::Dataset(DatasetError::Cancelled)
        )
    }
}
