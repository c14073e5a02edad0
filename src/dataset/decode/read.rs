//! Reads the bytes of image files. Only regular files below a size limit are read.

use std::path::Path;

use super::DecodeError;
use super::kind::{N_TELLING, is_image};
use crate::base::fs;

/// Largest file that is read: ten times as large as the files of the largest cameras.
pub const MOST_FILE_BYTES: u64 = 1 << 30;

/// Reads a file.
///
/// # Errors
/// When it is not a regular file (reading a pipe or a device may never end), is too long, or cannot
/// be read.
pub fn read_file(path: &Path) -> Result<Vec<u8>, DecodeError> {
    let unreadable =
        |error: fs::FileError| DecodeError::Unreadable { reason: error.source.to_string() };
    if let Some(what) = fs::special_file(path) {
        return Err(DecodeError::NotAFile(what));
    }
    let (bytes, _) = fs::size_and_time(path).map_err(unreadable)?;
    if bytes > MOST_FILE_BYTES {
        return Err(DecodeError::TooLong);
    }
    // A file that grows while it is read, or has no known length, is read up to the limit and then
    // refused.
    fs::read_start(path, MOST_FILE_BYTES + 1).map_err(unreadable).and_then(check_length)
}

/// Reads standard input.
///
/// # Errors
/// When it is too long or cannot be read.
pub fn read_standard_input() -> Result<Vec<u8>, DecodeError> {
    let read = fs::read_standard_input(MOST_FILE_BYTES + 1);
    read.map_err(|error| DecodeError::Unreadable { reason: error.to_string() })
        .and_then(check_length)
}

fn check_length(content: Vec<u8>) -> Result<Vec<u8>, DecodeError> {
    let bytes = content.len() as u64;
    if bytes > MOST_FILE_BYTES {
        return Err(DecodeError::TooLong);
    }
    Ok(content)
}

/// Whether there is an image at a path, in any format, by its first bytes.
pub fn is_image_file(path: &Path) -> bool {
    fs::special_file(path).is_none()
        && fs::read_start(path, N_TELLING)
            .is_ok_and(|start| is_image(&start, &path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_or_a_far_one_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let long = root.path().join("long.jpg");
        fs::create(&long).unwrap().set_len(MOST_FILE_BYTES + 1).unwrap();
        let error = read_file(&long).unwrap_err().to_string();
        assert_eq!(error, "the file is larger than 1 GiB, the limit for images");
        assert!(matches!(read_file(root.path()), Err(DecodeError::NotAFile("a directory"))));
        if cfg!(unix) {
            let zeros = read_file(Path::new("/dev/zero"));
            assert!(matches!(zeros, Err(DecodeError::NotAFile("a device"))));
        }
        assert!(matches!(
            read_file(&root.path().join("none")),
            Err(DecodeError::Unreadable { .. })
        ));
    }
}
