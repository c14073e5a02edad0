//! What computes: the same program gives the same bits.

use crate::engine::kernels::Kernels;

/// The version of this program, its build, and the instructions it uses here.
pub fn identity() -> String {
    let (version, build) = (env!("CARGO_PKG_VERSION"), env!("ALPACA_RUN_BUILD"));
    format!("alpaca-run {version}, build {build}, {}", Kernels::best().set().name())
}
