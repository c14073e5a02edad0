//! Starts the command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use alpaca_kernels::Reporting;
use alpaca_run::cli;
use mimalloc::MiMalloc;

/// Reuses freed memory instead of returning it to the system, and aligns large allocations to cache
/// lines. Each makes a training step faster by tens of percent.
#[global_allocator]
static ALLOCATOR: Reporting<MiMalloc> = Reporting::new(MiMalloc, cli::out_of_memory);

fn main() -> ExitCode {
    alpaca_kernels::keep_memory();
    cli::main()
}
