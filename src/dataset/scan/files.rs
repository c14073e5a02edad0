//! Lists the files and directories of a dataset on disk, and checks the names of its classes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use super::listing::{Candidate, Origin, Root};
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::dataset::error::DatasetError;
use crate::dataset::part::Part;
use crate::dataset::system;

/// What is directly inside a directory, sorted by name.
pub(super) struct Entries {
    /// Directories.
    pub(super) folders: Vec<PathBuf>,
    /// Files.
    pub(super) loose: Vec<PathBuf>,
    /// Hidden names, and files and directories of systems and photo programs.
    pub(super) passed_over: Vec<PathBuf>,
}

impl Entries {
    /// The contents of a directory. Links are followed.
    pub(super) fn of(directory: &Path) -> Result<Self, DatasetError> {
        let entries = fs::read_dir_sorted(directory).map_err(|error| DatasetError::Directory {
            path: directory.to_path_buf(),
            source: error.source,
        })?;
        let (passed_over, visible): (Vec<PathBuf>, Vec<PathBuf>) =
            entries.into_iter().partition(|path| system::is_passed_over(file_name(path)));
        let (folders, loose): (Vec<PathBuf>, Vec<PathBuf>) =
            visible.into_iter().partition(|path| path.is_dir());
        Ok(Self { folders, loose, passed_over })
    }

    /// Why the directory has fewer than `least` class directories, as a predicate.
    pub(super) fn lack(&self, least: usize) -> Option<String> {
        Some(match &self.folders[..] {
            [] if self.loose.is_empty() => "is empty".to_owned(),
            [] => {
                let files = text::count(self.loose.len(), "file");
                format!("contains {files} but no class directories")
            }
            [one] if least > 1 => format!(
                "contains only one class directory, `{}`; a classifier needs at least two",
                name_of(one)
            ),
            _ => return None,
        })
    }

    /// The names of all visible entries, for a message.
    pub(super) fn seen(&self) -> Vec<String> {
        let folders = self.folders.iter().map(|path| format!("{}/", name_of(path)));
        let mut seen: Vec<String> =
            folders.chain(self.loose.iter().map(|path| name_of(path))).collect();
        seen.sort();
        seen
    }
}

/// The names of the directories inside a directory, without those that are passed over.
pub(super) fn directories_in(folder: &Path) -> impl Iterator<Item = String> {
    let visible = |name: &OsString| !system::is_passed_over(name);
    fs::directories_in(folder).into_iter().filter(visible).map(|name| names::text_of(&name))
}

/// Where the files of a class are.
pub(super) struct ClassFiles<'a> {
    /// Directory of the dataset.
    pub(super) root: &'a Arc<Root>,
    /// What goes before the paths below `root`: empty, or the name of a part and a slash.
    pub(super) prefix: &'a str,
    /// Directory of the class.
    pub(super) folder: &'a Path,
    /// Position of the class.
    pub(super) class: usize,
    /// Part of the split, if it is given.
    pub(super) part: Option<Part>,
}

/// Lists the files of a class. Returns the directories that are skipped but may have been meant.
pub(super) fn list_class(
    of: &ClassFiles<'_>,
    candidates: &mut Vec<Candidate>,
) -> Result<Vec<PathBuf>, DatasetError> {
    let &ClassFiles { root, prefix, folder, class, part } = of;
    let mut passed_over = vec![];
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let visible = walk.into_iter().filter_entry(|entry| {
        let is_visible = entry.depth() == 0 || !system::is_passed_over(entry.file_name());
        if !is_visible && system::may_be_meant(entry.file_name()) {
            passed_over.push(entry.path().to_path_buf());
        }
        is_visible
    });
    for entry in visible {
        let file = match entry {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) => entry.into_path(),
            Err(error) => match lost_file(&error) {
                Some(file) => file,
                None => return Err(DatasetError::Walk { reason: walk_reason(&error) }),
            },
        };
        let below = file.strip_prefix(&root.directory).unwrap_or(&file);
        let path = format!("{prefix}{}", text_below(below));
        let origin = Origin::File(Arc::clone(root));
        candidates.push(Candidate { part, ..Candidate::new(path, class, origin) });
    }
    Ok(passed_over)
}

/// A path below the dataset directory as text, with forward slashes.
pub(super) fn text_below(path: &Path) -> String {
    if cfg!(windows) {
        let parts: Vec<String> = path.iter().map(names::text_of).collect();
        parts.join("/")
    } else {
        names::text_of_path(path)
    }
}

/// Whether a path is a link to a missing file. It counts as an unreadable image, not as an
/// unreadable directory.
fn lost_file(error: &walkdir::Error) -> Option<PathBuf> {
    let is_gone = error.io_error()?.kind() == std::io::ErrorKind::NotFound;
    error.path().filter(|path| is_gone && path.is_symlink()).map(Path::to_path_buf)
}

fn walk_reason(error: &walkdir::Error) -> String {
    let path = error.path().map(names::text_of_path).unwrap_or_default();
    match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => {
            format!("the link `{path}` points back to `{}`", names::text_of_path(ancestor))
        }
        (None, Some(io)) => format!("`{path}`: {io}"),
        (None, None) => format!("`{path}`"),
    }
}

pub(super) fn file_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

pub(super) fn name_of(path: &Path) -> String {
    names::text_of(file_name(path))
}

/// A path as it may be typed in a shell.
pub(super) fn shown(path: &Path) -> String {
    names::text_of_path(&fs::normalise(path))
}

/// How to write a path in the pipeline that is written under `key`, where `fitting` is for it.
pub(super) fn instead(path: &Path, fitting: &str, key: &str) -> String {
    format!("write `{fitting}: {}` in place of `{key}`", shown(path))
}

/// Checks class names. The same name in two encodings is an error, names that look the same are
/// warnings.
pub(super) fn check_names(classes: &[String]) -> Result<Vec<String>, DatasetError> {
    let same = pairs(classes, names::normal);
    if !same.is_empty() {
        return Err(DatasetError::SameName { pairs: same });
    }
    Ok(pairs(classes, names::look)
        .into_iter()
        .map(|(a, b)| {
            format!("the class names {} and {} are hard to tell apart", spelt(&a), spelt(&b))
        })
        .collect())
}

/// Names that have the same key `of`, each with the first such name.
fn pairs(names: &[String], of: fn(&str) -> String) -> Vec<(String, String)> {
    let mut first_with = BTreeMap::new();
    let mut pairs = vec![];
    for name in names {
        match first_with.get(&of(name)) {
            Some(first) => pairs.push((String::clone(first), name.clone())),
            None => drop(first_with.insert(of(name), name.clone())),
        }
    }
    pairs
}

/// A name, also in escaped form if it has characters that look like others.
fn spelt(name: &str) -> String {
    match names::spelt_out(name) {
        spelt if spelt == name => format!("`{name}`"),
        spelt => format!("`{name}` (`{spelt}`)"),
    }
}

/// Warnings about directories that are skipped but might be classes.
pub(super) fn meant(root: &Path, passed_over: &[PathBuf]) -> Vec<String> {
    const MOST: usize = 5;
    let meant = passed_over.iter().filter(|path| system::may_be_meant(file_name(path)));
    let warnings = meant.filter(|path| path.is_dir()).take(MOST).map(|path| {
        format!(
            "`{}` is skipped: photo programs store thumbnails in directories of this name; if its \
             images belong to the dataset, rename it",
            names::text_of_path(path.strip_prefix(root).unwrap_or(path))
        )
    });
    warnings.collect()
}
