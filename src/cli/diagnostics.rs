//! Diagnostics as text for people and as JSON for editors.

use std::fmt::{Display, Write as _};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::terminal::Color;
use crate::base::names;
use crate::base::text;
use crate::pipeline::diagnostic::Diagnostic;
use crate::pipeline::document::{Lines, Source, Span};
use crate::pipeline::load::Rejected;
use crate::spec::problem::Code;

/// The most problems that are shown with their lines. Nobody reads more, and each takes time.
const MOST_SHOWN: usize = 100;

/// Renders the diagnostics of a pipeline with the lines they refer to, and their number.
pub(super) fn render(rejected: &Rejected, color: Color) -> String {
    let renderer = renderer(color);
    let mut text = String::new();
    for diagnostic in rejected.diagnostics.iter().take(MOST_SHOWN) {
        let groups = groups(diagnostic, &rejected.sources);
        text.push_str(&renderer.render(&groups));
        text.push_str("\n\n");
    }
    let n = rejected.diagnostics.len();
    let shown = match n {
        n if n > MOST_SHOWN => {
            format!("; the first {MOST_SHOWN} are shown (`check --json` has all)")
        }
        _ => String::new(),
    };
    let name = names::visible(&rejected.sources[0].name);
    let summary = format!("{} in `{name}`{shown}", text::count(n, "problem"));
    text.push_str(&renderer.render(&[Group::with_title(Level::ERROR.primary_title(summary))]));
    text.push('\n');
    text
}

/// Renders an error that has no location in a pipeline, with its causes, notes and hints.
pub(super) fn render_error(
    error: &anyhow::Error,
    code: Option<Code>,
    notes: &[String],
    hints: &[String],
    color: Color,
) -> String {
    let mut causes: Vec<String> = error.chain().skip(1).map(|cause| text_of(&cause)).collect();
    causes.extend(notes.iter().map(|note| text_of(note)));
    let title = Level::ERROR.primary_title(text_of(error));
    let title = match code {
        Some(code) => title.id(code.number()),
        None => title,
    };
    let mut group = Group::with_title(title);
    group = group.elements(causes.iter().map(|cause| Level::NOTE.message(cause)));
    let mut groups = vec![group];
    groups.extend(hints.iter().map(|hint| hint_group(hint)));
    format!("{}\n", renderer(color).render(&groups))
}

fn text_of(error: &dyn Display) -> String {
    names::visible(&error.to_string()).into_owned()
}

fn renderer(color: Color) -> Renderer {
    match color {
        Color::Always => Renderer::styled(),
        Color::Never => Renderer::plain(),
    }
}

fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a [Source]) -> Vec<Group<'a>> {
    let title = Level::ERROR
        .primary_title(names::visible(&diagnostic.message))
        .id(diagnostic.code.number());
    let primary = &diagnostic.span;
    let mut snippet = snippet(&sources[primary.source]);
    let mut annotation = AnnotationKind::Primary.span(visible(primary, sources));
    if !diagnostic.label.is_empty() {
        annotation = annotation.label(names::visible(&diagnostic.label));
    }
    snippet = snippet.annotation(annotation);
    let (same, other): (Vec<_>, Vec<_>) =
        diagnostic.related.iter().partition(|(span, _)| span.source == primary.source);
    for (span, label) in same {
        snippet =
            snippet.annotation(AnnotationKind::Context.span(visible(span, sources)).label(label));
    }
    let mut group = title.element(snippet);
    for (span, label) in other {
        let annotation = AnnotationKind::Context.span(visible(span, sources)).label(label);
        group = group.element(self::snippet(&sources[span.source]).annotation(annotation));
    }
    let notes = diagnostic.notes.iter();
    group = group.elements(notes.map(|note| Level::NOTE.message(names::visible(note))));
    std::iter::once(group).chain(diagnostic.hints.iter().map(|hint| hint_group(hint))).collect()
}

fn snippet<T: Clone>(source: &Source) -> Snippet<'_, T> {
    Snippet::source(source.text.as_str()).path(names::visible(&source.name))
}

fn hint_group(hint: &str) -> Group<'_> {
    Group::with_title(Level::HELP.with_name("hint").secondary_title(names::visible(hint)))
}

/// Extends an empty span to one character where the text has one, so that it can be underlined.
fn visible(span: &Span, sources: &[Source]) -> std::ops::Range<usize> {
    let text = &sources[span.source].text;
    let start = span.range.start.min(text.len());
    let next =
        text[start..].chars().next().filter(|c| *c != '\n').map_or(start, |c| start + c.len_utf8());
    start..span.range.end.clamp(next, text.len())
}

/// One diagnostic in the form that editors read.
#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'static str,
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
    notes: &'a [String],
    hints: &'a [String],
}

/// Renders all diagnostics as a JSON list. Lines and columns start at one. Columns count
/// characters, and the end column is the first one after the text.
pub(super) fn render_json(rejected: Option<&Rejected>) -> String {
    let mut findings: Vec<JsonDiagnostic<'_>> = vec![];
    if let Some(Rejected { sources, diagnostics }) = rejected {
        let lines: Vec<Lines<'_>> = sources.iter().map(Source::lines).collect();
        findings.extend(diagnostics.iter().map(|diagnostic| json(diagnostic, sources, &lines)));
    }
    let mut text = String::new();
    let list = serde_json::to_string_pretty(&findings).expect("findings are plain data");
    let _ = writeln!(text, "{list}");
    text
}

fn json<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a [Source],
    lines: &[Lines<'_>],
) -> JsonDiagnostic<'a> {
    let source = &sources[diagnostic.span.source];
    let lines = &lines[diagnostic.span.source];
    let range = visible(&diagnostic.span, sources);
    let ((line, column), (end_line, end_column)) =
        (lines.position(range.start), lines.position(range.end));
    JsonDiagnostic {
        code: diagnostic.code.number(),
        message: &diagnostic.message,
        file: &source.name,
        line,
        column,
        end_line,
        end_column,
        label: &diagnostic.label,
        notes: &diagnostic.notes,
        hints: &diagnostic.hints,
    }
}
