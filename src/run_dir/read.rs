//! Reads files of run directories that may come from anywhere: only plain files, and only up to a size.

use std::io;
use std::path::Path;

use super::table::{self, Rows};
use crate::base::fs::{self, FileError};
use crate::base::text;

/// The largest file that is read as a whole, in bytes.
pub const MOST: u64 = 128 << 20;

/// Checks that a file may be read as a whole. Reading a pipe or a device may never end.
///
/// # Errors
/// When it is not there, is not a plain file, or is too large.
pub fn check(path: &Path) -> Result<(), FileError> {
    let refused = |what: String| FileError::new("read", path, io::Error::other(what));
    let (bytes, _) = fs::size_and_time(path)?;
    match fs::special_file(path) {
        Some(what) => Err(refused(format!("it is {what}"))),
        None if bytes > MOST => Err(refused(format!("it is larger than {}", text::bytes(MOST)))),
        None => Ok(()),
    }
}

/// The text in a file.
///
/// # Errors
/// When it is not there, is not a plain file, is too large, or is not text.
pub fn text(path: &Path) -> Result<String, FileError> {
    check(path)?;
    fs::read_text(path)
}

/// A whole table.
///
/// # Errors
/// As for [`text()`], and when it is not a table.
pub fn table(path: &Path) -> Result<Rows, FileError> {
    check(path)?;
    table::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        assert!(text(&path).is_err());
        fs::write_atomic(&path, b"a,b\n1,2\n").unwrap();
        assert_eq!(table(&path).unwrap().rows, [["1", "2"]]);
        fs::create(&path).unwrap().set_len(MOST + 1).unwrap();
        let error = text(&path).unwrap_err();
        assert_eq!(error.source.to_string(), "it is larger than 128.0 MiB");
        if cfg!(unix) {
            let error = text(Path::new("/dev/zero")).unwrap_err();
            assert_eq!(error.source.to_string(), "it is a device");
        }
    }
}
