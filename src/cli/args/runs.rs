//! What may be typed about runs: their directories are named.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{MachineArguments, NetworkArguments, WeightsArgument, parse_at_least};
use crate::spec::{ImageSize, SplitPart};

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Where pictures or weights lie elsewhere now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArguments {
    /// The run directories; all are compared with the first
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required_unless_present = "last")]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// Compare the runs that finished last
    #[arg(long, value_name = "N", conflicts_with = "runs", value_parser = parse_at_least::<2>)]
    pub(in crate::cli) last: Option<usize>,
    /// The folder for run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    /// Show what does not differ too, and all pictures
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Print the difference as JSON
    #[arg(long, conflicts_with = "md")]
    pub(in crate::cli) json: bool,
    /// Print the difference as Markdown
    #[arg(long)]
    pub(in crate::cli) md: bool,
    /// Decimals of figures
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(in crate::cli) precision: usize,
    /// Draw the curves of all runs over each other
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) svg: Option<PathBuf>,
    /// Write one page with everything, pictures that flipped included
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct RunsArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<RunsAction>,
    /// The folder for run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    /// Print the list as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum RunsAction {
    /// Show what a run was and what it came to
    Show {
        /// The run directory
        #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
        run: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove run directories
    Rm {
        /// The run directories
        #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required = true)]
        runs: Vec<PathBuf>,
    },
    /// Remove all finished runs but the newest; those that were cut short stay unless asked for
    Prune {
        /// How many finished runs stay
        #[arg(long, value_name = "N")]
        keep: usize,
        /// Remove runs that were cut short or are broken as well
        #[arg(long)]
        unfinished: bool,
        /// The folder for run directories
        #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
        runs_dir: PathBuf,
        /// Say what would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReproduceArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Where pictures or weights lie elsewhere now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    /// Keep the second run below this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EvaluateArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Other pictures: a folder with a folder for each class
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) data: Option<PathBuf>,
    /// The part of the run's own pictures
    #[arg(
        long,
        value_name = "PART",
        value_enum,
        default_value = "validation",
        conflicts_with = "data"
    )]
    pub(in crate::cli) split: PartArgument,
    /// Of the best epoch, or of the last one
    #[arg(long, value_name = "WHICH", value_enum, default_value = "best")]
    pub(in crate::cli) from_weights: WeightsArgument,
    /// Write metrics.json, predictions.csv and plots into this folder
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Print the figures as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Leave out files of `--data` that are no readable pictures, and say so
    #[arg(long)]
    pub(in crate::cli) skip_bad: bool,
    /// Where the run's own pictures lie now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// The file to write
    #[arg(long, short, value_name = "FILE", default_value = "model.onnx", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: PathBuf,
    /// Leave resizing and scaling out of the graph, and write a recipe for them beside it
    #[arg(long)]
    pub(in crate::cli) normalised: bool,
    /// Take images of one size only, for runtimes that must know all shapes (OpenCV): `480x640`
    #[arg(long, value_name = "HEIGHTxWIDTH", conflicts_with = "normalised", value_parser = parse_size)]
    pub(in crate::cli) size: Option<ImageSize>,
    /// Of the best epoch, or of the last one
    #[arg(long, value_name = "WHICH", value_enum, default_value = "best")]
    pub(in crate::cli) from_weights: WeightsArgument,
    /// Where the run's pictures lie now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

/// The longest side of images that a graph is written for.
const LONGEST: usize = 12_000;

/// A side of an image, where it is one that a graph is written for.
fn side(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|side| (1..=LONGEST).contains(side))
}

/// A size as it is typed: height, `x`, width.
fn parse_size(text: &str) -> Result<ImageSize, String> {
    let size = text.split_once(['x', 'X', '×']);
    size.and_then(|(height, width)| Some(ImageSize { height: side(height)?, width: side(width)? }))
        .ok_or_else(|| {
            format!(
                "write it as HEIGHTxWIDTH in pixels, such as 480x640, each side up to {LONGEST}"
            )
        })
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReportArguments {
    /// The run directories
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// The page to write
    #[arg(long, short, value_name = "FILE", default_value = "report.html", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: PathBuf,
    /// Where the pictures lie now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

/// A part of a run's pictures that did not train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum PartArgument {
    /// What the best epoch was chosen by
    Validation,
    /// What nothing was chosen by
    Test,
}

impl From<PartArgument> for SplitPart {
    fn from(part: PartArgument) -> Self {
        match part {
            PartArgument::Validation => Self::Validation,
            PartArgument::Test => Self::Test,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
