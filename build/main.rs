//! Gives the build a unique name, so that it does not reuse results of other builds.
#![expect(clippy::print_stdout, reason = "Cargo reads what a build script prints")]

mod identity;
mod lines;
mod locked;

use std::path::Path;

fn main() {
    let root = Path::new(".");
    for path in identity::COMPUTING.iter().chain(&identity::MANIFESTS).chain(&[identity::LOCK]) {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rustc-env=ALPACA_RUN_BUILD={:016x}", identity::digest(root));
    let lock = std::fs::read_to_string(identity::LOCK).unwrap_or_default();
    let burn = locked::version(&lock, "burn").unwrap_or("unknown");
    println!("cargo:rustc-env=ALPACA_RUN_BURN={burn}");
}
