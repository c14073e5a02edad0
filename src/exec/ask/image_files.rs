//! Image files that belong to no dataset.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::dataset::decode::{self, Picture};
use crate::dataset::system;

/// What stands for the picture on standard input.
const STANDARD_INPUT: &str = "-";

/// The probability of each class, or why the file is no readable picture.
pub type Answer = Result<Vec<f64>, String>;

/// Files that were named, but are not there.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// A folder cannot be listed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder has no pictures in it.
    #[error("there are no pictures in `{}`", names::text_of_path(.0))]
    Empty(PathBuf),
}

/// The files named, and all files below the folders named whose names promise a picture or whose
/// content is one; hidden names and what systems leave are passed over.
///
/// # Errors
/// When a folder cannot be listed or has no pictures.
pub fn pictures(named: &[PathBuf]) -> Result<Vec<PathBuf>, PicturesError> {
    let mut files = vec![];
    for path in named {
        if path.is_dir() {
            let below = fs::files_below(path)?;
            let pictures = below.into_iter().filter(|file| {
                let below = file.strip_prefix(path).unwrap_or(file);
                !below.iter().any(system::is_passed_over) && is_picture(file)
            });
            let pictures: Vec<PathBuf> = pictures.collect();
            if pictures.is_empty() {
                return Err(PicturesError::Empty(path.clone()));
            }
            files.extend(pictures);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// By name, or else by content.
fn is_picture(file: &Path) -> bool {
    let name = file.to_string_lossy();
    if decode::has_image_name(&name) {
        return true;
    }
    decode::is_image_file(file)
}

/// What `then` makes of the upright image in a file.
pub(crate) fn picture<T>(file: &Path, then: impl FnOnce(Picture) -> T) -> Result<T, String> {
    let bytes = if file == Path::new(STANDARD_INPUT) {
        decode::read_standard_input()
    } else {
        decode::read_file(file)
    };
    let bytes = bytes.map_err(|error| error.to_string())?;
    decode::decode_then(&file.to_string_lossy(), &bytes, then).map_err(|error| error.to_string())
}
