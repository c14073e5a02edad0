//! Formats numbers and lists for people, and finds similar names.

use std::error::Error;
use std::iter;
use std::path::Path;
use std::time::Duration;

use super::names;

/// A number with its noun: `1 image`, `2 images`.
pub fn count(n: usize, noun: &str) -> String {
    let plural = match noun {
        "class" => "classes".to_owned(),
        noun if noun.ends_with('y') => format!("{}ies", &noun[..noun.len() - 1]),
        noun => format!("{noun}s"),
    };
    format!("{} {}", thousands(n), if n == 1 { noun } else { &plural })
}

/// An integer with thousands separators: `1,624,896`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in a suitable unit: `512 B`, `22.0 MiB`.
pub fn bytes(n: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = n as f64;
    let mut unit = "B";
    for larger in units {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    if unit == "B" { format!("{n} B") } else { format!("{size:.1} {unit}") }
}

/// A word of a command line, quoted for a shell where it has to be.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A path as one word of a command line, quoted for a shell where it has to be.
pub fn shell_path(path: &Path) -> String {
    let text = names::text_of_path(path);
    let is_bytes = names::path_of(&text).as_os_str() != text.as_str();
    // Not an option.
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    if is_bytes { format!("$'{}'", text.replace('\'', "\\'")) } else { shell_word(&text) }
}

/// A table with aligned columns. Those in `right` are aligned to the right.
pub fn align(table: &[Vec<String>], right: &[usize]) -> String {
    let n_columns = table.first().map_or(0, Vec::len);
    let width =
        |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for row in table {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:width$}")
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Text escaped for XML and HTML, including attributes. Characters that XML does not allow or that
/// change the writing direction are written out.
pub fn escape(text: &str) -> String {
    let text = names::visible(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Names in backticks, joined as in a sentence: `` `a`, `b` or `c` ``.
pub fn any_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    join(names.into_iter().map(|name| format!("`{name}`")), "or")
}

/// Names in backticks, joined as in a sentence: `` `a`, `b` and `c` ``.
pub fn all_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    join(names.into_iter().map(|name| format!("`{name}`")), "and")
}

/// The first names in backticks, and how many more there are.
pub fn some_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 10;
    let names: Vec<&str> = names.into_iter().collect();
    let named = names.iter().take(MOST).map(|name| format!("`{name}`"));
    let rest = names.len().saturating_sub(MOST);
    join(named.chain((rest > 0).then(|| format!("{} more", thousands(rest)))), "and")
}

/// Words joined as in a sentence.
pub fn join(words: impl IntoIterator<Item = String>, conjunction: &str) -> String {
    let words: Vec<String> = words.into_iter().collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}

/// An error and its causes, on one line.
pub fn chain(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A sentence with its first letter in lower case, to continue another one.
pub fn lower_first(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// A fragment with its first letter in upper case, to begin a sentence.
pub fn upper_first(fragment: &str) -> String {
    let mut chars = fragment.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The first `most` of `items` on separate lines, then how many more there are.
pub fn first_lines<T: ToString>(items: &[T], most: usize) -> String {
    let mut lines: Vec<String> =
        items.iter().take(most).map(|item| format!("  {}", item.to_string())).collect();
    if items.len() > most {
        lines.push(format!("  … and {} more", thousands(items.len() - most)));
    }
    lines.join("\n")
}

/// At most `most` names that are similar to `word`, nearest first.
pub fn nearest<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let mut scored: Vec<(usize, &str)> = names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + word.len().max(name.len()) / 3)
        .collect();
    scored.sort_unstable();
    scored.into_iter().take(most).map(|(_, name)| name).collect()
}

/// A duration in suitable units: `340 ms`, `4.2 s`, `3 min 5 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else if seconds < 3600.0 {
        format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60)
    } else if seconds < 48.0 * 3600.0 {
        format!("{} h {} min", duration.as_secs() / 3600, duration.as_secs() % 3600 / 60)
    } else {
        format!("{} days", thousands((duration.as_secs() / (24 * 3600)) as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_well() {
        assert_eq!(count(1, "image"), "1 image");
        assert_eq!(count(2, "class"), "2 classes");
        assert_eq!(count(1_624_896, "weight"), "1,624,896 weights");
        assert_eq!(count(0, "entry"), "0 entries");
    }

    #[cfg(unix)]
    #[test]
    fn paths_are_one_word_for_a_shell() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let word = |bytes: &[u8]| shell_path(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(word(b"runs/p-2"), "runs/p-2");
        assert_eq!(word(b"my runs/p"), "'my runs/p'");
        assert_eq!(word(b"it's"), "'it'\\''s'");
        assert_eq!(word(b"r\xff\n"), "$'r\\xFF\\x0A'");
    }

    #[test]
    fn the_nearest_name_forgives_slips_but_not_other_words() {
        let names = ["epochs", "optimizer", "unfreeze_from"];
        assert_eq!(nearest("epoch", names, 1), ["epochs"]);
        assert_eq!(nearest("Optimiser", names, 1), ["optimizer"]);
        assert!(nearest("colour", names, 1).is_empty());
    }

    #[test]
    fn sizes_have_their_unit() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(23_040_000), "22.0 MiB");
    }

    #[test]
    fn durations_keep_two_units_at_most() {
        assert_eq!(duration(Duration::from_millis(340)), "340 ms");
        assert_eq!(duration(Duration::from_millis(4210)), "4.2 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(duration(Duration::from_mins(121)), "2 h 1 min");
        assert_eq!(duration(Duration::from_hours(71)), "2 days");
    }
}
