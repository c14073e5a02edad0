//! The command line: arguments, settings, output and exit codes, with one file per command.
//!
//! Only this module prints, reads the environment or chooses the exit code.

mod args;
mod command;
mod diagnostics;
mod exit;
mod follow;
mod log;
#[cfg(feature = "mpi")]
pub mod mpi;
mod progress;
mod ranks;
mod settings;
mod signals;
mod terminal;
mod work;
mod downloads;

use std::process::ExitCode;

use args::{Arguments, Command};
pub use exit::out_of_memory;
use exit::{Exit, Failure};
use ranks::Part;
use settings::Settings;
use terminal::Terminal;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(exit::report_bug));
    // The hook has reported the panic.
    std::panic::catch_unwind(run).unwrap_or(Exit::Bug.into())
}

fn run() -> ExitCode {
    signals::prepare();
    let arguments = match Arguments::read(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return exit::of_usage(&error),
    };
    let mut terminal = Terminal::new(&arguments.output);
    let mut settings = match Settings::resolve(&arguments) {
        Ok(settings) => settings,
        Err(error) => return Failure::usage(error).report(&terminal).into(),
    };
    let part = match Part::join(&arguments.command, &mut settings) {
        Ok(part) => part,
        Err(failure) => return failure.report(&terminal).into(),
    };
    if !settings.peers.is_first() {
        terminal = terminal.quiet();
    }
    let done = dispatch(arguments.command, &settings, &terminal);
    let exit = done.unwrap_or_else(|failure| failure.report(&terminal));
    part.leave(exit);
    exit.into()
}

fn dispatch(command: Command, settings: &Settings, terminal: &Terminal) -> Result<Exit, Failure> {
    match command {
        Command::Init(arguments) => command::init::run(&arguments, settings, terminal),
        Command::Run(arguments) => command::run::run(&arguments, settings, terminal),
        Command::Plan(arguments) => command::plan::run(&arguments, settings, terminal),
        Command::Folds(arguments) => command::folds::run(&arguments, settings, terminal),
        Command::Sweep(arguments) => command::sweep::run(&arguments, settings, terminal),
        Command::Shard(arguments) => command::shard::run(&arguments, settings, terminal),
        Command::Jobs(arguments) => {
            let again =
                |again: Arguments, settings: &Settings| dispatch(again.command, settings, terminal);
            command::jobs::run(&arguments, settings, terminal, &again)
        }
        Command::Watch(arguments) => command::watch::run(arguments, settings, terminal),
        Command::Fetch(arguments) => command::fetch::run(&arguments, settings, terminal),
        Command::Evaluate(arguments) => command::evaluate::run(&arguments, settings, terminal),
        Command::Export(arguments) => command::export::run(&arguments, settings, terminal),
        Command::Report(arguments) => command::report::run(&arguments, settings, terminal),
        Command::Predict(arguments) => command::predict::run(&arguments, settings, terminal),
        Command::ServeModel(arguments) => command::serve_model::run(&arguments, settings, terminal),
        Command::Serve(arguments) => command::serve::run(&arguments, settings, terminal),
        Command::Cache(arguments) => command::cache::run(&arguments, settings, terminal),
        Command::Resume(arguments) => command::resume::run(&arguments, settings, terminal),
        Command::Reproduce(arguments) => command::reproduce::run(&arguments, settings, terminal),
        Command::Diff(arguments) => command::diff::run(&arguments, terminal),
        Command::Runs(arguments) => command::runs::run(&arguments, settings, terminal),
        Command::Verify(arguments) => command::verify::run(&arguments, terminal),
        Command::Completions(arguments) => command::manual::completions(&arguments, terminal),
        Command::Manual(arguments) => command::manual::run(&arguments, terminal),
        Command::Check(arguments) => command::check::run(&arguments, settings, terminal),
        Command::Data(arguments) => command::data::run(&arguments, settings, terminal),
        Command::Models(arguments) => command::models::run(&arguments, settings, terminal),
        Command::Layers(arguments) => command::layers::run(&arguments, settings, terminal),
        Command::LrFind(arguments) => command::lr_find::run(&arguments, settings, terminal),
        Command::Bench(arguments) => command::bench::run(&arguments, settings, terminal),
        Command::Schema(arguments) => command::schema::run(&arguments, terminal),
    }
}
