//! What is wrong with a pipeline, and where.

use super::document::{Document, Span};
use crate::spec::problem::{Code, Problem};

/// A problem with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The text it is about.
    pub span: Span,
    /// A few words beside that text.
    pub label: String,
    /// Other places that belong to it, each with a few words.
    pub related: Vec<(Span, String)>,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic of the text at `span`.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        let (label, related, hints) = (String::new(), vec![], vec![]);
        Self { code, message: message.into(), span, label, related, hints }
    }

    /// Places a problem in a document.
    pub fn of_problem(document: &Document, problem: Problem) -> Self {
        let Problem { code, at, message, label, hints } = problem;
        Self { code, message, span: document.locate(&at), label, related: vec![], hints }
    }

    /// Adds a few words beside the text.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Puts diagnostics in the order of the text and drops repeated ones.
pub fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|d| (d.span.source, d.span.range.start, d.code));
    diagnostics.dedup();
    diagnostics
}
