//! Arguments of the commands that need no run, and of `predict` and `cache`.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueHint};

use super::{
    CacheDirArguments, MachineArguments, ModelArguments, NetworkArguments, PipelineArguments,
    StagesArguments, parse_at_least, parse_threads,
};
use crate::spec::Architecture;

#[derive(Debug, Args)]
#[command(mut_arg("cache_dir", |argument| argument.global(true)))]
pub(in crate::cli) struct CacheCommandArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: CacheAction,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
    /// Shared cache instead of that of this machine, as in `cache: { url: … }` of a pipeline
    #[arg(long, value_name = "URL", global = true, conflicts_with = "cache_dir")]
    pub(in crate::cli) url: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum CacheAction {
    /// List the number, size and age of cached entries by kind
    #[command(after_help = "Example:\n  alpaca-run cache list")]
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the total size in bytes
    #[command(after_help = "Example:\n  alpaca-run cache size")]
    Size,
    /// Remove old entries, and report what was removed
    #[command(after_help = "Example:\n  alpaca-run cache prune --older-than 30 --dry-run")]
    Prune {
        /// Remove entries that were not written or used in the last DAYS days
        #[arg(long, value_name = "DAYS", required_unless_present = "all")]
        older_than: Option<u32>,
        /// Remove entries of any age
        #[arg(long, conflicts_with = "older_than")]
        all: bool,
        /// Also remove published weights, which would have to be downloaded again
        #[arg(long)]
        weights: bool,
        /// Show what would be removed, without removing it
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CheckArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Print the findings as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(in crate::cli) stages: StagesArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    /// List every change, and where each value is set
    #[arg(long)]
    pub(in crate::cli) explain: bool,
    /// Print the plan as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DataArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Print the findings as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Write an HTML page, including images that look alike
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Write an SVG file with some images as augmentation changes them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) augmented: Option<PathBuf>,
    /// List images whose labels look wrong by the predictions of a run, or of all folds
    #[arg(long, value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) labels: Option<PathBuf>,
    /// Write a table of the images, with weight 0 for those whose labels look wrong
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "labels")]
    pub(in crate::cli) table: Option<PathBuf>,
    /// List all files and pairs instead of the first few
    #[arg(long)]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct InitArguments {
    /// Directory with one subdirectory of images for each class; a table, an archive, or a directory of shards
    #[arg(value_name = "IMAGES", value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) images: Option<PathBuf>,
    /// Pipeline file to write [default: the name of the images, with `.yaml`]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Write an example into a new directory instead: drawn images, pipelines and a README
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "alpaca-sample", conflicts_with_all = ["images", "output"], value_hint = ValueHint::DirPath)]
    pub(in crate::cli) sample: Option<PathBuf>,
    /// Seed of the drawn images
    #[arg(long, value_name = "N", default_value_t = 1, requires = "sample")]
    pub(in crate::cli) seed: u64,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArguments {
    /// Shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(in crate::cli) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ManualArguments {
    /// Write a page for `man` of each command into this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) pages: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct FetchArguments {
    /// Pipeline files (YAML)
    #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath, required = true)]
    pub(in crate::cli) pipelines: Vec<PathBuf>,
    /// Override a value: `-S model.weights=imagenet`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    /// Print the downloaded files as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "alpaca-run predict [OPTIONS] RUN|MODEL.onnx IMAGE...\n       alpaca-run predict [OPTIONS] --base NETWORK IMAGE..."
)]
pub(in crate::cli) struct PredictArguments {
    /// Run directory or exported ONNX file, then images, directories, or `-` for standard input
    #[arg(value_name = "RUN", value_hint = ValueHint::AnyPath, required = true)]
    pub(in crate::cli) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) answers: ModelArguments,
    /// Use a pre-trained network with its original classes instead of a run
    #[arg(long, value_name = "NETWORK", value_enum, conflicts_with_all = ["from_weights", "threshold"])]
    pub(in crate::cli) base: Option<BaseArgument>,
    /// Weights of the base network: `imagenet`, a file or `{source: torchvision}`
    #[arg(long, value_name = "WEIGHTS", default_value = "imagenet", requires = "base")]
    pub(in crate::cli) weights: String,
    /// Width multiplier of MobileNetV1, V2 and V3 [default: 1]
    #[arg(long, value_name = "FACTOR", requires = "base")]
    pub(in crate::cli) width: Option<f64>,
    /// Input size in pixels [default: the one that the network was trained for]
    #[arg(long, value_name = "PIXELS", requires = "base")]
    pub(in crate::cli) image_size: Option<usize>,
    /// Number of classes to print per image [default: 1 for a run, 5 for `--base`]
    #[arg(long, value_name = "N", value_parser = parse_at_least::<1>)]
    pub(in crate::cli) top: Option<usize>,
    /// Print one JSON object per image
    #[arg(long, conflicts_with = "csv")]
    pub(in crate::cli) json: bool,
    /// Print a CSV table with the probabilities of all classes
    #[arg(long)]
    pub(in crate::cli) csv: bool,
    /// Succeed even if some files cannot be read as images
    #[arg(long)]
    pub(in crate::cli) skip_bad: bool,
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

/// The lowest probability of a label.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum ThresholdArgument {
    /// The same for all classes.
    All(f64),
    /// That with the highest F1 score on the validation set, for each class.
    Best,
}

pub(super) fn parse_threshold(text: &str) -> Result<ThresholdArgument, String> {
    match (text, text.parse::<f64>()) {
        ("best", _) => Ok(ThresholdArgument::Best),
        (_, Ok(value)) if (0.0..=1.0).contains(&value) => Ok(ThresholdArgument::All(value)),
        _ => Err("write a number from 0 to 1, or `best`".to_owned()),
    }
}

/// A network by its name in pipelines.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct BaseArgument(pub(in crate::cli) Architecture);

impl clap::ValueEnum for BaseArgument {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [BaseArgument; Architecture::ALL.len()] = {
            let mut all = [BaseArgument(Architecture::MobilenetV2); Architecture::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = BaseArgument(Architecture::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.title()))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Time to measure each part, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_seconds)]
    pub(in crate::cli) seconds: f64,
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
    /// Measure each layer: its time, and its share of the peak of the processor and of memory
    #[arg(long)]
    pub(in crate::cli) layers: bool,
    /// Print the measurements as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LrFindArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Stage to find a learning rate for [default: the last one that trains]
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) stage: Option<String>,
    /// Learning rate of the first step
    #[arg(long, value_name = "RATE", default_value_t = 1e-7, value_parser = parse_rate)]
    pub(in crate::cli) from: f64,
    /// Learning rate of the last step
    #[arg(long, value_name = "RATE", default_value_t = 1.0, value_parser = parse_rate)]
    pub(in crate::cli) to: f64,
    /// Number of steps
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = parse_at_least::<20>)]
    pub(in crate::cli) steps: usize,
    /// Write a plot of the losses
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) svg: Option<PathBuf>,
    /// Print all steps as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a number above 0, such as 1e-6".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ModelsArguments {
    /// Network to describe [default: list all networks]
    #[arg(value_name = "NAME", value_enum)]
    pub(in crate::cli) network: Option<BaseArgument>,
    /// Measure images per second on this machine, with the base model frozen
    #[arg(long)]
    pub(in crate::cli) bench: bool,
    /// Time to measure each network, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0.3, value_parser = parse_seconds, requires = "bench")]
    pub(in crate::cli) seconds: f64,
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = parse_threads, requires = "bench")]
    pub(in crate::cli) threads: Option<usize>,
    /// Print the list as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArguments {
    /// Files that the schema is for
    #[arg(value_name = "FILES", default_value = "pipeline")]
    pub(in crate::cli) of: SchemaOf,
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(in crate::cli) enum SchemaOf {
    /// Pipeline files
    Pipeline,
    /// manifest.json of a run directory
    Manifest,
    /// Lines of events.jsonl of a run directory
    Events,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected a number of seconds from 0 to 3600".to_owned()),
    }
}
