//! Reads a table of images as rows of text: CSV, TSV, or JSON objects in lines or in a list.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde::Deserializer;
use serde::de::{SeqAccess, Visitor};

use super::columns::Columns;
use super::other::GZIP;
use crate::base::fs;
use crate::base::text;
use crate::dataset::archive::Archive;
use crate::dataset::error::DatasetError;

/// Separators of tables, the most usual first.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// A row as it is read.
pub(super) struct RawRow<'a> {
    /// Its line in the file, or its number; from 1.
    pub(super) line: u64,
    /// The cells that were picked.
    pub(super) cells: &'a [&'a str],
    /// Its image, if it is in the table itself.
    pub(super) image: Option<RowImage>,
}

/// An image inside of a table.
pub(super) struct RowImage {
    pub(super) archive: Arc<Archive>,
    /// Its number in the archive.
    pub(super) number: u32,
    /// A name that no other image of the table has.
    pub(super) name: String,
}

/// Takes a row: its line in the file, from 1, and the cells that were picked.
type OnRow<'a> = dyn FnMut(u64, &[&str]) + 'a;

/// The text of a table, which may be compressed with gzip.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub(super) fn text(path: &Path) -> Result<String, DatasetError> {
    let fail = |problem: String| unusable(path, vec![problem], vec![]);
    let mut bytes = fs::read(path)?;
    if bytes.starts_with(GZIP) {
        let mut whole = vec![];
        let read = MultiGzDecoder::new(&bytes[..]).read_to_end(&mut whole);
        read.map_err(|error| fail(format!("it cannot be decompressed: {error}")))?;
        bytes = whole;
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let why = "it is encoded as UTF-16; save it as UTF-8 (in Excel: \"CSV UTF-8\")";
        return Err(fail(why.to_owned()));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + n_ends(valid);
        fail(format!("line {line} is not UTF-8; save the table as UTF-8"))
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Whether a text is a JSON list of objects, one for each row.
pub(super) fn is_list(text: &str) -> bool {
    let mut start = text.trim_start().chars().filter(|c| !c.is_whitespace());
    start.next() == Some('[') && matches!(start.next(), Some('{' | ']'))
}

/// Reads the columns that `find` picks by their names, row by row, from the text of the file at a
/// path. A list of JSON objects, or lines of them, have a row in each object; any other text has a
/// line with the names of the columns first, and the separator that occurs most in this line. Cells
/// that a row lacks are empty.
///
/// # Errors
/// When there are lines that cannot be parsed, and when the columns are refused.
pub(super) fn read(
    path: &Path,
    text: &str,
    find: impl FnOnce(&[String]) -> Result<Columns, DatasetError>,
    mut on_row: impl FnMut(&Columns, RawRow<'_>),
) -> Result<Columns, DatasetError> {
    if is_list(text) || text.trim_start().starts_with('{') {
        let broken = |(problem, help)| unusable(path, vec![problem], help);
        let names = keys(text).map_err(broken)?;
        let columns = find(&names)?;
        let picked: Vec<&str> = columns.picked.iter().map(|&at| names[at].as_str()).collect();
        let each = |line, mut object: Object| {
            let cells = picked.iter().map(|name| object.remove(*name).map(text_of_json));
            let cells: Vec<String> = cells.map(Option::unwrap_or_default).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            on_row(&columns, RawRow { line, cells: &cells, image: None });
        };
        objects(text, each).map_err(broken)?;
        Ok(columns)
    } else {
        let mut reader = separated(text);
        let broken = |error: csv::Error| unusable(path, vec![error.to_string()], vec![]);
        let head = reader.headers().map_err(broken)?;
        let names: Vec<String> = head.iter().map(str::to_owned).collect();
        let columns = find(&names)?;
        let on_row = &mut |line, cells: &[&str]| {
            on_row(&columns, RawRow { line, cells, image: None });
        };
        let read = records(text, &mut reader, names.len(), &columns.picked, on_row);
        read.map_err(|problems| unusable(path, problems, vec![])).map(|()| columns)
    }
}

fn unusable(path: &Path, problems: Vec<String>, help: Vec<String>) -> DatasetError {
    DatasetError::Table { path: path.to_path_buf(), problems, help }
}

fn separated(text: &str) -> csv::Reader<&[u8]> {
    let head = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let n_of = |separator: u8| head.bytes().filter(|byte| *byte == separator).count();
    let mut separator = SEPARATORS[0];
    for other in SEPARATORS {
        if n_of(other) > n_of(separator) {
            separator = other;
        }
    }
    csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes())
}

fn records(
    text: &str,
    reader: &mut csv::Reader<&[u8]>,
    n_columns: usize,
    picked: &[usize],
    on_row: &mut OnRow<'_>,
) -> Result<(), Vec<String>> {
    let mut record = csv::StringRecord::new();
    let (mut at, mut line, mut problems) = (0, 1, vec![]);
    while reader.read_record(&mut record).map_err(|error| vec![error.to_string()])? {
        // A record may begin after empty lines, and have several lines.
        let start = record.position().map_or(at, |position| position.byte() as usize);
        let is_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
        let n_empty = text.as_bytes()[start..].iter().take_while(is_end).count();
        let passed = &text.as_bytes()[at..start + n_empty];
        line += n_ends(passed) as u64;
        at = start + n_empty;
        if record.len() > n_columns {
            problems.push(format!(
                "line {line} has {}, but the first line names {}",
                text::count(record.len(), "cell"),
                text::count(n_columns, "column")
            ));
            continue;
        }
        let cells: Vec<&str> =
            picked.iter().map(|&at| record.get(at).unwrap_or_default()).collect();
        on_row(line, &cells);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Number of line ends.
fn n_ends(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

type Object = serde_json::Map<String, serde_json::Value>;

/// What is wrong with a text, and hints.
type Trouble = (String, Vec<String>);

/// Calls `each` with the objects of a text, one by one, and with the line or the number of each.
fn objects(text: &str, mut each: impl FnMut(u64, Object)) -> Result<(), Trouble> {
    if is_list(text) {
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize_seq(InList(each)).and_then(|()| reader.end());
        return read
            .map_err(|error| (format!("it is not a list of JSON objects: {error}"), vec![]));
    }
    let lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
    for (line, text_of_line) in lines {
        let object = serde_json::from_str(text_of_line).map_err(|error| {
            let problem = format!("line {line} is not a JSON object: {error}");
            one_object(text).unwrap_or((problem, vec![]))
        })?;
        each(line, object);
    }
    Ok(())
}

/// Takes the objects of a list one by one, so that they are not in memory together.
struct InList<F>(F);

impl<'de, F: FnMut(u64, Object)> Visitor<'de> for InList<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(object) = list.next_element()? {
            number += 1;
            (self.0)(number, object);
        }
        Ok(())
    }
}

/// What is wrong with a text that is a single JSON object.
fn one_object(text: &str) -> Option<Trouble> {
    let whole: Object = serde_json::from_str(text).ok()?;
    let help = if whole.contains_key("annotations") {
        "for annotations in the format of COCO, write a table with a path and a label in each row"
    } else {
        "in pandas: `to_json(FILE, orient=\"records\", lines=True)`"
    };
    Some(("it is one JSON object, and not one for each image".to_owned(), vec![help.to_owned()]))
}

/// The keys of all objects, in the order in which they occur first.
fn keys(text: &str) -> Result<Vec<String>, Trouble> {
    let (mut keys, mut n): (Vec<String>, usize) = (vec![], 0);
    let mut has_text = false;
    objects(text, |_, object| {
        n += 1;
        has_text |= object.values().any(|value| !value.is_object() && !value.is_array());
        for (key, _) in object {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    })?;
    // A table by its columns, or annotations.
    if n == 1 && !has_text && !is_list(text) {
        return Err(one_object(text).expect("it has just been read"));
    }
    Ok(keys)
}

/// Whole numbers up to this one have a value of their own in double precision.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A value of JSON as the text of a cell. `1` and `1.0` are the same number, and so the same text.
pub(in crate::dataset::scan) fn text_of_json(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.trim().to_owned(),
        serde_json::Value::Null => String::new(),
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < MOST_EXACT => {
                (value as i64).to_string()
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ColumnsSpec, TargetSpec};

    type Rows = Vec<(u64, Vec<String>)>;

    /// All columns of a table, and its rows.
    fn read_text(text: &str) -> Result<(Vec<String>, Rows), DatasetError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write_atomic(file.path(), text.as_bytes()).unwrap();
        let (mut names, mut rows) = (vec![], vec![]);
        let find = |columns: &[String]| {
            names = columns.to_vec();
            let find = Columns::find(columns, &ColumnsSpec::default(), TargetSpec::Class);
            Ok(find.unwrap())
        };
        read(file.path(), &super::text(file.path())?, find, |_, RawRow { line, cells, .. }| {
            rows.push((line, cells.iter().map(ToString::to_string).collect()));
        })?;
        Ok((names, rows))
    }

    #[test]
    fn tables_of_all_kinds_are_rows_of_text() {
        for text in [
            "path,label\n\"a, b.jpg\",cat\nc.jpg,7\n",
            "path\tlabel\r\na, b.jpg\tcat\r\nc.jpg\t7",
            "\u{feff}path;label\n\na, b.jpg ; cat\nc.jpg;7",
            "{\"path\": \"a, b.jpg\", \"label\": \"cat\"}\n\n{\"label\": 7, \"path\": \"c.jpg\"}\n",
            "[\n {\"path\": \"a, b.jpg\", \"label\": \"cat\"},\n {\"label\": 7, \"path\": \"c.jpg\"}]",
        ] {
            let (columns, rows) = read_text(text).unwrap();
            assert_eq!(columns, ["path", "label"], "{text}");
            let cells: Vec<&[String]> = rows.iter().map(|(_, cells)| &cells[..]).collect();
            assert_eq!(cells, [["a, b.jpg", "cat"], ["c.jpg", "7"]], "{text}");
        }
    }

    #[test]
    fn a_number_of_json_has_one_text() {
        let text = |json: &str| text_of_json(serde_json::from_str(json).unwrap());
        for (json, expected) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1e2", "100"),
            ("-0.0", "0"),
            ("1.5", "1.5"),
            ("1e300", "1e+300"),
        ] {
            assert_eq!(text(json), expected);
        }
        let wide = "18446744073709551615";
        assert_eq!(text(wide), wide);
        assert_eq!(text("[1.0]"), "[1.0]");
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let (_, rows) = read_text("path,label\na,1\n\n\"b\nc\",2\nd\n").unwrap();
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 6]);
        assert_eq!(rows[2].1, ["d", ""]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let said = |text: &str| format!("{:?}", read_text(text).unwrap_err().notes());
        let ragged = said("path,label\na,1\nb,2,3\nc,4\nd,5,6,7\n");
        assert!(ragged.contains("line 3 has 3 cells") && ragged.contains("line 5 has 4 cells"));
        assert!(said("{\"path\": 1}\n{path: 2}\n").contains("line 2 is not a JSON object"));
    }
}
