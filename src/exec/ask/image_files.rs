//! Image files outside of a dataset.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::dataset::decode::{self, RgbImage};
use crate::dataset::system;
use crate::spec::Alpha;

/// The path that stands for an image on standard input.
const STANDARD_INPUT: &str = "-";

/// The probability of each class or the one number, or why the file cannot be read as an image.
pub type Answer = Result<Vec<f64>, String>;

/// Paths without readable images.
#[derive(Debug, thiserror::Error)]
pub enum ImageFilesError {
    /// A directory cannot be listed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory contains no images.
    #[error("no images in `{}`", names::text_of_path(.0))]
    Empty(PathBuf),
}

/// The given files, and all images below the given directories, by file name or content. Hidden
/// files and files of operating systems are ignored.
///
/// # Errors
/// When a directory cannot be listed or contains no images.
pub fn images(named: &[PathBuf]) -> Result<Vec<PathBuf>, ImageFilesError> {
    let mut files = vec![];
    for path in named {
        if path.is_dir() {
            let below = fs::files_below(path)?;
            let images = below.into_iter().filter(|file| {
                let below = file.strip_prefix(path).unwrap_or(file);
                !below.iter().any(system::is_passed_over) && is_image(file)
            });
            let images: Vec<PathBuf> = images.collect();
            if images.is_empty() {
                return Err(ImageFilesError::Empty(path.clone()));
            }
            files.extend(images);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Whether a file is an image by its name, or else by its content.
fn is_image(file: &Path) -> bool {
    let name = file.to_string_lossy();
    if decode::has_image_name(&name) {
        return true;
    }
    decode::is_image_file(file)
}

/// Decodes the upright image in a file, and passes it to `then`. Errors are sentences for the user.
pub(crate) fn image<T>(
    file: &Path,
    alpha: Alpha,
    then: impl FnOnce(RgbImage) -> T,
) -> Result<T, String> {
    let bytes = if file == Path::new(STANDARD_INPUT) {
        decode::read_standard_input()
    } else {
        decode::read_file(file)
    };
    let bytes = bytes.map_err(|error| error.to_string())?;
    let decoded = decode::decode_then(&file.to_string_lossy(), &bytes, alpha, then);
    decoded.map_err(|error| error.to_string())
}
