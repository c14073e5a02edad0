//! Turns the text of a pipeline file into a [`PipelineSpec`](crate::spec::PipelineSpec), or into a
//! list of all its problems.
//!
//! This is the only module that knows YAML. Loading has four steps: [`parse`] builds a tree in
//! which every value has its location, [`overrides`] applies `-S` options to it, [`shape`] checks
//! it against the JSON schema of the [`raw`] types, and [`resolve`] turns the raw types into the
//! spec. All steps add to one list of diagnostics.

pub mod caches;
pub mod cluster;
pub mod diagnostic;
pub mod document;
pub mod editor;
pub mod keys;
pub mod load;
pub mod logs;
mod overrides;
mod parse;
mod raw;
pub mod reference;
mod resolve;
pub mod resolved;
mod rewrite;
pub mod schema;
pub mod settings;
mod shape;
pub mod starter;
mod sweep;
