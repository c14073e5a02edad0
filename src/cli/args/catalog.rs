//! Arguments of `runs`, which lists, shows, sends and removes runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::CacheDirArguments;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct RunsArguments {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<RunsAction>,
    /// Directory that contains the run directories
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) runs_dir: PathBuf,
    /// Print the list as JSON
    #[arg(long, conflicts_with = "csv")]
    pub(in crate::cli) json: bool,
    /// Print the list as CSV, with column names that need no quotes in SQL
    #[arg(long)]
    pub(in crate::cli) csv: bool,
    /// Columns of the list: `run`, `status`, `when`, `seconds`, `val/accuracy`, any other metric, or any
    /// pipeline value, such as `seed`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(in crate::cli) columns: Vec<String>,
}

impl RunsArguments {
    /// The location of the cache, if the action uses it.
    pub(super) fn cache(&self) -> Option<&CacheDirArguments> {
        match &self.action {
            Some(RunsAction::Export { cache, .. }) => Some(cache),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Subcommand)]
pub(in crate::cli) enum RunsAction {
    /// Send runs to TensorBoard or MLflow
    ///
    /// Sent again, a run is replaced or completed there, and not doubled.
    #[command(after_help = "Examples:\n  \
                      alpaca-run runs export runs/finetune --tensorboard board\n  \
                      alpaca-run runs export --mlflow http://127.0.0.1:5000")]
    Export {
        /// Run directories [default: all runs]
        #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
        runs: Vec<PathBuf>,
        #[command(flatten)]
        to: ExportTo,
        /// Experiment of MLflow [default: alpaca-run]
        #[arg(long, value_name = "NAME", requires = "mlflow")]
        experiment: Option<String>,
        /// Directory that contains the run directories
        #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
        runs_dir: PathBuf,
        #[command(flatten)]
        cache: CacheDirArguments,
    },
    /// Show the settings and the metrics of a run
    #[command(after_help = "Example:\n  alpaca-run runs show runs/finetune")]
    Show {
        /// Run directory
        #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
        run: PathBuf,
        /// Print the run as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove run directories
    #[command(after_help = "Example:\n  alpaca-run runs rm runs/finetune-2 runs/finetune-3")]
    Rm {
        /// Run directories
        #[arg(value_name = "RUN", value_hint = ValueHint::DirPath, required = true)]
        runs: Vec<PathBuf>,
    },
    /// Remove all but the newest finished runs
    #[command(after_help = "Example:\n  alpaca-run runs prune --keep 5 --dry-run")]
    Prune {
        /// Number of finished runs to keep
        #[arg(long, value_name = "N")]
        keep: usize,
        /// Also remove runs that were interrupted or are broken
        #[arg(long)]
        unfinished: bool,
        /// Directory that contains the run directories
        #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
        runs_dir: PathBuf,
        /// Show what would be removed, without removing it
        #[arg(long)]
        dry_run: bool,
    },
}

/// Where runs are sent.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct ExportTo {
    /// Write event files for TensorBoard into this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(in crate::cli) tensorboard: Option<PathBuf>,
    /// Send to the MLflow server at this URL
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) mlflow: Option<String>,
}
