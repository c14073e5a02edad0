//! Why tasks cannot be submitted, or nothing is known of them.

use crate::base::fs::FileError;

/// Slurm's programs.
const SLURM: [&str; 4] = ["sbatch", "squeue", "scancel", "scontrol"];

/// Why tasks cannot be submitted, or nothing is known of them.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The scheduler is not there.
    #[error("`{0}` is not installed on this machine")]
    NotInstalled(String),
    /// The scheduler refuses, or does not answer; what it says.
    #[error("{0}")]
    Refused(String),
    /// Somebody cancelled the tasks.
    #[error("the tasks were cancelled (`alpaca-run jobs cancel`)")]
    Cancelled,
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ClusterError {
    /// The scheduler refuses.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// Hints how to fix it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotInstalled(program) if !SLURM.contains(&program.as_str()) => vec![
                "put HyperQueue's `hq` in the PATH, or name it with the variable ALPACA_HQ"
                    .to_owned(),
                "`--on local` needs nothing else".to_owned(),
            ],
            Self::NotInstalled(_) => vec![
                "submit from a machine that has Slurm's commands, such as a login node".to_owned(),
                "`--on local` needs nothing else".to_owned(),
            ],
            Self::Refused(said) if said.contains("server") => {
                vec!["start a server and workers: `hq server start`, `hq worker start`".to_owned()]
            }
            Self::Refused(said) if said.contains("artition") => {
                vec!["`sinfo` lists the partitions; name one with `queue` of `cluster`".to_owned()]
            }
            Self::Refused(said)
                if said.contains("configuration is not available")
                    || said.contains("can not be satisfied") =>
            {
                vec![
                    "ask for less: `cpus` and `memory` of `cluster`, in the pipeline or in the \
                      settings file"
                        .to_owned(),
                ]
            }
            Self::Cancelled => vec!["start the same command again to continue".to_owned()],
            Self::Refused(_) | Self::File(_) => vec![],
        }
    }
}
