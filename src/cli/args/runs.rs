//! Arguments of the commands that take run directories.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{
    ClusterArguments, MachineArguments, NetworkArguments, PipelineArguments, RunArguments,
    WeightsArgument, parse_at_least,
};
use crate::spec::{ImageSize, SplitPart, TestTimeAugmentation};

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArguments {
    /// Run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Location of moved images or weights: `-S dataset.directory=DIR`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct FoldsArguments {
    #[command(flatten)]
    pub(in crate::cli) run: RunArguments,
    /// Number of folds; by default that of the pipeline (`split.folds`), or 5
    #[arg(long, value_name = "N", value_parser = parse_at_least::<2>)]
    pub(in crate::cli) folds: Option<usize>,
    /// How often to divide the images anew; by default that of the pipeline, or 1
    #[arg(long, value_name = "N", value_parser = parse_at_least::<1>)]
    pub(in crate::cli) repeats: Option<usize>,
    /// List the folds, or print what would be submitted, without running anything
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) cluster: ClusterArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SweepArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Directory in which the directory of the sweep is created
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    /// Check all arms and list them, or print what would be submitted, without running anything
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) cluster: ClusterArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct JobsArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: JobsAction,
}

/// The directory that tasks are in.
#[derive(Debug, Args)]
pub(in crate::cli) struct TasksArgument {
    /// Directory of the sweep, of the folds or of the shards
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) directory: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum JobsAction {
    /// Show the tasks: how each ended, or what the scheduler says of it
    #[command(after_help = "Example:\n  alpaca-run jobs show runs/sweep-sweep")]
    Show {
        #[command(flatten)]
        of: TasksArgument,
        /// Print the tasks as JSON
        #[arg(long)]
        json: bool,
    },
    /// Wait until no task waits or runs
    #[command(after_help = "Example:\n  alpaca-run jobs wait runs/sweep-sweep")]
    Wait(TasksArgument),
    /// End the tasks; what has finished stays
    #[command(after_help = "Example:\n  alpaca-run jobs cancel runs/sweep-sweep")]
    Cancel(TasksArgument),
    /// Submit what has not finished again, wait, and write the result
    #[command(after_help = "Example:\n  alpaca-run jobs resume runs/sweep-sweep")]
    Resume(TasksArgument),
    /// Run one task here: what the scheduler starts on a machine
    #[command(after_help = "Example:\n  alpaca-run jobs run runs/sweep-sweep arm-01")]
    Run(OneTaskArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShardArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: ShardAction,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ShardAction {
    /// Predict all images of all shards
    #[command(after_help = "Example:\n  \
                      alpaca-run shard predict runs/finetune --shards 't-{000..999}.tar' --out answers")]
    Predict(ShardModelArguments),
    /// Write the features of all images of all shards: what the head of a run predicts from
    #[command(after_help = "Example:\n  \
                      alpaca-run shard embed runs/finetune --shards 't-*.tar' --out features --format parquet")]
    Embed(ShardModelArguments),
    /// Evaluate a run on labeled shards
    #[command(after_help = "Example:\n  \
                      alpaca-run shard evaluate runs/finetune --shards 'test-*.tar' --out tested")]
    Evaluate(ShardModelArguments),
    /// Compute the features that the first stage of a pipeline trains on
    #[command(after_help = "Example:\n  \
                      alpaca-run shard features pipelines/photos.yaml --shards 't-{000..999}.tar' --out features\n  \
                      alpaca-run pipelines/photos.yaml -S cache.features=features")]
    Features(ShardFeaturesArguments),
}

impl ShardAction {
    /// The shards, and what is done with their results.
    pub(in crate::cli) fn job(&self) -> &ShardJobArguments {
        match self {
            Self::Predict(of) | Self::Embed(of) | Self::Evaluate(of) => &of.job,
            Self::Features(of) => &of.job,
        }
    }
}

/// Format of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum FormatArgument {
    /// Text with commas
    Csv,
    /// Parquet
    Parquet,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShardModelArguments {
    /// Run directory, or an exported ONNX file to predict with
    #[arg(value_name = "MODEL", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) model: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) job: ShardJobArguments,
    /// Format of the outputs: `csv`, or `parquet` with a file for each shard alone
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "csv")]
    pub(in crate::cli) format: FormatArgument,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShardFeaturesArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(in crate::cli) job: ShardJobArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShardJobArguments {
    /// Tar archives of images: `t-{000..999}.tar`, `t-*.tar`, or `s3://bucket/t-{000..999}.tar`
    #[arg(long, value_name = "PATTERN", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) shards: PathBuf,
    /// Directory of the results; finished shards in it are not read again
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) out: PathBuf,
    /// Number of shards in a task; a task should take minutes
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_at_least::<1>)]
    pub(in crate::cli) group: usize,
    /// Succeed even if some files cannot be read as images
    #[arg(long)]
    pub(in crate::cli) skip_bad: bool,
    /// List the shards, or print what would be submitted, without running anything
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) cluster: ClusterArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OneTaskArguments {
    #[command(flatten)]
    pub(in crate::cli) of: TasksArgument,
    /// Name of the task
    #[arg(value_name = "TASK")]
    pub(in crate::cli) task: String,
    /// Run this stage even if its result is cached (can be repeated)
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) force: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArguments {
    /// Run directories; each is compared with the first
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required_unless_present = "last")]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// Compare the N most recently finished runs
    #[arg(long, value_name = "N", conflicts_with = "runs", value_parser = parse_at_least::<2>)]
    pub(in crate::cli) last: Option<usize>,
    /// Directory that contains the run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    /// Include values that are equal, and list all images
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Print the differences as JSON
    #[arg(long, conflicts_with = "md")]
    pub(in crate::cli) json: bool,
    /// Print the differences as Markdown
    #[arg(long)]
    pub(in crate::cli) md: bool,
    /// Number of decimals of metrics
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(in crate::cli) precision: usize,
    /// Write an SVG plot with the learning curves of all runs
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) svg: Option<PathBuf>,
    /// Write an HTML page, including the images with changed predictions
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReproduceArguments {
    /// Run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Location of moved images or weights: `-S dataset.directory=DIR`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    /// Keep the second run in this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

/// What predictions are averaged over.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct EnsembleArguments {
    /// Average the predictions with those of another run, or of all folds of a cross-validation; may be
    /// repeated
    #[arg(long, value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) with: Vec<PathBuf>,
    /// Average the predictions over views of each image: `flip` adds its mirror image
    #[arg(long, visible_alias = "tta", value_name = "VIEWS", value_enum)]
    pub(in crate::cli) test_time_augmentation: Option<ViewsArgument>,
}

/// Views of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum ViewsArgument {
    /// The image and its mirror image, left to right
    Flip,
}

impl From<ViewsArgument> for TestTimeAugmentation {
    fn from(views: ViewsArgument) -> Self {
        match views {
            ViewsArgument::Flip => Self::Flip,
        }
    }
}

/// How sure a model must be of a class.
#[derive(Debug, Args)]
pub(in crate::cli) struct ThresholdsArguments {
    /// Precision that each class must reach on the images, such as 0.95. `evaluate` chooses a threshold
    /// for it; `predict` uses it, and images below it are unsure
    #[arg(long, value_name = "P", value_parser = parse_precision, conflicts_with = "thresholds")]
    pub(in crate::cli) min_precision: Option<f64>,
    /// Use the thresholds of this file, which `evaluate --min-precision P --out DIR` writes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) thresholds: Option<PathBuf>,
}

fn parse_precision(text: &str) -> Result<f64, String> {
    let precision = text.parse::<f64>().ok().filter(|p| *p > 0.0 && *p <= 1.0);
    precision
        .ok_or_else(|| "write a fraction above 0 and up to 1, such as 0.95 for 95 %".to_owned())
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EvaluateArguments {
    /// Run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Evaluate on other images: a directory with one directory per class, an archive of one, shards,
    /// or a table with a path and a label for each image
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) data: Option<PathBuf>,
    /// Split of the run's own dataset
    #[arg(
        long,
        value_name = "PART",
        value_enum,
        default_value = "validation",
        conflicts_with = "data"
    )]
    pub(in crate::cli) split: PartArgument,
    /// Which weights to use: `best` or `last` epoch
    #[arg(long, value_name = "WHICH", value_enum, default_value = "best")]
    pub(in crate::cli) from_weights: WeightsArgument,
    #[command(flatten)]
    pub(in crate::cli) ensemble: EnsembleArguments,
    #[command(flatten)]
    pub(in crate::cli) thresholds: ThresholdsArguments,
    /// Write metrics.json, predictions.csv and plots to this directory, and thresholds.json with
    /// `--min-precision`
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Print the metrics as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Skip files of `--data` that cannot be read as images, and list them
    #[arg(long)]
    pub(in crate::cli) skip_bad: bool,
    /// Location of the run's dataset if it moved: `-S dataset.directory=DIR`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArguments {
    /// Run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// File to write
    #[arg(long, short, value_name = "FILE", default_value = "model.onnx", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: PathBuf,
    /// Leave preprocessing out of the graph, and describe it in a JSON file beside it
    #[arg(long)]
    pub(in crate::cli) normalised: bool,
    /// Fix the input size, for runtimes without dynamic shapes such as OpenCV: `480x640`
    #[arg(long, value_name = "HEIGHTxWIDTH", conflicts_with = "normalised", value_parser = parse_size)]
    pub(in crate::cli) size: Option<ImageSize>,
    /// Which weights to use: `best` or `last` epoch
    #[arg(long, value_name = "WHICH", value_enum, default_value = "best")]
    pub(in crate::cli) from_weights: WeightsArgument,
    #[command(flatten)]
    pub(in crate::cli) ensemble: EnsembleArguments,
    /// Location of the run's dataset if it moved: `-S dataset.directory=DIR`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

/// The longest image side that a graph is written for.
const LONGEST: usize = 12_000;

/// Parses one side of an image; `None` where no graph can be written for it.
fn side(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|side| (1..=LONGEST).contains(side))
}

/// Parses a size: height, `x`, width.
fn parse_size(text: &str) -> Result<ImageSize, String> {
    let size = text.split_once(['x', 'X', '×']);
    size.and_then(|(height, width)| Some(ImageSize { height: side(height)?, width: side(width)? }))
        .ok_or_else(|| {
            format!("expected HEIGHTxWIDTH in pixels, such as 480x640, each side up to {LONGEST}")
        })
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ReportArguments {
    /// Run directories
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required = true)]
    pub(in crate::cli) runs: Vec<PathBuf>,
    /// HTML file to write
    #[arg(long, short, value_name = "FILE", default_value = "report.html", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: PathBuf,
    /// Location of the run's dataset if it moved: `-S dataset.directory=DIR`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

/// A split of the dataset that was not trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum PartArgument {
    /// The validation set, which the best epoch was chosen by
    Validation,
    /// The test set, which influenced nothing in training
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
    /// Run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) run: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
