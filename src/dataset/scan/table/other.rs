//! Tells what a file is that should be a table and is something else, and what to do about it.

use std::path::Path;

use crate::base::fs;
use crate::dataset::archive;
use crate::dataset::scan::files::instead;

/// Number of bytes that tell what a file is.
const N_TELLING: u64 = 512;

/// Forms of tables that are not read, by their first bytes: what they are, and what to do.
const FORMS: [(&[u8], &str, &str); 7] = [
    (b"\xd0\xcf\x11\xe0", "is an Excel workbook", FROM_EXCEL),
    (b"ARROW1", "is a Feather (Arrow) file", FROM_ARROW),
    (b"FEA1", "is a Feather file", FROM_ARROW),
    (b"\xff\xff\xff\xff", "is an Arrow stream", FROM_ARROW),
    (b"SQLite format 3\0", "is an SQLite database", "export the table as CSV"),
    (b"\x89HDF", "is an HDF5 file", "write the table as CSV or Parquet"),
    (b"\x93NUMPY", "is a NumPy file", "write a CSV file with a path and a label in each row"),
];
const FROM_EXCEL: &str = "save the sheet as CSV (in Excel: \"CSV UTF-8\")";
const FROM_ARROW: &str = "write it as Parquet: in pandas, `to_parquet`; in Hugging Face's `datasets`, \
                          `dataset.to_parquet`";
const FROM_PICKLE: &str = "write it as CSV or Parquet: in pandas, `to_csv` or `to_parquet`";

/// What the file at a path is, unless it may be text, and what to do.
pub(super) fn than_text(path: &Path) -> Option<(String, String)> {
    if path.is_dir() {
        return Some(("is a directory".to_owned(), instead(path, "directory", "table")));
    }
    if fs::is_no_plain_file(path) {
        return None;
    }
    let start = fs::read_start(path, N_TELLING).ok()?;
    let said = |what: &str, help: &str| Some((what.to_owned(), help.to_owned()));
    if let Some((_, what, help)) = FORMS.iter().find(|(mark, ..)| start.starts_with(mark)) {
        return said(what, help);
    }
    if let Some((what, help)) = archive::compression(&start) {
        return Some((format!("is {what}"), help.to_owned()));
    }
    let has = |part: &[u8]| start.windows(part.len()).any(|window| window == part);
    if start.starts_with(b"PK\x03\x04") {
        if has(b"[Content_Types].xml") || has(b"xl/") {
            return said("is an Excel workbook", FROM_EXCEL);
        }
        if has(b"opendocument.spreadsheet") {
            return said("is an OpenDocument spreadsheet", "save the sheet as CSV");
        }
    }
    // A pickle begins with the number of its protocol.
    if matches!(start[..], [0x80, 2..=5, ..]) {
        return said("is a Python pickle", FROM_PICKLE);
    }
    if !start.starts_with(GZIP) && archive::is_archive(path) {
        return Some(("is an archive".to_owned(), instead(path, "archive", "table")));
    }
    None
}

/// The first bytes of a file that is compressed with gzip.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";
