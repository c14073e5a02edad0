//! A model that a stage learns from.

use serde::Serialize;

use super::Location;

/// The teacher of a stage (distillation; Hinton, Vinyals and Dean 2015, arXiv 1503.02531).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TeacherSpec {
    /// A run directory, the directory of a cross-validation, or an exported ONNX file. Its content
    /// affects results, and its place does not.
    pub model: Location,
    /// Part of the target of a labeled image that the teacher's outputs are, above 0 and at most 1. Its
    /// label is the rest.
    pub share: f64,
    /// Number above 0 that divides the logits of teacher and student. The loss is multiplied by its
    /// square.
    pub temperature: f64,
}
