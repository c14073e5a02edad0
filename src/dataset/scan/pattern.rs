//! Names of many files in one text: `train-{000..099}.tar`, `{train,extra}-*.tar`.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::names;

/// Most files of one pattern.
const MOST: usize = 100_000;

/// Whether a path names several files, and no file has this name.
pub(super) fn is_pattern(path: &Path) -> bool {
    names::text_of_path(path).contains(['{', '*']) && !path.exists()
}

/// The files of a pattern, in its order. Those of `*` are sorted, and exist.
///
/// # Errors
/// When it is not a pattern, or has too many files; when nothing fits `*`.
pub(super) fn expand(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    if pattern.exists() {
        return Ok(vec![pattern.to_path_buf()]);
    }
    let text = names::text_of_path(pattern);
    let mut files = vec![];
    for text in braces(&text)? {
        let path = names::path_of(&text);
        let name = path.file_name().map(names::text_of).unwrap_or_default();
        if !name.contains('*') {
            files.push(path);
            continue;
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let entries = fs::read_dir_sorted(folder.unwrap_or(Path::new(".")))
            .map_err(|error| format!("{error}: {}", error.source))?;
        let before = files.len();
        files.extend(entries.into_iter().filter(|entry| {
            entry.file_name().is_some_and(|found| fits(&names::text_of(found), &name))
        }));
        if files.len() == before {
            return Err(format!("no file fits `{name}`"));
        }
    }
    Ok(files)
}

/// The directory above all files of a pattern.
pub(super) fn base(pattern: &Path) -> PathBuf {
    let is_special = |path: &Path| names::text_of_path(path).contains(['{', '*']);
    let plain = pattern.ancestors().skip(1).find(|folder| !is_special(folder));
    plain.map_or(PathBuf::new(), Path::to_path_buf)
}

/// Replaces the first `{…}` by each of its values, and so on.
fn braces(text: &str) -> Result<Vec<String>, String> {
    let Some((before, behind)) = text.split_once('{') else { return Ok(vec![text.to_owned()]) };
    let Some((inside, after)) = behind.split_once('}') else {
        return Err(format!("`{text}` has a `{{` without `}}`"));
    };
    let values = match inside.split_once("..") {
        Some((first, last)) => range(first, last)
            .ok_or_else(|| format!("`{{{inside}}}` is not a range; write `{{000..099}}`"))?,
        None => inside.split(',').map(str::to_owned).collect(),
    };
    let rest = braces(after)?;
    if values.len().saturating_mul(rest.len()) > MOST {
        return Err(format!("`{{{inside}}}` has too many values; at most {MOST} files are read"));
    }
    Ok(values
        .iter()
        .flat_map(|value| rest.iter().map(move |rest| format!("{before}{value}{rest}")))
        .collect())
}

/// Whole numbers from `first` to `last`, with as many digits as `first` is written with.
fn range(first: &str, last: &str) -> Option<Vec<String>> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return None;
    }
    let (low, high): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    if low > high || high - low >= MOST {
        return None;
    }
    let n_digits = first.len();
    Some((low..=high).map(|number| format!("{number:0n_digits$}")).collect())
}

/// Whether a name fits a pattern in which `*` is any text.
fn fits(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(behind) = name.strip_prefix(start) else { return false };
    let ends = behind.char_indices().map(|(at, _)| at).chain([behind.len()]);
    ends.into_iter().any(|at| fits(&behind[at..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_lists_are_all_their_values() {
        let expanded = |text: &str| {
            expand(Path::new(text)).map(|files| {
                files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
            })
        };
        assert_eq!(
            expanded("a/t-{008..010}.tar").unwrap().join(" "),
            "a/t-008.tar a/t-009.tar a/t-010.tar"
        );
        assert_eq!(expanded("{a,b}{0..1}").unwrap().join(" "), "a0 a1 b0 b1");
        assert_eq!(expanded("plain.tar").unwrap(), ["plain.tar"]);
        for wrong in ["{3..1}", "{a..b}", "{0", "{0..999999999}", "{0..999}{0..999}"] {
            assert!(expanded(wrong).is_err(), "{wrong}");
        }
        assert_eq!(base(Path::new("d/{train,extra}/x-*.tar")), Path::new("d"));
        assert_eq!(base(Path::new("d/x.tar")), Path::new("d"));
    }

    #[test]
    fn a_star_is_any_text() {
        assert!(fits("train-01.tar", "train-*.tar") && fits("a.tar", "*"));
        assert!(fits("a-b-c.tar", "*-c.tar") && !fits("a-b.tar.gz", "*.tar"));
        assert!(!fits("test-01.tar", "train-*.tar"));
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tar", "a.tar", "c.txt"] {
            fs::write_atomic(&folder.path().join(name), b"").unwrap();
        }
        let found = expand(&folder.path().join("*.tar")).unwrap();
        let names: Vec<_> = found.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["a.tar", "b.tar"]);
        assert!(expand(&folder.path().join("*.zip")).unwrap_err().contains("`*.zip`"));
    }
}
