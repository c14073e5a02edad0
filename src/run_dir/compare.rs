//! Finds the first difference between the results of two runs.

use std::fmt;
use std::path::Path;

use super::layout;
use super::manifest::Manifest;
use super::table;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::leaves;

/// The first place where the files of two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A file that only one of the runs has.
    Missing {
        /// The file name.
        file: String,
    },
    /// A cell of a table.
    Cell {
        /// The name of the table.
        file: String,
        /// The number of the row; the first one after the header is 1.
        row: usize,
        /// The first two columns of the row.
        of: String,
        /// The column.
        column: String,
        /// The value in the first run.
        first: String,
        /// The value in the second run.
        second: String,
    },
    /// A table with more rows in one of the runs.
    Rows {
        /// The name of the table.
        file: String,
        /// The number of rows in the first run and in the second.
        counts: (usize, usize),
    },
    /// A file with different content.
    Bytes {
        /// The file name.
        file: String,
    },
    /// A value of the manifest.
    Manifest {
        /// The dotted path of the value.
        path: String,
        /// The value in the first run.
        first: String,
        /// The value in the second run.
        second: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { file } => write!(f, "{file} is in only one of the runs"),
            Self::Cell { file, row, of, column, first, second } => {
                write!(
                    f,
                    "{file}, row {row} ({of}), {column}: {first} in the first run, {second} in the \
                     second"
                )
            }
            Self::Rows { file, counts: (first, second) } => {
                write!(f, "{file} has {first} rows in the first run, {second} in the second")
            }
            Self::Bytes { file } => write!(f, "{file} has different content"),
            Self::Manifest { path, first, second } => {
                let name = layout::MANIFEST;
                write!(f, "{name}, {path}: {first} in the first run, {second} in the second")
            }
        }
    }
}

/// Finds the first difference between two finished runs. Causes come before their effects: images,
/// metrics, predictions, weights, plots, and finally the rest of the manifest.
///
/// # Errors
/// When a table cannot be read.
pub fn first_difference(
    first_directory: &Path,
    first: &Manifest,
    second_directory: &Path,
    second: &Manifest,
) -> Result<Option<Difference>, FileError> {
    let mut names: Vec<&String> = first.files.keys().chain(second.files.keys()).collect();
    names.sort_by_key(|name| (rank(name), *name));
    names.dedup();
    for name in names {
        let digests: [Option<&Digest>; 2] = [first.files.get(name), second.files.get(name)];
        match digests {
            [Some(a), Some(b)] if a == b => {}
            [Some(_), Some(_)] if Path::new(name).extension().is_some_and(|end| end == "csv") => {
                let paths = [first_directory.join(name), second_directory.join(name)];
                return Ok(Some(in_tables(name, &paths[0], &paths[1])?));
            }
            [Some(_), Some(_)] => return Ok(Some(Difference::Bytes { file: name.clone() })),
            _ => return Ok(Some(Difference::Missing { file: name.clone() })),
        }
    }
    let changes = leaves::changes(&lasting(first), &lasting(second));
    Ok(changes.into_iter().next().map(|change| Difference::Manifest {
        path: change.path.to_string(),
        first: leaves::plain(change.before.as_ref()),
        second: leaves::plain(change.now.as_ref()),
    }))
}

/// The part of a manifest that does not change from one execution to the next.
fn lasting(manifest: &Manifest) -> serde_json::Value {
    let mut value = serde_json::to_value(manifest).expect("a manifest is plain data");
    value["volatile"] = serde_json::Value::Null;
    // The location of the weights may differ; their digest identifies them.
    for place in ["source", "url", "sha256"] {
        value["weights"][place] = serde_json::Value::Null;
    }
    value
}

fn rank(name: &str) -> usize {
    let order = [layout::PIPELINE, layout::RESOLVED, layout::SPLITS, layout::CLASSES];
    let order = order.iter().chain(&[layout::METRICS, layout::PREDICTIONS]);
    let is_weights = name.starts_with(layout::WEIGHTS);
    order.clone().position(|known| *known == name).unwrap_or(if is_weights { 10 } else { 11 })
}

fn in_tables(file: &str, first: &Path, second: &Path) -> Result<Difference, FileError> {
    let [a, b] = [table::read(first)?, table::read(second)?];
    let file = file.to_owned();
    if a.columns != b.columns {
        return Ok(Difference::Bytes { file });
    }
    for (row, (a_row, b_row)) in a.rows.iter().zip(&b.rows).enumerate() {
        for ((column, first), second) in a.columns.iter().zip(a_row).zip(b_row) {
            if first != second {
                let of = a_row.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
                let (column, first, second) = (column.clone(), first.clone(), second.clone());
                return Ok(Difference::Cell { file, row: row + 1, of, column, first, second });
            }
        }
    }
    Ok(match (a.rows.len(), b.rows.len()) {
        (first, second) if first == second => Difference::Bytes { file },
        counts => Difference::Rows { file, counts },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs;

    #[test]
    fn the_first_cell_that_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write_atomic(&path("a"), b"stage,epoch,loss\nt,1,0.5\nt,2,0.4\n").unwrap();
        fs::write_atomic(&path("b"), b"stage,epoch,loss\nt,1,0.5\nt,2,0.3\n").unwrap();
        fs::write_atomic(&path("c"), b"stage,epoch,loss\nt,1,0.5\n").unwrap();
        let said = |a: &str, b: &str| in_tables("m.csv", &path(a), &path(b)).unwrap().to_string();
        let loss = "m.csv, row 2 (t, 2), loss: 0.4 in the first run, 0.3 in the second";
        assert_eq!(said("a", "b"), loss);
        assert_eq!(said("a", "c"), "m.csv has 2 rows in the first run, 1 in the second");
    }
}
