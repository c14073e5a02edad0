//! Lists a dataset directory: one folder per class, every visible file below it a candidate; or the
//! pictures of a dataset that is drawn.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::draw::Draughtsman;
use super::error::DatasetError;
use crate::base::fs;
use crate::base::text;
use crate::spec::{DatasetSource, DatasetSpec, GeneratorSpec};

/// Folder names that mean a dataset was divided already.
const SPLIT_NAMES: [&str; 6] = ["train", "training", "val", "valid", "validation", "test"];

/// A file that may be a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its path below the dataset directory, with forward slashes. This is its identity.
    pub path: String,
    /// The position of its class among the sorted class names.
    pub class: usize,
    /// Where its pixels come from.
    pub origin: Origin,
}

/// Where the pixels of a picture come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file, by a path that can be opened.
    File(PathBuf),
    /// It is drawn.
    Drawn {
        /// By whom.
        draughtsman: Arc<Draughtsman>,
        /// Its number in its class.
        number: usize,
    },
}

/// The files of a dataset directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The names of the classes, sorted.
    pub classes: Vec<String>,
    /// The files, sorted by path.
    pub candidates: Vec<Candidate>,
}

/// Lists the pictures of a dataset, of files or drawn.
///
/// # Errors
/// As [`scan`].
pub fn list(spec: &DatasetSpec) -> Result<Listing, DatasetError> {
    match &spec.source {
        DatasetSource::Directory(directory) => scan(&directory.path),
        DatasetSource::Generator(generator) => {
            Ok(draw_up(generator, &Arc::new(Draughtsman::new(generator, spec.image_size))))
        }
    }
}

/// The pictures that are to be drawn.
fn draw_up(spec: &GeneratorSpec, draughtsman: &Arc<Draughtsman>) -> Listing {
    let classes: Vec<String> =
        (0..spec.classes).map(|class| draughtsman.class_name(class)).collect();
    let n_digits = spec.images.saturating_sub(1).to_string().len();
    let picture = |class: usize, number: usize| Candidate {
        path: format!("{}/{number:0n_digits$}", classes[class]),
        class,
        origin: Origin::Drawn { draughtsman: Arc::clone(draughtsman), number },
    };
    let candidates = (0..spec.classes)
        .flat_map(|class| (0..spec.images).map(move |number| (class, number)))
        .map(|(class, number)| picture(class, number))
        .collect();
    Listing { classes, candidates }
}

/// Lists a dataset directory. Names that start with a dot (`.ipynb_checkpoints`, `.DS_Store`) are
/// passed over; links are followed.
///
/// # Errors
/// When the directory cannot be read, a link leads in a circle, there are fewer than two class
/// folders, or a class folder holds no file.
pub fn scan(directory: &Path) -> Result<Listing, DatasetError> {
    scan_classes(directory, 2)
}

/// The same of a folder that need not have more than one class.
///
/// # Errors
/// As [`scan`].
pub fn scan_some(directory: &Path) -> Result<Listing, DatasetError> {
    scan_classes(directory, 1)
}

fn scan_classes(directory: &Path, least: usize) -> Result<Listing, DatasetError> {
    let entries = fs::read_dir_sorted(directory).map_err(|error| DatasetError::Directory {
        path: directory.to_path_buf(),
        source: error.source,
    })?;
    let visible: Vec<PathBuf> =
        entries.into_iter().filter(|path| !is_hidden(&name_of(path))).collect();
    let classes: Vec<PathBuf> = visible.iter().filter(|path| path.is_dir()).cloned().collect();
    check_layout(directory, &visible, &classes, least)?;
    let mut candidates = vec![];
    let mut empty = vec![];
    for (class, folder) in classes.iter().enumerate() {
        let before = candidates.len();
        list_class(directory, folder, class, &mut candidates)?;
        if candidates.len() == before {
            empty.push(name_of(folder));
        }
    }
    if !empty.is_empty() {
        return Err(DatasetError::EmptyClass { classes: empty });
    }
    candidates.sort_by(|a, b| a.path.cmp(&b.path));
    let classes = classes.iter().map(|path| name_of(path)).collect();
    Ok(Listing { classes, candidates })
}

fn check_layout(
    directory: &Path,
    visible: &[PathBuf],
    classes: &[PathBuf],
    least: usize,
) -> Result<(), DatasetError> {
    let names: Vec<String> = classes.iter().map(|path| name_of(path)).collect();
    let n_files = visible.len() - classes.len();
    let what = match &names[..] {
        [] if n_files == 0 => "is empty".to_owned(),
        [] => format!("holds {} but no class folders", text::count(n_files, "file")),
        [one] if least > 1 => {
            format!("holds one class folder, `{one}`; a classifier needs at least two")
        }
        names if names.iter().all(|name| SPLIT_NAMES.contains(&name.to_lowercase().as_str())) => {
            let names = text::any_of(names.iter().map(String::as_str)).replace(" or ", " and ");
            format!(
                "holds {names}: it has been split before, and would be read as classes of these names"
            )
        }
        _ => return Ok(()),
    };
    let line =
        |path: &PathBuf| format!("{}{}", name_of(path), if path.is_dir() { "/" } else { "" });
    let seen = visible.iter().map(line).collect();
    Err(DatasetError::Layout { path: directory.to_path_buf(), what, seen })
}

fn list_class(
    root: &Path,
    folder: &Path,
    class: usize,
    candidates: &mut Vec<Candidate>,
) -> Result<(), DatasetError> {
    let is_visible =
        |entry: &DirEntry| entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy());
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(is_visible) {
        let file = match entry {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) => entry.into_path(),
            Err(error) => match lost_file(&error) {
                Some(file) => file,
                None => return Err(DatasetError::Walk { reason: walk_reason(&error) }),
            },
        };
        let below = file.strip_prefix(root).unwrap_or(&file);
        let parts: Vec<String> =
            below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        candidates.push(Candidate { path: parts.join("/"), class, origin: Origin::File(file) });
    }
    Ok(())
}

/// A link to a file that is gone: a bad picture like others, not a folder that cannot be read.
fn lost_file(error: &walkdir::Error) -> Option<PathBuf> {
    let is_gone = error.io_error()?.kind() == std::io::ErrorKind::NotFound;
    error.path().filter(|path| is_gone && path.is_symlink()).map(Path::to_path_buf)
}

fn walk_reason(error: &walkdir::Error) -> String {
    let path = error.path().map(|path| path.display().to_string()).unwrap_or_default();
    match (error.loop_ancestor(), error.io_error()) {
        (Some(ancestor), _) => {
            format!("the link `{path}` leads back to `{}`, in a circle", ancestor.display())
        }
        (None, Some(io)) => format!("`{path}`: {io}"),
        (None, None) => format!("`{path}`"),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a file or folder of this name is passed over.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if !file.ends_with('/') {
                fs::write_atomic(&path, b"x").unwrap();
            }
        }
        root
    }

    #[test]
    fn classes_are_sorted_and_hidden_names_passed_over() {
        let root = folder(&[
            "b/2.jpg",
            "b/deep/1.jpg",
            "a/x.jpg",
            "a/.hidden.jpg",
            ".ipynb_checkpoints/a/y.jpg",
            "a/.ipynb_checkpoints/z.jpg",
        ]);
        let listing = scan(root.path()).unwrap();
        assert_eq!(listing.classes, ["a", "b"]);
        let paths: Vec<_> = listing.candidates.iter().map(|c| (c.path.as_str(), c.class)).collect();
        assert_eq!(paths, [("a/x.jpg", 0), ("b/2.jpg", 1), ("b/deep/1.jpg", 1)]);
    }

    #[test]
    fn other_layouts_are_named() {
        let what = |files: &[&str]| scan(folder(files).path()).unwrap_err().to_string();
        assert!(what(&["1.jpg", "2.jpg"]).ends_with("holds 2 files but no class folders"));
        assert!(what(&["one/1.jpg"]).contains("one class folder, `one`"));
        assert!(what(&["train/a/1.jpg", "val/a/1.jpg"]).contains("has been split before"));
        assert!(what(&["a/1.jpg", "b/.keep"]).contains("without pictures: `b`"));
    }
}
