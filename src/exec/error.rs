//! Errors of runs, and of commands that use finished runs.

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

/// Why a run did not finish.
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
    /// Images could not be loaded.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// The run directory is in use or cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// An interrupted run cannot be resumed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An input of the run changed since it was started.
    #[error("{what} since the run was started")]
    Changed {
        /// The change as a sentence fragment.
        what: &'static str,
        /// Details of the change.
        details: Vec<String>,
        /// How to continue.
        hints: Vec<String>,
    },
    /// A directory has classes that the model does not have.
    #[error("the model has no {} {}", if unknown.len() == 1 { "class" } else { "classes" }, text::all_of(unknown.iter().map(String::as_str)))]
    UnknownClasses {
        /// The names of their directories.
        unknown: Vec<String>,
        /// The classes of the model.
        known: Vec<String>,
    },
    /// A model cannot be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Models cannot be averaged.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// A plot of a run directory is not one that this program draws.
    #[error("`{}` is not a plot of this program", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// The content that plots never have.
        source: NotAPlot,
    },
    /// A model of numbers is to be evaluated on a directory of classes.
    #[error("a directory has no numbers to evaluate on")]
    NoNumbers,
    /// A model is to be evaluated without images.
    #[error("no images to evaluate on")]
    NothingToMeasure,
    /// The ranks of a run do not begin with the same.
    #[error(transparent)]
    RanksDiffer(#[from] RanksDiffer),
    /// The device of the pipeline cannot share steps.
    #[error("`device: libtorch` runs on one rank only")]
    OneRankOnly,
    /// The plan of the first rank cannot be read.
    #[error("the plan of rank 0 cannot be read")]
    Plan(#[source] BundleError),
    /// A frozen weight changed.
    #[error("stage `{stage}` changed {} that must not change", text::count(tensors.len(), "frozen tensor"))]
    FrozenChanged {
        /// Name of the stage.
        stage: String,
        /// Names of the tensors.
        tensors: Vec<String>,
    },
}

impl RunError {
    /// The stable code of the problem, if it has one.
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
            | Self::NoNumbers
            | Self::NothingToMeasure
            | Self::Export(_)
            | Self::Ensemble(_)
            | Self::Plot { .. }
            | Self::RanksDiffer(_)
            | Self::OneRankOnly
            | Self::Plan(_)
            | Self::Changed { .. } => None,
        }
    }

    /// Details besides the causes.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Dataset(error) => error.notes(),
            Self::FrozenChanged { tensors, .. } => {
                vec![format!("the tensors are:\n{}", text::first_lines(tensors, 10))]
            }
            Self::Changed { details, .. } => details.clone(),
            Self::RanksDiffer(RanksDiffer { rank, first, other, .. }) => {
                vec![format!("it is {first} on rank 0, and {other} on rank {rank}")]
            }
            _ => vec![],
        }
    }

    /// How to fix the problem.
    pub fn hints(&self) -> Vec<String> {
        match self {
            // The message of the operating system follows as a note.
            Self::Dataset(DatasetError::Directory { .. }) => vec![
                "if the images are in another directory now, pass it: `-S dataset.directory=DIR`"
                    .to_owned(),
            ],
            Self::Dataset(error) => error.hints(),
            Self::Train(error) => error.hints(),
            Self::FrozenChanged { .. } => {
                vec!["this is a bug in alpaca-run; please report it".to_owned()]
            }
            Self::Checkpoint(CheckpointError::Missing(_)) => {
                vec!["it stopped before its first stage; run the pipeline again".to_owned()]
            }
            Self::Changed { hints, .. } => hints.clone(),
            Self::UnknownClasses { unknown, known } => unknown_classes(unknown, known),
            Self::Export(error) => error.hints(),
            Self::Ensemble(error) => error.hints(),
            Self::NoNumbers => vec![
                "this model estimates numbers: evaluate it on a table with `--data TABLE`, or on the \
                 images of its run with `--split test` or `--split validation`"
                    .to_owned(),
            ],
            Self::Plot { .. } => vec![
                "reports include only plots without scripts and links; remove the file, or do \
                 not trust the run directory"
                    .to_owned(),
            ],
            Self::RanksDiffer(_) => vec![
                "start the same build of alpaca-run on the same kind of processor, with the same \
                 pipeline, images and weights, on all ranks"
                    .to_owned(),
            ],
            Self::OneRankOnly => {
                vec!["write `device: cpu`, or leave out the launcher".to_owned()]
            }
            Self::Lock(LockError::Held { .. }) => {
                vec!["wait until it ends, or stop it".to_owned()]
            }
            Self::Lock(LockError::File(_)) => {
                vec!["make sure that you have permission to write to the run directory".to_owned()]
            }
            Self::File(_)
            | Self::Engine(_)
            | Self::Loader(_)
            | Self::NothingToMeasure
            | Self::Plan(_)
            | Self::Checkpoint(_) => vec![],
        }
    }

    /// Whether the run can be resumed once the cause is fixed.
    pub fn can_resume(&self) -> bool {
        match self {
            Self::File(_) | Self::Loader(_) | Self::Engine(_) => true,
            Self::Train(error) => !matches!(error, TrainError::LossNotFinite { .. }),
            Self::Dataset(_)
            | Self::Lock(_)
            | Self::Checkpoint(_)
            | Self::Changed { .. }
            | Self::UnknownClasses { .. }
            | Self::NoNumbers
            | Self::NothingToMeasure
            | Self::Export(_)
            | Self::Ensemble(_)
            | Self::Plot { .. }
            | Self::RanksDiffer(_)
            | Self::OneRankOnly
            | Self::Plan(_)
            | Self::FrozenChanged { .. } => false,
        }
    }

    /// Whether another rank of the run reports it, and ends the run.
    pub fn is_of_another_rank(&self) -> bool {
        matches!(self, Self::RanksDiffer(_) | Self::Train(TrainError::OtherRank { .. }))
            || self.is_cancelled()
    }

    /// Whether the user stopped the run.
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

/// Hints for classes that a model does not have.
fn unknown_classes(unknown: &[String], known: &[String]) -> Vec<String> {
    let known = known.iter().map(String::as_str);
    let mut hints: Vec<String> = unknown
        .iter()
        .filter_map(|name| match text::nearest(name, known.clone(), 1)[..] {
            [nearest] => Some(format!("`{name}`: did you mean `{nearest}`?")),
            _ => None,
        })
        .collect();
    hints.push(format!("the classes of the model are {}", text::all_of(known)));
    hints
}

/// Something that decides the result of a run, and that ranks do not have in common.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rank {rank} of this run differs from rank 0 in {what}")]
pub struct RanksDiffer {
    /// The first rank that differs.
    pub rank: usize,
    /// What differs.
    pub what: String,
    /// What the first rank has.
    pub first: String,
    /// What the other rank has.
    pub other: String,
}

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is no checkpoint.
    #[error("`{}` has no checkpoint to resume from", .0.display())]
    Missing(PathBuf),
    /// A file of it cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of it is damaged.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        source: BundleError,
    },
    /// It was written by another version.
    #[error("the checkpoint was written by {theirs}, but this is {ours}")]
    Other {
        /// The program that wrote it.
        theirs: String,
        /// This one.
        ours: String,
    },
}

/// The largest difference of a probability that counts as agreement.
pub(crate) const TOLERANCE: f64 = 1e-4;

/// A model that cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Its images are resized in a way that ONNX graphs cannot express.
    #[error(transparent)]
    Resize(#[from] UnsupportedResize),
    /// Its base model is an ONNX file that can only be run frozen.
    #[error("cannot export: the base model is an ONNX file that can only be run frozen")]
    Backbone,
    /// tract cannot run the file.
    #[error(transparent)]
    Tract(#[from] GraphError),
    /// The file gives other outputs.
    #[error(
        "the exported file and the model differ by {difference:.1e} on `{path}`, more than {limit:.0e}"
    )]
    Disagreement {
        /// The largest difference of an output.
        difference: f64,
        /// The largest that counts as agreement.
        limit: f64,
        /// Path of the image.
        path: String,
    },
}

impl ExportError {
    /// How to fix the problem.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Resize(_) => vec![
                "leave resizing out of the graph: `--normalised`, or `normalised: true` in a pipeline"
                    .to_owned(),
            ],
            Self::Backbone => vec![
                "use `alpaca-run predict RUN`; the run directory has the base model and the head"
                    .to_owned(),
            ],
            Self::Tract(_) | Self::Disagreement { .. } => {
                vec!["this is a bug in alpaca-run; no file was written".to_owned()]
            }
        }
    }
}

/// Models that cannot be averaged.
#[derive(Debug, thiserror::Error)]
pub enum EnsembleError {
    /// They predict different things.
    #[error(
        "`{}` predicts {}, but `{}` predicts {}, so their predictions cannot be averaged",
        runs[0], targets[0], runs[1], targets[1]
    )]
    Target {
        /// The first run, and the one that differs.
        runs: [String; 2],
        /// What each predicts.
        targets: [String; 2],
    },
    /// They have different classes.
    #[error("`{}` does not have the classes of `{}`{}", runs[1], runs[0], difference(missing, more))]
    Classes {
        /// The first run, and the one that differs.
        runs: [String; 2],
        /// Classes that it does not have, as a list.
        missing: String,
        /// Classes that only it has, as a list.
        more: String,
    },
    /// Drawn images have one size.
    #[error(
        "the images are drawn for the first run, and `{other}` was trained on images of another size"
    )]
    Drawn {
        /// The run that differs.
        other: String,
    },
    /// They treat transparency in different ways, which a graph leaves to the program that decodes images.
    #[error(
        "the runs treat transparency in different ways, so one file cannot be written for them"
    )]
    Alpha,
    /// Each part of an average needs preprocessing of its own.
    #[error("an average of several networks or views can only be exported with its preprocessing")]
    Preprocessing,
}

/// The classes that one of two models has.
fn difference(missing: &str, more: &str) -> String {
    let parts = [("it lacks ", missing), ("it also has ", more)];
    let parts: Vec<String> = (parts.iter().filter(|(_, names)| !names.is_empty()))
        .map(|(verb, names)| format!("{verb}{names}"))
        .collect();
    format!(": {}", text::join(parts, "and"))
}

impl EnsembleError {
    /// How to fix the problem.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Target { .. } | Self::Classes { .. } => {
                "average only runs that were trained on the same classes"
            }
            Self::Drawn { .. } => "leave out the run, or evaluate on a directory with `--data`",
            Self::Alpha => "use runs with the same `alpha` under `dataset`",
            Self::Preprocessing => "leave out `--normalised`",
        };
        vec![hint.to_owned()]
    }
}
