//! What tests share: running the program, and small datasets.

pub mod network;
pub mod peers;
pub mod pictures;
pub mod program;
pub mod runs;
pub mod schemas;
pub mod server;
pub mod sources;
