//! Servers for browsers and other programs: a live page about the runs in a directory, and a model
//! that classifies images which are sent to it.
//!
//! Both are reached from this machine alone, unless the user names another address.

mod listen;
pub mod model;
mod reply;
pub mod runs;

pub use listen::{ListenError, Listening};
