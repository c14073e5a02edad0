//! What may be typed about pipelines without a run, and about what is kept.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{
    CacheDirArguments, NetworkArguments, PipelineArguments, WeightsArgument, parse_at_least,
    parse_threads,
};

#[derive(Debug, Args)]
#[command(mut_arg("cache_dir", |argument| argument.global(true)))]
pub(in crate::cli) struct CacheCommandArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: CacheAction,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum CacheAction {
    /// What is kept, kind by kind
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print how many bytes all of it takes
    Size,
    /// Remove what was not written or used for some time, and say what went
    Prune {
        /// Keep what was written or used in the last days
        #[arg(long, value_name = "DAYS", required_unless_present = "all")]
        older_than: Option<u32>,
        /// Remove everything
        #[arg(long, conflicts_with = "older_than")]
        all: bool,
        /// Remove published weights as well, which would have to be downloaded again
        #[arg(long)]
        weights: bool,
        /// Say what would go, and remove nothing
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
pub(in crate::cli) struct DataArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Print the findings as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Write a page with them, pictures that look alike included
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) html: Option<PathBuf>,
    /// Show all files and pairs, not the first ones
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// How many threads look at pictures; all processors by default
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct FetchArguments {
    /// The pipeline files
    #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath, required = true)]
    pub(in crate::cli) pipelines: Vec<PathBuf>,
    /// Change a value: `-S model.weights=imagenet`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
    /// Print what is here now as JSON
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
    /// A run directory or a file of `alpaca-run export`, then pictures, folders of pictures, or `-` for a picture on standard input
    #[arg(value_name = "RUN", value_hint = ValueHint::AnyPath, required = true)]
    pub(in crate::cli) paths: Vec<PathBuf>,
    /// Of a run's best epoch, or of its last one [default: best]
    #[arg(long, value_name = "WHICH", value_enum, conflicts_with = "base")]
    pub(in crate::cli) from_weights: Option<WeightsArgument>,
    /// Ask a network as its authors trained it, before any training here; no run is named then
    #[arg(long, value_name = "NETWORK", value_enum)]
    pub(in crate::cli) base: Option<BaseArgument>,
    /// Its weights, with their classifier: `imagenet`, a file, or `{source: torchvision}`
    #[arg(long, value_name = "WEIGHTS", default_value = "imagenet", requires = "base")]
    pub(in crate::cli) weights: String,
    /// Its factor on the number of channels
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "base")]
    pub(in crate::cli) width: f64,
    /// The side that pictures are brought to, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 224, requires = "base")]
    pub(in crate::cli) image_size: usize,
    /// How many classes are named for each picture [default: 1 of a run, 5 of a base]
    #[arg(long, value_name = "N", value_parser = parse_at_least::<1>)]
    pub(in crate::cli) top: Option<usize>,
    /// Print the predictions as JSON, a line a picture
    #[arg(long, conflicts_with = "csv")]
    pub(in crate::cli) json: bool,
    /// Print the predictions as a table with the probabilities of all classes
    #[arg(long)]
    pub(in crate::cli) csv: bool,
    /// Files that are no readable pictures are named, and are no failure
    #[arg(long)]
    pub(in crate::cli) skip_bad: bool,
    /// How many threads compute; all processors by default
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

/// A network that can be asked without a pipeline.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(in crate::cli) enum BaseArgument {
    /// MobileNetV2 (Sandler et al. 2018)
    MobilenetV2,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// How long each part is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_seconds)]
    pub(in crate::cli) seconds: f64,
    /// How many threads compute; all processors by default
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
    /// Print the figures as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) cache: CacheDirArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArguments {
    /// Of which files
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
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0 to 3600 is needed".to_owned()),
    }
}
