//! Reads a Parquet file as rows of text, with the images inside of it if there are any.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::{Type, TypePtr};

use super::columns::Columns;
use super::read::{RawRow, RowImage};
use crate::base::fs;
use crate::dataset::archive::{self, Archive};
use crate::dataset::error::DatasetError;
use crate::spec::{ColumnsSpec, TargetSpec};

/// The first bytes of a Parquet file.
const MAGIC: &[u8] = b"PAR1";
/// The child of a column of images with their bytes, and that with their names, as the library
/// `datasets` writes them.
const BYTES: &str = "bytes";
const NAME: &str = "path";

/// Whether a file is a Parquet file, by its first bytes.
pub(in crate::dataset::scan) fn is_parquet(path: &Path) -> bool {
    !fs::is_no_plain_file(path)
        && fs::read_start(path, MAGIC.len() as u64).is_ok_and(|start| start == MAGIC)
}

/// Reads the columns that `spec` names, row by row. Images inside of the file are copied once, into
/// the cache at `cache` or a file without a name, so that each can be read alone.
///
/// # Errors
/// When the file cannot be read, or lacks a column.
pub(super) fn read(
    path: &Path,
    spec: &ColumnsSpec,
    target: TargetSpec,
    cache: Option<&Path>,
    mut on_row: impl FnMut(&Columns, RawRow<'_>),
) -> Result<Columns, DatasetError> {
    let fail = |problems: Vec<String>, help: Vec<String>| DatasetError::Table {
        path: path.to_path_buf(),
        problems,
        help,
    };
    let broken = |error: ParquetError| broken(path, &error);
    let sheet = Sheet::open(path).map_err(broken)?;
    let names: Vec<String> = sheet.fields.iter().map(|field| field.name().to_owned()).collect();
    let first_images = sheet.fields.iter().find(|field| is_of_images(field));
    let spec = ColumnsSpec {
        path: spec.path.clone().or_else(|| Some(first_images?.name().to_owned())),
        ..spec.clone()
    };
    let columns =
        Columns::find(&names, &spec, target).map_err(|(problems, help)| fail(problems, help))?;
    let images = columns.path_cell().map(|cell| &sheet.fields[columns.picked[cell]]);
    let images = images.filter(|field| bytes_of(field).is_some());
    let inside = match images {
        Some(field) => Some(sheet.images(path, field, cache)?),
        None => None,
    };
    let wanted = columns.picked.iter().map(|&at| &sheet.fields[at]);
    let projection = sheet.projection(wanted.filter_map(|field| match images {
        Some(images) if field.name() == images.name() => part_of(field, NAME),
        _ => Some(Arc::clone(field)),
    }));
    let rows = sheet.reader.get_row_iter(Some(projection)).map_err(broken)?;
    let mut cells: Vec<Vec<String>> = vec![];
    for row in rows {
        let row = row.map_err(broken)?;
        let values: BTreeMap<&str, &Field> =
            row.get_column_iter().map(|(name, field)| (name.as_str(), field)).collect();
        let text = |&at: &usize| {
            let name = names[at].as_str();
            values.get(name).map_or(String::new(), |field| sheet.text(name, field))
        };
        cells.push(columns.picked.iter().map(text).collect());
    }
    let names_are_unique = inside.is_none() || are_unique(&columns, &cells);
    let n_digits = cells.len().to_string().len();
    for (at, row) in cells.iter().enumerate() {
        let row: Vec<&str> = row.iter().map(String::as_str).collect();
        let image = inside.as_ref().filter(|inside| inside.has(at)).map(|inside| RowImage {
            archive: Arc::clone(&inside.archive),
            number: at as u32,
            name: if names_are_unique { columns.path(&row) } else { format!("{at:0n_digits$}") },
        });
        on_row(&columns, RawRow { line: at as u64 + 1, cells: &row, image });
    }
    Ok(columns)
}

/// A file that cannot be read.
fn broken(path: &Path, error: &ParquetError) -> DatasetError {
    let said = error.to_string();
    // The library has no kind for it.
    let codec = said.split_once("Disabled feature at compile time: ").map(|(_, codec)| codec);
    let (problem, help) = match codec {
        Some(codec) => (
            format!("it is compressed with {codec}"),
            vec!["write it with Snappy, gzip, zstd or LZ4, or without compression".to_owned()],
        ),
        None => (said, vec![]),
    };
    DatasetError::Table { path: path.to_path_buf(), problems: vec![problem], help }
}

/// Whether all rows have a name, and no two have the same.
fn are_unique(columns: &Columns, cells: &[Vec<String>]) -> bool {
    let names =
        cells.iter().map(|row| columns.path(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.iter().all(|name| !name.is_empty()) && names.windows(2).all(|pair| pair[0] != pair[1])
}

/// Images inside of a file.
struct Inside {
    archive: Arc<Archive>,
    /// Position and size of each; the size is 0 if a row has none.
    places: Vec<(u64, u64)>,
}

impl Inside {
    fn has(&self, row: usize) -> bool {
        self.places.get(row).is_some_and(|(_, bytes)| *bytes > 0)
    }
}

/// An open file.
struct Sheet {
    reader: SerializedFileReader<File>,
    fields: Vec<TypePtr>,
    /// The names of classes, by column, if its values are their numbers.
    classes: BTreeMap<String, Vec<String>>,
}

impl Sheet {
    fn open(path: &Path) -> Result<Self, ParquetError> {
        let file = File::open(path)?;
        let reader = SerializedFileReader::new(file)?;
        let about = reader.metadata().file_metadata();
        let fields = about.schema().get_fields().to_vec();
        let notes = about.key_value_metadata().into_iter().flatten();
        let features = notes.filter(|note| note.key == "huggingface");
        let features =
            features.filter_map(|note| serde_json::from_str(note.value.as_deref()?).ok());
        let classes = features.flat_map(|note: serde_json::Value| class_labels(&note)).collect();
        Ok(Self { reader, fields, classes })
    }

    /// The schema of these fields only.
    fn projection(&self, fields: impl Iterator<Item = TypePtr>) -> Type {
        let mut fields: Vec<TypePtr> = fields.collect();
        // Fields must be in the order of the file.
        let place = |field: &TypePtr| self.fields.iter().position(|own| own.name() == field.name());
        fields.sort_by_key(place);
        fields.dedup_by(|a, b| a.name() == b.name());
        let name = self.reader.metadata().file_metadata().schema().name();
        let built = Type::group_type_builder(name).with_fields(fields).build();
        built.expect("fields of a schema are a schema")
    }

    /// A value as text; the name of a class in place of its number, and a list in JSON.
    fn text(&self, column: &str, field: &Field) -> String {
        let number = |number: i64| {
            let names = self.classes.get(column)?;
            Some(usize::try_from(number).ok().and_then(|at| names.get(at)).cloned())
        };
        match field {
            Field::Null => String::new(),
            Field::Str(text) => text.trim().to_owned(),
            Field::Int(value) => number(i64::from(*value))
                .map_or_else(|| value.to_string(), Option::unwrap_or_default),
            Field::Long(value) => {
                number(*value).map_or_else(|| value.to_string(), Option::unwrap_or_default)
            }
            Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).trim().to_owned(),
            // Of an image, only its name is read.
            Field::Group(row) => {
                let first = row.get_column_iter().next();
                first.map_or(String::new(), |(name, field)| self.text(name, field))
            }
            Field::ListInternal(list) => {
                let values = list.elements().iter().map(|value| self.text(column, value));
                let values: Vec<String> = values.collect();
                serde_json::to_string(&values).expect("text is plain data")
            }
            other => other.to_string(),
        }
    }

    /// The images of a column, each of which can be read alone.
    fn images(
        &self,
        path: &Path,
        field: &TypePtr,
        cache: Option<&Path>,
    ) -> Result<Inside, DatasetError> {
        let broken = |error: ParquetError| broken(path, &error);
        let bytes = bytes_of(field).into_iter();
        let rows = self.reader.get_row_iter(Some(self.projection(bytes))).map_err(broken)?;
        let images = rows.map(|row| {
            let row = row.map_err(|error| error.to_string())?;
            let field = row.into_columns().into_iter().next().map(|(_, field)| field);
            Ok(field.map(content).unwrap_or_default())
        });
        let packed = archive::pack(path, field.name(), cache, images)?;
        Ok(Inside { archive: Arc::new(packed.archive), places: packed.places })
    }
}

/// The bytes of an image.
fn content(field: Field) -> Vec<u8> {
    match field {
        Field::Bytes(bytes) => bytes.data().to_vec(),
        Field::Str(text) => text.into_bytes(),
        Field::Group(row) => {
            let first = row.into_columns().into_iter().next();
            first.map(|(_, field)| content(field)).unwrap_or_default()
        }
        _ => vec![],
    }
}

/// Whether a column has images as the library `datasets` writes them.
fn is_of_images(field: &TypePtr) -> bool {
    field.is_group() && bytes_of(field).is_some()
}

/// The part of a column with the bytes of images. `None` if it has none.
fn bytes_of(field: &TypePtr) -> Option<TypePtr> {
    let is_binary = |field: &TypePtr| {
        let is_text =
            matches!(field.get_basic_info().logical_type_ref(), Some(LogicalType::String));
        field.is_primitive() && field.get_physical_type() == Physical::BYTE_ARRAY && !is_text
    };
    if field.is_group() {
        let inner = field.get_fields().iter().find(|inner| inner.name() == BYTES)?;
        return is_binary(inner).then(|| part_of(field, BYTES)).flatten();
    }
    let is_old_text =
        field.get_basic_info().converted_type() == parquet::basic::ConvertedType::UTF8;
    (is_binary(field) && !is_old_text).then(|| Arc::clone(field))
}

/// A column of groups with only the inner field of this name.
fn part_of(field: &TypePtr, inner: &str) -> Option<TypePtr> {
    if !field.is_group() {
        return None;
    }
    let inner = field.get_fields().iter().find(|found| found.name() == inner)?;
    let info = field.get_basic_info();
    let repetition = if info.has_repetition() { info.repetition() } else { Repetition::OPTIONAL };
    let part = Type::group_type_builder(field.name())
        .with_repetition(repetition)
        .with_fields(vec![Arc::clone(inner)])
        .build();
    part.ok().map(Arc::new)
}

/// The names of classes in the notes that the library `datasets` adds to a file.
fn class_labels(note: &serde_json::Value) -> Vec<(String, Vec<String>)> {
    let features = note["info"]["features"].as_object().into_iter().flatten();
    let named = features.filter_map(|(column, feature)| {
        // Of a list, the feature of its values; older versions wrote it as the only item of a list.
        let all = [feature, &feature["feature"], &feature[0]];
        let names = all.into_iter().find_map(|feature| feature["names"].as_array())?;
        let names = names.iter().map(|name| name.as_str().unwrap_or_default().to_owned());
        Some((column.clone(), names.collect()))
    });
    named.collect()
}
