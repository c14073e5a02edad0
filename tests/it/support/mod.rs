//! What tests share: running the program, and small datasets.

#[cfg(unix)]
pub mod chromium;
pub mod network;
pub mod peers;
pub mod pictures;
pub mod program;
pub mod runs;
pub mod schemas;
pub mod served;
pub mod server;
pub mod sources;
