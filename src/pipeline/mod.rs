//! From the text of a pipeline file to a [`PipelineSpec`](crate::spec::PipelineSpec), or to the
//! list of everything that is wrong with it.
//!
//! The only module that knows YAML. The text passes through four hands:
//! [`parse`] makes a tree in which every value knows its place, [`overrides`] changes it as the
//! command line asks, [`shape`] holds it against the JSON schema of the [`raw`] types, and
//! [`resolve`] turns the raw types into the spec. Each adds to one list of diagnostics.

pub mod diagnostic;
pub mod document;
pub mod load;
mod overrides;
mod parse;
mod raw;
pub mod reference;
mod resolve;
pub mod resolved;
pub mod schema;
mod shape;
