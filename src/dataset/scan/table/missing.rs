//! Finds the rows of a table whose files do not exist, and where these files may be.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::super::files::shown;
use super::Row;
use crate::base::fs;
use crate::base::names;

/// Levels of directories that are searched.
const DEPTH: usize = 3;
/// Most directories that are searched.
const MOST: usize = 10_000;

/// The positions of rows whose files do not exist.
pub(super) fn files(rows: &[Row]) -> Vec<usize> {
    let is_missing = |row: &Row| row.candidate.file().is_some_and(|file| !file.exists());
    (0..rows.len()).into_par_iter().filter(|&row| is_missing(&rows[row])).collect()
}

/// How to write the pipeline such that the image `path` is found. `can_name` is whether the
/// extension may be missing.
pub(super) fn help(root: &Path, path: &str, can_name: bool) -> String {
    let below = names::path_of(path);
    if let (true, Some(extension)) = (can_name, extension_of(&root.join(&below))) {
        return format!(
            "the paths lack their extension: write `columns: {{ path: \"{{COLUMN}}.{extension}\" }}` \
             with the name of the column"
        );
    }
    let found = directories(root).into_iter().find(|directory| {
        let file = directory.join(&below);
        file.is_file() || (can_name && extension_of(&file).is_some())
    });
    match found {
        Some(directory) => format!(
            "the images are in another directory: write `root: {}` under `dataset`",
            shown(&directory)
        ),
        None if is_of_other_system(path) => format!(
            "paths such as `{path}` are those of another computer: leave out what precedes the path \
             below a directory, and name the directory as `root` under `dataset`; now it is {}",
            shown(root)
        ),
        None => format!(
            "paths are below the directory of the table, or below `root` under `dataset`; now it is {}",
            shown(root)
        ),
    }
}

/// Whether a path begins with a drive of Windows.
fn is_of_other_system(path: &str) -> bool {
    let mut start = path.chars();
    start.next().is_some_and(|c| c.is_ascii_alphabetic())
        && start.next() == Some(':')
        && cfg!(not(windows))
}

/// The extension that makes a path that of a file.
fn extension_of(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_owned();
    ["jpg", "jpeg", "png", "JPG", "webp"].into_iter().find(|extension| {
        let mut name = name.clone();
        name.push(".");
        name.push(extension);
        path.with_file_name(name).is_file()
    })
}

/// Directories below a directory, those that are nearest first.
fn directories(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut level = vec![root.to_path_buf()];
    for _ in 0..DEPTH {
        let mut next: Vec<PathBuf> = vec![];
        for directory in level {
            let mut inner = fs::directories_in(&directory);
            inner.sort();
            next.extend(inner.iter().map(|name| directory.join(name)));
            if found.len() + next.len() > MOST {
                return found;
            }
        }
        found.extend(next.iter().cloned());
        level = next;
    }
    found
}
