//! What may be typed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};

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
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl Arguments {
    /// Reads a command line. `alpaca-run PIPELINE` is short for `alpaca-run run PIPELINE`.
    ///
    /// # Errors
    /// When the command line is not understood, or asks for help.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
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

    /// What was said about what is kept between runs, by a command that keeps something.
    pub(super) fn cache(&self) -> Option<CacheArguments> {
        match &self.command {
            Command::Cache(CacheCommandArguments { cache_dir, .. }) => {
                Some(CacheArguments { cache_dir: cache_dir.clone(), no_cache: false })
            }
            _ => self.machine().map(|machine| machine.cache.clone()),
        }
    }

    fn machine(&self) -> Option<&MachineArguments> {
        match &self.command {
            Command::Run(run) => Some(&run.machine),
            Command::Watch(watch) => Some(&watch.run.machine),
            Command::Plan(plan) => Some(&plan.machine),
            Command::Resume(resume) => Some(&resume.machine),
            Command::Reproduce(reproduce) => Some(&reproduce.machine),
            _ => None,
        }
    }

    /// The number of threads asked for.
    pub(super) fn threads(&self) -> Option<usize> {
        match &self.command {
            Command::Bench(bench) => bench.threads,
            _ => self.machine().and_then(|machine| machine.threads),
        }
    }
}

/// Flags that may stand in front of a command.
const GLOBAL_FLAGS: [&str; 5] = ["-q", "--quiet", "-v", "-vv", "--verbose"];

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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
    /// Say everything that is wrong with a pipeline, its dataset and its weights
    Check(CheckArguments),
    /// List the layers of a pipeline's model, and which are frozen in each stage
    Layers(PipelineArguments),
    /// Measure how fast each part of a pipeline runs on this machine
    Bench(BenchArguments),
    /// What is kept between runs: list it, measure it, remove what is old
    Cache(CacheCommandArguments),
    /// Print the JSON schema of pipeline files, or of manifests
    Schema(SchemaArguments),
}

/// A pipeline file with changes.
#[derive(Debug, Args)]
pub(super) struct PipelineArguments {
    /// The pipeline file
    #[arg(value_name = "PIPELINE", value_hint = ValueHint::FilePath)]
    pub(super) pipeline: PathBuf,
    /// Change a value: `-S stages.finetune.epochs=10`; paths are relative to the current folder
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// The folder for run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) runs_dir: PathBuf,
    #[command(flatten)]
    pub(super) stages: StagesArguments,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

/// Which stages run.
#[derive(Clone, Debug, Args)]
pub(super) struct StagesArguments {
    /// Run this stage even where its result is kept from an earlier run; may be given again
    #[arg(long, value_name = "STAGE")]
    pub(super) force: Vec<String>,
    /// Stop behind this stage
    #[arg(long, value_name = "STAGE")]
    pub(super) until: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    #[command(flatten)]
    pub(super) run: RunArguments,
    /// Follow the pictures too
    #[arg(long)]
    pub(super) data: bool,
}

#[derive(Debug, Args)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    #[command(flatten)]
    pub(super) stages: StagesArguments,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
    /// Say everything that changed, and where it is written
    #[arg(long)]
    pub(super) explain: bool,
    /// Print the plan as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CacheCommandArguments {
    #[command(subcommand)]
    pub(super) action: CacheAction,
    /// The folder for what is kept between runs [default: alpaca-run in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "ALPACA_CACHE", value_hint = ValueHint::DirPath, global = true)]
    pub(super) cache_dir: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum CacheAction {
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
        /// Say what would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// What a run may use. Results do not depend on it.
#[derive(Clone, Debug, Args)]
pub(super) struct MachineArguments {
    #[command(flatten)]
    pub(super) cache: CacheArguments,
    /// How many threads compute; all processors by default. Results do not depend on it
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(super) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(super) run: PathBuf,
    /// Where pictures or weights lie elsewhere now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The run directories; all are compared with the first
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required_unless_present = "last")]
    pub(super) runs: Vec<PathBuf>,
    /// Compare the runs that finished last
    #[arg(long, value_name = "N", conflicts_with = "runs", value_parser = parse_two_or_more)]
    pub(super) last: Option<usize>,
    /// The folder for run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) runs_dir: PathBuf,
    /// Show what does not differ too, and all pictures
    #[arg(long)]
    pub(super) all: bool,
    /// Print the difference as JSON
    #[arg(long, conflicts_with = "md")]
    pub(super) json: bool,
    /// Print the difference as Markdown
    #[arg(long)]
    pub(super) md: bool,
    /// Decimals of figures
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) precision: usize,
    /// Draw the curves of all runs over each other
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) svg: Option<PathBuf>,
    /// Write one page with everything, pictures that flipped included
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct RunsArguments {
    #[command(subcommand)]
    pub(super) action: Option<RunsAction>,
    /// The folder for run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) runs_dir: PathBuf,
    /// Print the list as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum RunsAction {
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
pub(super) struct ReproduceArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(super) run: PathBuf,
    /// Where pictures or weights lie elsewhere now: `-S dataset.directory=FOLDER`
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE")]
    pub(super) overrides: Vec<String>,
    /// Keep the second run below this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(super) machine: MachineArguments,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The run directory
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub(super) run: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What is kept between runs. Results do not depend on it.
#[derive(Clone, Debug, Args)]
pub(super) struct CacheArguments {
    /// The folder for what is kept between runs [default: alpaca-run in the user's cache folder]
    #[arg(long, value_name = "DIR", env = "ALPACA_CACHE", value_hint = ValueHint::DirPath)]
    pub(super) cache_dir: Option<PathBuf>,
    /// Neither read nor write what is kept between runs
    #[arg(long)]
    pub(super) no_cache: bool,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct BenchArguments {
    #[command(flatten)]
    pub(super) pipeline: PipelineArguments,
    /// How long each part is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = parse_seconds)]
    pub(super) seconds: f64,
    /// How many threads compute; all processors by default
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(super) threads: Option<usize>,
    /// Print the figures as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// Of which files
    #[arg(value_name = "FILES", default_value = "pipeline")]
    pub(super) of: SchemaOf,
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum SchemaOf {
    /// Pipeline files
    Pipeline,
    /// manifest.json of a run directory
    Manifest,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct OutputArguments {
    /// Say nothing but errors and the final result
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Say more; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(super) verbose: u8,
}

fn parse_two_or_more(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n >= 2 => Ok(n),
        _ => Err("a number of at least 2 is needed".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0 to 3600 is needed".to_owned()),
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
