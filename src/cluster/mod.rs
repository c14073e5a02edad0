//! Tasks that run elsewhere: as other processes of this machine, with HyperQueue or with Slurm.
//!
//! A command that has much to do writes it down as a [`graph`]: tasks as plain data, each with a
//! command line. A [`Scheduler`](scheduler::Scheduler) runs the command lines; it knows nothing of
//! what they do. A task that ends writes its [`outcome`] as a file, and whoever [waits](wait) reads
//! these files. What a scheduler says only decides whether a task without an outcome is submitted
//! again, so a lost machine, a task that runs twice and a restarted scheduler cost time and never a
//! result.

mod commands;
pub mod error;
pub mod graph;
mod hyperqueue;
pub mod jobs;
mod local;
pub mod outcome;
pub mod scheduler;
pub mod schedulers;
mod slurm;
pub mod wait;
pub mod work;
