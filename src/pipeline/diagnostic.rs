//! Diagnostics: problems with a pipeline, and where they are.

use super::document::{Document, Span};
use crate::spec::problem::{Code, Problem};

/// A problem with its location in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// Message that states the problem, as one sentence without a full stop.
    pub message: String,
    /// Text it is about.
    pub span: Span,
    /// Short text shown next to it.
    pub label: String,
    /// Related locations, each with a short text.
    pub related: Vec<(Span, String)>,
    /// Causes and details.
    pub notes: Vec<String>,
    /// Hints on how to fix it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic of the text at `span`.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let (label, related) = (String::new(), vec![]);
        let (notes, hints) = (vec![], vec![]);
        Self { code, message: message.into(), span, label, related, notes, hints }
    }

    /// Gives a problem its location in a document.
    pub fn of_problem(document: &Document, problem: Problem) -> Self {
        let Problem { code, at, message, label, notes, hints } = problem;
        Self { code, message, span: document.locate(&at), label, related: vec![], notes, hints }
    }

    /// Adds the short text shown next to the source text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds a related location.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Adds a hint on how to fix it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Sorts diagnostics by location and removes duplicates.
pub fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|d| (d.span.source, d.span.range.start, d.code));
    diagnostics.dedup();
    diagnostics
}
