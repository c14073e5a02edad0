//! Starts the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    alpaca_run::cli::main()
}
