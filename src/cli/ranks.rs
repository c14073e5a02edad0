//! Runs that several processes do together: which of them this is, and how they end.
//!
//! A launcher starts the same command several times, as ranks. Without MPI they would not know of each
//! other, and each would do the whole run.

use super::args::Command;
use super::exit::{Exit, Failure};
use super::settings::Settings;
use crate::base::peers::SharedPeers;
#[cfg(feature = "mpi")]
use crate::base::text;

/// Variables with the number of processes that were started together: of Open MPI, of MPICH and Intel
/// MPI, and of Slurm's `srun`.
const LAUNCHERS: [(&str, &str); 3] =
    [("OMPI_COMM_WORLD_SIZE", "mpirun"), ("PMI_SIZE", "mpiexec"), ("SLURM_STEP_NUM_TASKS", "srun")];

/// The launcher that started several processes of this program, and their number.
fn launched() -> Option<(&'static str, usize)> {
    LAUNCHERS.into_iter().find_map(|(variable, launcher)| {
        let count = std::env::var_os(variable)?.to_str()?.parse().ok()?;
        (count > 1).then_some((launcher, count))
    })
}

/// The part of this process in a run by several.
#[derive(Default)]
pub(super) struct Part {
    #[cfg(feature = "mpi")]
    process: Option<super::mpi::Process>,
}

impl Part {
    /// Joins the other processes, if there are some and the command can be shared.
    ///
    /// # Errors
    /// When the command would be done several times.
    pub(super) fn join(command: &Command, settings: &mut Settings) -> Result<Self, Failure> {
        let writes = match command {
            Command::Run(arguments) => {
                if arguments.budget.is_some() {
                    Err("a run with `--budget`")
                } else {
                    Ok(())
                }
            }
            Command::Resume(_) => Ok(()),
            Command::Sweep(_) => Err("`alpaca-run sweep`"),
            Command::Folds(_) => Err("`alpaca-run folds`"),
            Command::Shard(_) => Err("`alpaca-run shard`"),
            Command::Jobs(_) => Err("`alpaca-run jobs`"),
            Command::Watch(_) => Err("`alpaca-run watch`"),
            Command::Reproduce(_) => Err("`alpaca-run reproduce`"),
            _ => return Ok(Self::default()),
        };
        let Some((launcher, count)) = launched() else { return Ok(Self::default()) };
        let started = format!("{launcher} started {count} processes");
        if let Err(command) = writes {
            let message = format!("{started}, and {command} cannot be shared by several");
            let hint =
                "leave out the launcher; `alpaca-run run` and `alpaca-run resume` can be shared";
            return Err(Failure::usage_with(anyhow::anyhow!(message), vec![hint.to_owned()]));
        }
        Self::of_several(&started, count, settings)
    }

    #[cfg(feature = "mpi")]
    fn of_several(started: &str, count: usize, settings: &mut Settings) -> Result<Self, Failure> {
        let (process, peers) = super::mpi::join().map_err(|reason| {
            Failure::usage_with(
                anyhow::anyhow!("{started}, but {reason}"),
                vec!["build alpaca-run with the MPI of this launcher (docs/scaling.md)".to_owned()],
            )
        })?;
        let found = peers.count();
        if found != count {
            let message = format!("{started}, but MPI knows {}", text::count(found, "rank"));
            let hint = "use the launcher of the MPI that alpaca-run was built with; with `srun`, try \
                        `--mpi=pmix`";
            return Err(Failure::usage_with(anyhow::anyhow!(message), vec![hint.to_owned()]));
        }
        settings.peers = peers;
        Ok(Self { process: Some(process) })
    }

    #[cfg(not(feature = "mpi"))]
    fn of_several(started: &str, _: usize, _: &mut Settings) -> Result<Self, Failure> {
        let message = format!(
            "{started}, but this build of alpaca-run has no MPI: each of them would do the whole run"
        );
        Err(Failure::usage_with(
            anyhow::anyhow!(message),
            vec![
                "build it with the feature `mpi` (docs/scaling.md), or leave out the launcher"
                    .to_owned(),
            ],
        ))
    }

    /// Ends together with the other processes, or ends them if they do not come.
    pub(super) fn leave(self, exit: Exit) {
        #[cfg(feature = "mpi")]
        if let Some(process) = self.process {
            process.leave((exit != Exit::Done).then(|| exit.code()));
        }
        // Without MPI there are no others.
        #[cfg(not(feature = "mpi"))]
        let (Self {}, _) = (self, exit);
    }
}

/// Does work that fills caches on the first rank, and then on the others.
///
/// # Errors
/// Those of the work. If it failed on the first rank, the others do not do it.
pub(super) fn after_first<T>(
    peers: &SharedPeers,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    if peers.is_first() {
        let done = work();
        peers.broadcast(&[u8::from(done.is_ok())]);
        done
    } else if peers.broadcast(&[]) == [1] {
        work()
    } else {
        Err(Failure::OfAnotherRank(Exit::Failed))
    }
}
