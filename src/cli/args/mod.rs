//! The command line: its commands, arguments and options.

mod catalog;
mod mistakes;
mod runs;
mod serve;
mod shared;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};

use crate::base::quantities;

pub(in crate::cli) use catalog::{ExportTo, RunsAction, RunsArguments};
pub(in crate::cli) use runs::{
    DiffArguments, EnsembleArguments, EvaluateArguments, ExportArguments, FoldsArguments,
    FormatArgument, JobsAction, JobsArguments, OneTaskArguments, PartArgument, ReportArguments,
    ReproduceArguments, ResumeArguments, ShardAction, ShardArguments, ShardFeaturesArguments,
    ShardJobArguments, ShardModelArguments, SweepArguments, ThresholdsArguments, VerifyArguments,
};
pub(in crate::cli) use serve::{ModelArguments, ServeArguments, ServeModelArguments};
pub(in crate::cli) use shared::{
    CacheDirArguments, ClusterArguments, MachineArguments, NetworkArguments, OutputArguments,
    WeightsArgument,
};
use shared::{parse_at_least, parse_threads};
pub(in crate::cli) use tools::{
    BaseArgument, BenchArguments, CacheAction, CacheCommandArguments, CheckArguments,
    CompletionsArguments, DataArguments, FetchArguments, InitArguments, LrFindArguments,
    ManualArguments, ModelsArguments, PlanArguments, PredictArguments, SchemaArguments, SchemaOf,
    ThresholdArgument,
};

/// Train image classifiers from a YAML pipeline and a directory of images
#[derive(Debug, Parser)]
#[command(
    name = "alpaca-run",
    version,
    override_usage = "alpaca-run [OPTIONS] PIPELINE\n       alpaca-run COMMAND",
    max_term_width = 100,
    after_help = "Examples:\n  \
                  alpaca-run pipelines/finetune.yaml\n  \
                  alpaca-run pipelines/finetune.yaml -S dataset.directory=photos -S model.weights=imagenet\n  \
                  alpaca-run predict runs/finetune photo.jpg\n\n\
                  `alpaca-run COMMAND --help` lists the options of a command. A plain \
                  `alpaca-run PIPELINE` takes the options of `run`.\n\n\
                  Exit codes: 0 success; 1 images of the dataset cannot be used, a stage or a download failed, or `check`, `diff`, \
                  `verify` or `reproduce` found a problem or a difference; 2 invalid command line or pipeline; \
                  70 internal error (a bug in alpaca-run); 130 interrupted."
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
    /// When the command line cannot be parsed, or requests help or the version.
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
            // A plain word that is not a file is more likely a misspelled command.
            let is_file_like =
                word.to_string_lossy().contains(['.', '/', '\\']) || Path::new(word).exists();
            let is_option = word.to_string_lossy().starts_with('-');
            let is_about_us = ["-h", "--help", "-V", "--version"].iter().any(|flag| word == flag);
            !is_command && !is_about_us && (is_file_like || is_option)
        });
        if is_short {
            words.insert(1, "run".into());
        }
        let command = words.get(1).map(|word| word.to_string_lossy().into_owned());
        Self::try_parse_from(words)
            .map_err(|error| mistakes::explained(error, Self::command(), command.as_deref()))
    }

    /// The flags that commands share. Every command is listed, so that none is forgotten.
    pub(in crate::cli) fn shared(&self) -> Shared<'_> {
        let of_machine = |machine| Shared { machine: Some(machine), ..Shared::default() };
        match &self.command {
            Command::Run(OneRunArguments { run, .. })
            | Command::Watch(WatchArguments { run, .. })
            | Command::Folds(FoldsArguments { run, .. }) => {
                Shared { network: Some(&run.network), ..of_machine(&run.machine) }
            }
            Command::Sweep(sweep) => {
                Shared { network: Some(&sweep.network), ..of_machine(&sweep.machine) }
            }
            Command::Resume(resume) => {
                Shared { network: Some(&resume.network), ..of_machine(&resume.machine) }
            }
            Command::Reproduce(reproduce) => {
                Shared { network: Some(&reproduce.network), ..of_machine(&reproduce.machine) }
            }
            Command::LrFind(find) => {
                Shared { network: Some(&find.network), ..of_machine(&find.machine) }
            }
            Command::Jobs(JobsArguments { action: JobsAction::Run(task) }) => {
                Shared { network: Some(&task.network), ..of_machine(&task.machine) }
            }
            Command::Shard(ShardArguments { action: ShardAction::Features(features) }) => {
                Shared { network: Some(&features.network), ..of_machine(&features.job.machine) }
            }
            Command::Shard(ShardArguments { action }) => of_machine(&action.job().machine),
            Command::Plan(plan) => of_machine(&plan.machine),
            Command::Evaluate(evaluate) => of_machine(&evaluate.machine),
            Command::Export(export) => of_machine(&export.machine),
            Command::Report(report) => of_machine(&report.machine),
            Command::Bench(BenchArguments { cache, threads, .. })
            | Command::ServeModel(ServeModelArguments { cache, threads, .. })
            | Command::Models(ModelsArguments { cache, threads, .. }) => {
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
            | Command::Serve(ServeArguments { cache, .. })
            | Command::Cache(CacheCommandArguments { cache, .. }) => {
                Shared { cache: Some(cache), ..Shared::default() }
            }
            Command::Data(data) => of_machine(&data.machine),
            Command::Init(init) => of_machine(&init.machine),
            Command::Runs(runs) => Shared { cache: runs.cache(), ..Shared::default() },
            Command::Diff(_)
            | Command::Verify(_)
            | Command::Jobs(_)
            | Command::Layers(_)
            | Command::Schema(_)
            | Command::Completions(_)
            | Command::Manual(_) => Shared::default(),
        }
    }
}

/// The flags that several commands share; `None` where the given command lacks one.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Shared<'a> {
    machine: Option<&'a MachineArguments>,
    cache: Option<&'a CacheDirArguments>,
    threads: Option<usize>,
    pub(in crate::cli) network: Option<&'a NetworkArguments>,
}

impl Shared<'_> {
    /// The location of the cache, if the command uses one.
    pub(in crate::cli) fn cache(&self) -> Option<&CacheDirArguments> {
        self.cache.or_else(|| self.machine.map(|machine| &machine.cache.dir))
    }

    /// Whether results may be read from the cache and written to it.
    pub(in crate::cli) fn reuses(&self) -> bool {
        self.cache().is_some() && !self.machine.is_some_and(|machine| machine.cache.no_cache)
    }

    /// The requested number of threads.
    pub(in crate::cli) fn threads(&self) -> Option<usize> {
        self.threads.or_else(|| self.machine.and_then(|machine| machine.threads))
    }
}

/// Flags that may precede a command.
const GLOBAL_FLAGS: [&str; 5] = ["-q", "--quiet", "-v", "-vv", "--verbose"];

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Command {
    /// Write a pipeline that fits a directory of images
    ///
    /// It looks at classes, sizes, copies and unreadable files, and writes a pipeline with comments. Nothing
    /// is asked, and no file is replaced.
    #[command(after_help = "Examples:\n  \
                      alpaca-run init photos\n  \
                      alpaca-run init labels.csv --output first.yaml\n  \
                      alpaca-run init --sample")]
    Init(InitArguments),
    /// Run a pipeline (`alpaca-run PIPELINE` for short)
    #[command(after_help = "Examples:\n  \
                      alpaca-run run pipelines/finetune.yaml\n  \
                      alpaca-run run pipelines/finetune.yaml -S stages.finetune.epochs=10")]
    Run(OneRunArguments),
    /// Show which stages a run would train, which it would reuse, and why
    #[command(after_help = "Example:\n  \
                      alpaca-run plan pipelines/finetune.yaml -S seed=7 --explain")]
    Plan(PlanArguments),
    /// Run a pipeline, then rerun the affected stages after each edit
    #[command(after_help = "Example:\n  alpaca-run watch pipelines/finetune.yaml")]
    Watch(WatchArguments),
    /// Run all folds of a cross-validation, and summarize them
    #[command(after_help = "Example:\n  \
                      alpaca-run folds pipelines/photos.yaml -S dataset.directory=photos --folds 5")]
    Folds(FoldsArguments),
    /// Run a pipeline with several values, and report which can be told apart
    ///
    /// The pipeline lists the values under `sweep`. Started again, it continues where it stopped.
    #[command(after_help = "Examples:\n  \
                      alpaca-run sweep pipelines/sweep.yaml --dry-run\n  \
                      alpaca-run sweep pipelines/sweep.yaml")]
    Sweep(SweepArguments),
    /// Predict or evaluate a large dataset in shards, several at a time or on a cluster
    #[command(after_help = "Example:\n  \
                      alpaca-run shard predict runs/finetune --shards 't-{000..999}.tar' --out answers --on slurm")]
    Shard(ShardArguments),
    /// Show the tasks that `--on` submitted, wait for them, cancel or resume them
    #[command(after_help = "Examples:\n  \
                      alpaca-run jobs show runs/sweep-sweep\n  \
                      alpaca-run jobs resume runs/sweep-sweep")]
    Jobs(JobsArguments),
    /// Resume a run that was interrupted
    #[command(after_help = "Example:\n  alpaca-run resume runs/finetune")]
    Resume(ResumeArguments),
    /// Repeat a finished run and compare the results byte for byte
    #[command(after_help = "Example:\n  alpaca-run reproduce runs/finetune")]
    Reproduce(ReproduceArguments),
    /// Compare runs: settings, metrics, and whether the difference is significant
    #[command(after_help = "Examples:\n  \
                      alpaca-run diff runs/scratch runs/finetune\n  \
                      alpaca-run diff --last 2 --html changes.html")]
    Diff(DiffArguments),
    /// List runs, or show, remove or prune them
    #[command(after_help = "Examples:\n  \
                      alpaca-run runs\n  \
                      alpaca-run runs show runs/finetune\n  \
                      alpaca-run runs prune --keep 5 --dry-run")]
    Runs(RunsArguments),
    /// Show all runs in a browser, those in progress included
    #[command(after_help = "Examples:\n  \
                      alpaca-run serve\n  \
                      alpaca-run serve runs --listen 127.0.0.1:9000")]
    Serve(ServeArguments),
    /// Verify every file of a run against the digests in its manifest
    #[command(after_help = "Example:\n  alpaca-run verify runs/finetune")]
    Verify(VerifyArguments),
    /// Report all problems in a pipeline, its dataset directory and its weights
    ///
    /// Images are not read; `data` reads them.
    #[command(after_help = "Example:\n  alpaca-run check pipelines/finetune.yaml")]
    Check(CheckArguments),
    /// Describe the dataset: classes, sizes, unreadable files, duplicates
    #[command(after_help = "Examples:\n  \
                      alpaca-run data pipelines/finetune.yaml\n  \
                      alpaca-run data pipelines/finetune.yaml --html data.html\n  \
                      alpaca-run data pipelines/finetune.yaml --augmented augmented.svg")]
    Data(DataArguments),
    /// List the networks to start from: size, cost, accuracy, license and weights
    ///
    /// With a name, describe one network and all weights that exist for it.
    #[command(after_help = "Examples:\n  \
                      alpaca-run models\n  \
                      alpaca-run models mobilenet_v2\n  \
                      alpaca-run models --bench")]
    Models(ModelsArguments),
    /// List the layers of the model, and which are frozen in each stage
    #[command(after_help = "Example:\n  alpaca-run layers pipelines/finetune.yaml")]
    Layers(PipelineArguments),
    /// Find a learning rate: train with a growing one, and see where the loss falls
    #[command(after_help = "Examples:\n  \
                      alpaca-run lr-find pipelines/finetune.yaml\n  \
                      alpaca-run lr-find pipelines/finetune.yaml --stage finetune --svg rates.svg")]
    LrFind(LrFindArguments),
    /// Measure how fast each part of a pipeline runs on this machine
    #[command(after_help = "Example:\n  alpaca-run bench pipelines/finetune.yaml")]
    Bench(BenchArguments),
    /// Download the published weights that pipelines use, ahead of a run
    #[command(after_help = "Example:\n  \
                      alpaca-run fetch pipelines/finetune.yaml -S model.weights=imagenet")]
    Fetch(FetchArguments),
    /// Classify images with the model of a run, an exported file or ImageNet weights
    #[command(after_help = "Examples:\n  \
                      alpaca-run predict runs/finetune photo.jpg\n  \
                      alpaca-run predict model.onnx photos --csv\n  \
                      alpaca-run predict --base mobilenet_v2 photo.jpg")]
    Predict(PredictArguments),
    /// Classify images that are sent by HTTP, with the model of a run or an exported file
    #[command(after_help = "Examples:\n  \
                      alpaca-run serve-model runs/finetune\n  \
                      curl --data-binary @photo.jpg http://127.0.0.1:8080/predict")]
    ServeModel(ServeModelArguments),
    /// Evaluate the model of a run on its validation set, test set or other images
    #[command(after_help = "Examples:\n  \
                      alpaca-run evaluate runs/finetune\n  \
                      alpaca-run evaluate runs/finetune --data photos")]
    Evaluate(EvaluateArguments),
    /// Export the model of a run to ONNX, and verify its predictions
    #[command(after_help = "Example:\n  alpaca-run export runs/finetune -o model.onnx")]
    Export(ExportArguments),
    /// Write an HTML report about one or more runs
    #[command(after_help = "Example:\n  \
                      alpaca-run report runs/scratch runs/finetune -o report.html")]
    Report(ReportArguments),
    /// Show or prune the cache of decoded images, stage results and weights
    #[command(after_help = "Examples:\n  \
                      alpaca-run cache list\n  \
                      alpaca-run cache prune --older-than 30")]
    Cache(CacheCommandArguments),
    /// Print the JSON schema of pipeline files or of manifests
    #[command(after_help = "Example:\n  alpaca-run schema > pipeline.schema.json")]
    Schema(SchemaArguments),
    /// Print the completions of a shell
    #[command(after_help = "Examples:\n  \
                      alpaca-run completions bash > ~/.local/share/bash-completion/completions/alpaca-run\n  \
                      alpaca-run completions fish > ~/.config/fish/completions/alpaca-run.fish")]
    Completions(CompletionsArguments),
    /// Print the manual of all commands as Markdown, or write manual pages
    #[command(after_help = "Example:\n  alpaca-run manual --pages man1")]
    Manual(ManualArguments),
}

/// A pipeline file with overrides.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct PipelineArguments {
    /// Pipeline file (YAML)
    #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) pipeline: PathBuf,
    /// Override a pipeline value, as in `-S seed=7`; paths are relative to the current directory
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(in crate::cli) overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct OneRunArguments {
    #[command(flatten)]
    pub(in crate::cli) run: RunArguments,
    /// Change the epochs of all stages so that the run takes about this time, as in 90s, 10min or 1h30min
    #[arg(long, value_name = "TIME", value_parser = quantities::period)]
    pub(in crate::cli) budget: Option<Duration>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunArguments {
    #[command(flatten)]
    pub(in crate::cli) pipeline: PipelineArguments,
    /// Directory in which run directories are created
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) stages: StagesArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
    #[command(flatten)]
    pub(in crate::cli) network: NetworkArguments,
}

/// Selects the stages that run.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct StagesArguments {
    /// Run this stage even if its result is cached (can be repeated)
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) force: Vec<String>,
    /// Stop after this stage
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) until: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WatchArguments {
    #[command(flatten)]
    pub(in crate::cli) run: RunArguments,
    /// Also watch the images of the dataset
    #[arg(long)]
    pub(in crate::cli) data: bool,
    /// Check for changes at this interval, for network drives, which send no notifications
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(in crate::cli) poll: Option<f64>,
    /// Show the runs in a browser meanwhile, as `alpaca-run serve` does
    #[arg(long)]
    pub(in crate::cli) serve: bool,
}

/// Parses the interval of `--poll`.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.05..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds between 0.05 and 86400".to_owned())
}
