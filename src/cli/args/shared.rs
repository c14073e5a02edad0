//! Options that several commands have.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::spec::{FromWeights, Scheduler};

/// Resources that a run may use. Results do not depend on them.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct MachineArguments {
    #[command(flatten)]
    pub(in crate::cli) cache: CacheArguments,
    /// Number of threads [default: all processors]; does not affect results
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub(in crate::cli) threads: Option<usize>,
}

/// The location of the cache.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CacheDirArguments {
    /// Cache directory [default: `ALPACA_CACHE`, or alpaca-run in the user's cache directory]
    // If clap read the variable, an empty value would be reported as a wrong `--cache-dir`.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) cache_dir: Option<PathBuf>,
}

/// Where tasks run.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct ClusterArguments {
    /// Run the tasks with this scheduler, with the settings in `cluster` of the pipeline or of the
    /// settings file; results are the same
    #[arg(long, value_name = "SCHEDULER")]
    pub(in crate::cli) on: Option<SchedulerArgument>,
    /// Submit the tasks, and do not wait for them; start the command again for the result
    #[arg(long)]
    pub(in crate::cli) detach: bool,
}

/// What runs tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum SchedulerArgument {
    /// Processes of this machine, several at a time
    Local,
    /// HyperQueue (`hq` in the PATH, or `ALPACA_HQ`)
    Hyperqueue,
    /// Slurm (`sbatch` in the PATH)
    Slurm,
}

impl From<SchedulerArgument> for Scheduler {
    fn from(which: SchedulerArgument) -> Self {
        match which {
            SchedulerArgument::Local => Self::Local,
            SchedulerArgument::Hyperqueue => Self::HyperQueue,
            SchedulerArgument::Slurm => Self::Slurm,
        }
    }
}

/// How published weights are downloaded.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct NetworkArguments {
    /// Never use the network; fail if weights have not been downloaded
    #[arg(long, env = "ALPACA_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    pub(in crate::cli) offline: bool,
    /// Download published weights from this URL instead of from their publishers
    #[arg(long, value_name = "URL", env = "ALPACA_MIRROR")]
    pub(in crate::cli) mirror: Option<String>,
}

/// Use of the cache. Results do not depend on it.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct CacheArguments {
    #[command(flatten)]
    pub(in crate::cli) dir: CacheDirArguments,
    /// Neither read nor write the cache
    #[arg(long)]
    pub(in crate::cli) no_cache: bool,
}

/// Which weights of a run to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum WeightsArgument {
    /// Weights of the best epoch
    Best,
    /// Weights of the last epoch
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

/// How much is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct OutputArguments {
    /// Print only errors and the final result
    #[arg(short, long, global = true)]
    pub(in crate::cli) quiet: bool,
    /// Print more (`-vv` for everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(in crate::cli) verbose: u8,
}

pub(super) fn parse_at_least<const N: usize>(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n >= N => Ok(n),
        _ => Err(format!("expected a number of at least {N}")),
    }
}

pub(super) fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least one thread".to_owned()),
        Ok(threads) if threads <= 1024 => Ok(threads),
        Ok(_) => Err("expected at most 1024 threads".to_owned()),
        Err(_) => Err("expected a number".to_owned()),
    }
}
