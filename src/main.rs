//! Starts the command line.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Reuses freed memory instead of returning it to the system, and aligns large allocations to cache
/// lines. Each makes a training step faster by tens of percent.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    alpaca_run::cli::main()
}
