//! Why a run, or something that is done with one, did not finish.

use std::path::PathBuf;

use crate::base::fs::FileError;
use crate::base::text;
use crate::dataset::error::DatasetError;
use crate::dataset::loader::LoaderError;
use crate::engine::EngineError;
use crate::model::weights::bundle::BundleError;
use crate::onnx::UnsupportedResize;
use crate::onnx::run::GraphError;
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
            Self::UnknownClasses { unknown, known } => unknown_classes(unknown, known),
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
    pub fn can_resume(&self) -> bool {
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

impl From<UnsupportedResize> for RunError {
    fn from(error: UnsupportedResize) -> Self {
        Self::Export(error.into())
    }
}

impl From<GraphError> for RunError {
    fn from(error: GraphError) -> Self {
        Self::Export(error.into())
    }
}

/// What is said about classes that a model does not know.
fn unknown_classes(unknown: &[String], known: &[String]) -> Vec<String> {
    let known = known.iter().map(String::as_str);
    let mut hints: Vec<String> = unknown
        .iter()
        .filter_map(|name| match text::nearest(name, known.clone(), 1)[..] {
            [nearest] => Some(format!("`{name}`: did you mean `{nearest}`?")),
            _ => None,
        })
        .collect();
    hints.push(format!("the model knows {}", text::all_of(known)));
    hints
}

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is none.
    #[error("`{}` holds nothing to go on from", .0.display())]
    Missing(PathBuf),
    /// A file of it cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of it is not what was written.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BundleError,
    },
    /// It was written by another version.
    #[error("the checkpoint was written by {theirs}, and this is {ours}")]
    Other {
        /// The program that wrote it.
        theirs: String,
        /// This one.
        ours: String,
    },
}

/// The largest difference of a probability that may be called agreement.
pub(crate) const TOLERANCE: f64 = 1e-4;

/// A model that cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Its pictures are resized in a way that no graph knows.
    #[error(transparent)]
    Resize(#[from] UnsupportedResize),
    /// Its base model is a file itself.
    #[error("a model whose base model is an ONNX file that is run as it is cannot be exported")]
    Backbone,
    /// tract cannot run the file.
    #[error(transparent)]
    Tract(#[from] GraphError),
    /// The file says something else.
    #[error(
        "the exported file and the model differ by {difference:.1e} on `{path}`, more than {TOLERANCE:.0e}"
    )]
    Disagreement {
        /// The largest difference of a probability.
        difference: f64,
        /// The picture.
        path: String,
    },
}

impl ExportError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Resize(_) => vec![
                "`--normalised` (in a pipeline `normalised: true`) leaves resizing out of the graph"
                    .to_owned(),
            ],
            Self::Backbone => vec![
                "`alpaca-run predict RUN` asks it; the run directory has its base model and its head"
                    .to_owned(),
            ],
            Self::Tract(_) | Self::Disagreement { .. } => {
                vec!["this is a bug of alpaca-run; no file was written".to_owned()]
            }
        }
    }
}
