//! What may be typed.

mod runs;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};

use crate::spec::FromWeights;

pub(in crate::cli) use runs::{
    DiffArguments, EvaluateArguments, ExportArguments, PartArgument, ReportArguments,
    ReproduceArguments, ResumeArguments, RunsAction, RunsArguments, VerifyArguments,
};
pub(in crate::cli) use tools::{
    BaseArgument, BenchArguments, CacheAction, CacheCommandArguments, CheckArguments,
    DataArguments, FetchArguments, PredictArguments, SchemaArguments, SchemaOf,
};

/// Turns a YAML pipeline and a folder of pictures into a trained image classifier.
#[derive(Debug, Parser)]
#[command(
    name = "alpaca-run",
    version,
    override_usage = "alpaca-run [OPTIONS] PIPELINE\n       alpaca-run COMMAND",
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "`alpaca-run run --help` lists the options of a run.\n\n\
                  Exit codes: 0 done; 1 a stage failed or `check` found something; 2 wrong command \
                  line or pipeline; 70 a bug of ours; 130 interrupted."
)]
pub(in crate::cli) struct Arguments {
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
    #[command(flatten)]
    pub(in crate::cli) output: OutputArguments,
}

impl Arguments {
    /// Reads a command line. `alpaca-run PIPELINE` is short for `alpaca-run run PIPELINE`.
    ///
    /// # Errors
    /// When the command line is not understood, or asks for help.
    pub(in crate::cli) fn read(
        words: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut words: Vec<OsString> = words.into_iter().collect();
        let first =
            words.iter().skip(1).position(|word| !GLOBAL_FLAGS.iter().any(|flag| word == flag));
        let is_short = first.is_some_and(|position| {
            let word = &words[position + 1];
            let is_command =
                Self::command().get_subcommands().any(|command| word == command.get_name());
            // A plain word that is no file is more likely a misspelt command.
            let is_file_like =
                word.to_string_lossy().contains(['.', '/', '\\']) || Path::new(word).exists();
            let is_option = word.to_string_lossy().starts_with('-');
            let is_about_us = ["-h", "--help", "-V", "--version"].iter().any(|flag| word == flag);
            !is_command && !is_about_us && (is_file_like || is_option)
        });
        if is_short {
            words.insert(1, "run".into());
        }
        Self::try_parse_from(words)
    }

    /// The flags that commands share. Each command is named, so that none forgets one.
    pub(in crate::cli) fn shared(&self) -> Shared<'_> {
        let of_machine = |machine| Shared { machine: Some(machine), ..Shared::default() };
        match &self.command {
            Command::Run(run) | Command::Watch(WatchArguments { run, .. }) => {
                Shared { network: Some(&run.network), ..of_machine(&run.machine) }
            }
            Command::Resume(resume) => {
                Shared { network: Some(&resume.network), ..of_machine(&resume.machine) }
            }
            Command::Reproduce(reproduce) => {
                Shared { network: Some(&reproduce.network), ..of_machine(&reproduce.machine) }
            }
            Command::Plan(plan) => of_machine(&plan.machine),
            Command::Evaluate(evaluate) => of_machine(&evaluate.machine),
            Command::Export(export) => of_machine(&export.machine),
            Command::Report(report) => of_machine(&report.machine),
            Command::Bench(BenchArguments { cache, threads, .. }) => {
                Shared { cache: Some(cache), threads: *threads, ..Shared::default() }
            }
            Command::Predict(PredictArguments { cache, threads, network, .. }) => Shared {
                cache: Some(cache),
                threads: *threads,
                network: Some(network),
                ..Shared::default()
            },
            Command::Fetch(FetchArguments { cache, network, .. }) => {
                Shared { cache: Some(cache), network: Some(network), ..Shared::default() }
            }
            Command::Check(CheckArguments { cache, .. })
            | Command::Cache(CacheCommandArguments { cache, .. }) => {
                Shared { cache: Some(cache), ..Shared::default() }
            }
            Command::Data(data) => Shared { threads: data.threads, ..Shared::default() },
            Command::Diff(_)
            | Command::Runs(_)
            | Command::Verify(_)
            | Command::Layers(_)
            | Command::Schema(_) => Shared::default(),
        }
    }
}

/// The flags that several commands have, as far as the one that was typed has them.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Shared<'a> {
    machine: Option<&'a MachineArguments>,
    cache: Option<&'a CacheDirArguments>,
    threads: Option<usize>,
    pub(in crate::cli) network: Option<&'a NetworkArguments>,
}

impl Shared<'_> {
    /// Where the cache is, if the command has one.
    pub(in crate::cli) fn cache(&self) -> Option<&CacheDirArguments> {
        self.cache.or_else(|| self.machine.map(|machine| &machine.cache.dir))
    }

    /// Whether results may be taken from the cache and put into it.
    pub(in crate::cli) fn reuses(&self) -> bool {
        self.cache().is_some() && !self.machine.is_some_and(|machine| machine.cache.no_cache)
    }

    /// The number of threads asked for.
    pub(in crate::cli) fn threads(&self) -> Option<usize> {
        self.threads.or_else(|| self.machine.and_then(|machine| machine.threads))
    }
}

/// Flags that may stand in front of a command.
const GLOBAL_FLAGS: [&str; 5] = ["-q", "--quiet", "-v", "-vv", "--verbose"];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Run a pipeline; `alpaca-run PIPELINE` is short for it
    Run(RunArguments),
    /// Say what a run would do, stage by stage: run or reuse, and why
    Plan(PlanArguments),
    /// Run a pipeline, and again what each edit changes
    Watch(WatchArguments),
    /// Go on with a run that was cut short
    Resume(ResumeArguments),
    /// Run a finished run again and say whether it comes out the same
    Reproduce(ReproduceArguments),
    /// Say what differs between runs, and whether by more than chance
    Diff(DiffArguments),
    /// List runs, show one, remove some
    Runs(RunsArguments),
    /// Compare every file of a run with the digest in its manifest
    Verify(VerifyArguments),
    /// Say everything that is wrong with a pipeline, the folders of its dataset and its weights; `data` looks at the pictures
    Check(CheckArguments),
    /// Say what the dataset of a pipeline holds, duplicates and bad files included
    Data(DataArguments),
    /// List the layers of a pipeline's model, and which are frozen in each stage
    Layers(PipelineArguments),
    /// Measure how fast each part of a pipeline runs on this machine
    Bench(BenchArguments),
    /// Download the published weights that pipelines name, ahead of a run
    Fetch(FetchArguments),
    /// Say what is in pictures: by the model of a run, or by a network as its authors trained it
    Predict(PredictArguments),
    /// Measure the model of a run on pictures that did not train it
    Evaluate(EvaluateArguments),
    /// Write the model of a run as an ONNX file, and prove that it says the same
    Export(ExportArguments),
    /// Write one page about runs, for people
    Report(ReportArguments),
    /// What is kept between runs: list it, measure it, remove what is old
    Cache(CacheCommandArguments),
    /// Print the JSON schema of pipeline files, or of manifests
    Schema(SchemaArguments),
}

/// A pipeline file with changes.
#[derive(Debug, Args)]
pub(in crate::cli) struct PipelineArguments {
    /// The pipeline file
    #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) pipeline: PathBuf,
    /// Change a value: `-S stages.finetune.epochs=10`; paths are relative to the current folder
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// The folder for run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) stages: StagesArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

/// Which stages run.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct StagesArguments {
    /// Run this stage even where its result is kept from an earlier run; may be given again
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) force: Vec<String>,
    /// Stop behind this stage
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) until: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArguments {
    #[command(flatten)]
    pub(in crate::cli) run: RunArguments,
    /// Follow the pictures too
    #[arg(long)]
    pub(in crate::cli) data: bool,
    /// Look for changes every few seconds, for network drives, which tell of none
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(in crate::cli) poll: Option<f64>,
}

/// A time between looks.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.05..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "give seconds between 0.05 and 86400".to_owned())
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(in crate::cli) stages: StagesArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    /// Say everything that changed, and where it is written
    #[arg(long)]
    pub(in crate::cli) explain: bool,
    /// Print the plan as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What a run may use. Results do not depend on it.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct MachineArguments {
    #[command(flatten)]
    pub(in crate::cli) cache: CacheArguments,
    /// How many threads compute; all processors by default. Results do not depend on it
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
}

/// Where the cache is.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CacheDirArguments {
    /// The cache directory [default: `ALPACA_CACHE`, or alpaca-run in the user's cache directory]
    // Where clap reads the variable, an empty one is an error about an option that nobody gave.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) cache_dir: Option<PathBuf>,
}

/// How published weights are downloaded.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct NetworkArguments {
    /// Never use the network: weights that have not been downloaded are an error
    #[arg(long, env = "ALPACA_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(in crate::cli) offline: bool,
    /// A folder on a server that has published weights in place of their publishers
    #[arg(long, value_name = "URL", env = "ALPACA_MIRROR")]
    pub(in crate::cli) mirror: Option<String>,
}

/// The cache. Results do not depend on it.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CacheArguments {
    #[command(flatten)]
    pub(in crate::cli) dir: CacheDirArguments,
    /// Neither read nor write the cache
    #[arg(long)]
    pub(in crate::cli) no_cache: bool,
}

/// Which weights of a run are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum WeightsArgument {
    /// Those of its best epoch
    Best,
    /// Those of its last epoch
    Last,
}

impl From<WeightsArgument> for FromWeights {
    fn from(which: WeightsArgument) -> Self {
        match which {
            WeightsArgument::Best => Self::Best,
            WeightsArgument::Last => Self::Last,
        }
    }
}

/// How much is said.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct OutputArguments {
    /// Say nothing but errors and the final result
    #[arg(short, long, global = true)]
    pub(in crate::cli) quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(in crate::cli) verbose: u8,
}

fn parse_at_least<const N: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n >= N => Ok(n),
        _ => Err(format!("a number of at least {N} is needed")),
    }
}

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one thread is needed".to_owned()),
        Ok(threads) if threads <= 1024 => Ok(threads),
        Ok(_) => Err("at most 1024 threads can be used".to_owned()),
        Err(_) => Err("a number is needed".to_owned()),
    }
}
