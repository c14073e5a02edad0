//! Reduces Rust sources to the text that affects results: without comments, error messages, tests
//! and blank lines.

/// A source file without comments, `#[error(…)]` attributes and tests.
///
/// Parses just enough Rust to tell literals from comments. Everything else is retained.
pub(crate) fn that_compute(source: &str) -> String {
    let source = source.split("\nmod tests {").next().unwrap_or_default();
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (len, literal) = (omitted(rest), literal(rest));
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let taken = len.or(literal).unwrap_or(word.max(first.len_utf8()));
        match (len, literal) {
            (Some(_), _) => {}
            // The lines of a literal are its own, with their spaces.
            (None, Some(_)) => kept.push_str(&rest[..taken].replace('\n', "\0")),
            (None, None) => kept.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    let lines = kept.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// The length of a comment or an error message, if there is one.
fn omitted(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        Some(rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        Some(block_comment(rest))
    } else if rest.starts_with("#[error(") {
        Some(attribute(rest))
    } else {
        None
    }
}

/// The length of a literal in quotes, or of the quote of a lifetime, if there is one.
fn literal(rest: &str) -> Option<usize> {
    match rest.chars().next() {
        Some('"') => Some(text(rest)),
        Some('\'') => Some(character(rest)),
        _ => raw_text(rest),
    }
}

/// The length of a block comment, which may be nested.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a string literal.
fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a raw string literal, if there is one: `r"…"`, `r#"…"#`, `br#"…"#`.
fn raw_text(rest: &str) -> Option<usize> {
    let begin = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let n_marks = begin.len() - begin.trim_start_matches('#').len();
    let inner = begin[n_marks..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(n_marks));
    let len = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(rest.len() - inner.len() + len)
}

/// The length of a character literal, or of the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut inner = rest[1..].chars();
    match (inner.next(), inner.next()) {
        (Some('\\'), _) => rest[3..].find('\'').map_or(1, |at| at + 4),
        (Some(c), Some('\'')) => c.len_utf8() + 2,
        _ => 1,
    }
}

/// The length of an attribute that contains string literals.
fn attribute(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(c) = rest[at..].chars().next() {
        match c {
            '"' => {
                at += text(&rest[at..]);
                continue;
            }
            '\'' => {
                at += character(&rest[at..]);
                continue;
            }
            '[' => depth += 1,
            ']' if depth == 1 => return at + 1,
            ']' => depth -= 1,
            _ => {}
        }
        at += c.len_utf8();
    }
    rest.len()
}
