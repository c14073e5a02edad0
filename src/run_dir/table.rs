//! CSV files (RFC 4180): a header, then rows.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::Writer;

use crate::base::fs::{self, FileError};

/// A CSV file that is written row by row.
pub struct GrowingTable {
    writer: Writer<File>,
    path: PathBuf,
}

impl GrowingTable {
    /// Creates the file with its header.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path, columns: &[&str]) -> Result<Self, FileError> {
        let mut table =
            Self { writer: Writer::from_writer(fs::create(path)?), path: path.to_path_buf() };
        table.append(columns)?;
        Ok(table)
    }

    /// Appends a row and flushes it to the operating system.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append<T: AsRef<[u8]>>(&mut self, row: &[T]) -> Result<(), FileError> {
        let written = self.writer.write_record(row).map_err(io::Error::from);
        written
            .and_then(|()| self.writer.flush())
            .map_err(|source| FileError::new("write", &self.path, source))
    }
}

/// Writes a whole table atomically.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    path: &Path,
    columns: &[String],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), FileError> {
    let bytes = bytes(columns, rows).map_err(|source| FileError::new("write", path, source))?;
    fs::write_atomic(path, &bytes)
}

/// A whole table as bytes.
///
/// # Errors
/// When rows have different lengths.
pub fn bytes(columns: &[String], rows: impl Iterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut writer = Writer::from_writer(vec![]);
    writer.write_record(columns)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// A row as a line of CSV.
pub fn line<T: AsRef<[u8]>>(row: &[T]) -> String {
    let mut writer = Writer::from_writer(vec![]);
    writer.write_record(row).expect("memory can be written");
    let bytes = writer.into_inner().expect("memory can be written");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A table that was read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The column names.
    pub columns: Vec<String>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// The index of the column called `name`.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// Reads a whole table.
///
/// # Errors
/// When the file cannot be read or is not a table.
pub fn read(path: &Path) -> Result<Rows, FileError> {
    let failed = |source: csv::Error| FileError::new("read", path, source.into());
    let mut reader = csv::Reader::from_reader(fs::open(path)?);
    let columns = reader.headers().map_err(failed)?.iter().map(str::to_owned).collect();
    let rows = reader.deserialize().collect::<Result<_, _>>().map_err(failed)?;
    Ok(Rows { columns, rows })
}

/// A number with six decimals, as in all tables.
pub fn figure(value: f64) -> String {
    format!("{value:.6}")
}
