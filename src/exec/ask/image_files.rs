//! Image files outside of a dataset.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::dataset::archive::{self, Archive, ArchiveError};
use crate::dataset::decode::{self, DecodeError, RgbImage};
use crate::dataset::scan;
use crate::dataset::system;
use crate::spec::Alpha;

/// The path that stands for an image on standard input.
const STANDARD_INPUT: &str = "-";

/// The probability of each class or the one number, or why the file cannot be read as an image.
pub type Answer = Result<Vec<f64>, String>;

/// An image outside of a dataset.
#[derive(Clone, Debug)]
pub enum ImageFile {
    /// A file, or standard input.
    File(PathBuf),
    /// A file in an archive.
    Member {
        /// The archive.
        archive: Arc<Archive>,
        /// The number of its member.
        number: u32,
        /// The path of the archive, and the name in it.
        path: PathBuf,
    },
    /// A file in memory.
    Bytes {
        /// Its content.
        bytes: Arc<[u8]>,
        /// Its name.
        path: PathBuf,
    },
}

impl ImageFile {
    /// Its path for messages and tables.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Member { path, .. } | Self::Bytes { path, .. } => path,
        }
    }

    fn read(&self) -> Result<Cow<'_, [u8]>, DecodeError> {
        let read = match self {
            Self::Bytes { bytes, .. } => return Ok(Cow::Borrowed(bytes)),
            Self::File(path) if path == Path::new(STANDARD_INPUT) => decode::read_standard_input(),
            Self::File(path) => decode::read_file(path),
            Self::Member { archive, number, .. } => archive.read(*number),
        };
        read.map(Cow::Owned)
    }
}

/// Paths without readable images.
#[derive(Debug, thiserror::Error)]
pub enum ImageFilesError {
    /// An archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A directory cannot be listed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory contains no images.
    #[error("no images in `{}`", names::text_of_path(.0))]
    Empty(PathBuf),
}

/// The given files, and all images below the given directories and in the given archives, by file
/// name or content. Hidden files and files of operating systems are ignored. Archives that are
/// compressed as a whole are unpacked in the cache at `cache`.
///
/// # Errors
/// When a directory or an archive cannot be listed or contains no images.
pub fn images(named: &[PathBuf], cache: Option<&Path>) -> Result<Vec<ImageFile>, ImageFilesError> {
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
            files.extend(images.into_iter().map(ImageFile::File));
        } else if path.is_file() && archive::is_archive(path) {
            files.extend(of_archive(path, cache)?);
        } else {
            files.push(ImageFile::File(path.clone()));
        }
    }
    Ok(files)
}

/// The files of a pattern such as `t-{000..099}.tar` or `t-*.tar`, in its order, and the directory
/// that they are all in.
///
/// # Errors
/// When it is not a pattern, has too many files, or none.
pub fn files_of_pattern(pattern: &Path) -> Result<(Vec<PathBuf>, PathBuf), String> {
    scan::files_of_pattern(pattern)
}

/// The images in an archive, in the order of their members. Their paths begin with that of the
/// archive.
///
/// # Errors
/// When it cannot be read or contains no images.
pub fn of_archive(path: &Path, cache: Option<&Path>) -> Result<Vec<ImageFile>, ImageFilesError> {
    let opened = archive::open(path, cache)?;
    let mut members: Vec<(u32, &str)> = opened
        .names
        .iter()
        .filter_map(|(name, number)| Some(((*number)?, name.as_str())))
        .filter(|(_, name)| {
            decode::has_image_name(name) && !Path::new(name).iter().any(system::is_passed_over)
        })
        .collect();
    members.sort_unstable();
    if members.is_empty() {
        return Err(ImageFilesError::Empty(path.to_path_buf()));
    }
    let archive = Arc::new(opened.archive);
    let images = members.into_iter().map(|(number, name)| {
        let path = path.join(names::path_of(name));
        ImageFile::Member { archive: Arc::clone(&archive), number, path }
    });
    Ok(images.collect())
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
    file: &ImageFile,
    alpha: Alpha,
    then: impl FnOnce(RgbImage) -> T,
) -> Result<T, String> {
    image_and_digest(file, alpha, then).map(|(made, _)| made)
}

/// As [`image`], with the digest of the file.
pub(crate) fn image_and_digest<T>(
    file: &ImageFile,
    alpha: Alpha,
    then: impl FnOnce(RgbImage) -> T,
) -> Result<(T, Digest), String> {
    let bytes = file.read().map_err(|error| error.to_string())?;
    let decoded = decode::decode_then(&file.path().to_string_lossy(), &bytes, alpha, then);
    Ok((decoded.map_err(|error| error.to_string())?, Digest::of(&bytes)))
}
