//! Tables as Parquet files, which pandas, polars, `DuckDB` and Spark read, many files as one.
//!
//! A file has one row group. Texts and numbers may be missing.

use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

/// A column of a table, with a value for each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// The values of a column; `None` where there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Texts.
    Texts(Vec<Option<String>>),
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Lists of numbers in single precision.
    Vectors(Vec<Option<Vec<f32>>>),
}

/// The columns of a table in CSV. Those whose names begin with one of `numbers` are numbers.
///
/// # Errors
/// When it is not such a table.
pub fn of_csv(text: &[u8], numbers: &[&str]) -> io::Result<Vec<Column>> {
    let wrong = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
    let mut reader = csv::Reader::from_reader(text);
    let names = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let rows: Vec<csv::StringRecord> =
        reader.records().collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    let columns = names.iter().enumerate().map(|(at, name)| {
        let cells = rows.iter().map(|row| row.get(at).filter(|cell| !cell.is_empty()));
        let values = if numbers.iter().any(|start| name.starts_with(start)) {
            let number = |cell: Option<&str>| cell.map(str::parse::<f64>).transpose();
            let found: Result<_, _> = cells.map(number).collect();
            Values::Numbers(found.map_err(|error| wrong(format!("{name}: {error}")))?)
        } else {
            Values::Texts(cells.map(|cell| cell.map(str::to_owned)).collect())
        };
        Ok(Column { name: name.to_owned(), values })
    });
    columns.collect()
}

/// A table as a Parquet file. The same table has the same bytes.
///
/// # Errors
/// When a name or a value cannot be written.
pub fn to_parquet(columns: &[Column]) -> io::Result<Vec<u8>> {
    write(columns).map_err(io::Error::other)
}

fn write(columns: &[Column]) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("table").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("alpaca-run".to_owned())
        .build();
    let mut file = SerializedFileWriter::new(vec![], schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for Column { values, .. } in columns {
        let Some(mut column) = group.next_column()? else { break };
        match (column.untyped(), values) {
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Texts(texts)) => {
                let there = texts.iter().flatten().map(|text| ByteArray::from(text.as_str()));
                let there: Vec<ByteArray> = there.collect();
                writer.write_batch(&there, Some(&levels(texts, 1)), None)?;
            }
            (ColumnWriter::DoubleColumnWriter(writer), Values::Numbers(numbers)) => {
                let there: Vec<f64> = numbers.iter().flatten().copied().collect();
                writer.write_batch(&there, Some(&levels(numbers, 1)), None)?;
            }
            (ColumnWriter::FloatColumnWriter(writer), Values::Vectors(vectors)) => {
                let there: Vec<f32> = vectors.iter().flatten().flatten().copied().collect();
                let (mut defined, mut repeated) = (vec![], vec![]);
                for vector in vectors {
                    // A missing vector, an empty one, and each number of another one.
                    let level =
                        vector.as_ref().map_or(0, |vector| if vector.is_empty() { 1 } else { 2 });
                    let n = vector.as_ref().map_or(1, |vector| vector.len().max(1));
                    defined.extend(std::iter::repeat_n(level, n));
                    repeated.extend((0..n).map(|at| i16::from(at > 0)));
                }
                writer.write_batch(&there, Some(&defined), Some(&repeated))?;
            }
            _ => unreachable!("the schema is made of the columns"),
        }
        column.close()?;
    }
    group.close()?;
    file.into_inner()
}

/// The definition level of each value: `most` if it is there.
fn levels<T>(values: &[Option<T>], most: i16) -> Vec<i16> {
    values.iter().map(|value| if value.is_some() { most } else { 0 }).collect()
}

/// The field of the schema for a column.
fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let plain = |name: &str, physical, logical| {
        let field = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        field.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    };
    match column.values {
        Values::Texts(_) => plain(&column.name, Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Values::Numbers(_) => plain(&column.name, Physical::DOUBLE, None),
        Values::Vectors(_) => {
            let element = Type::primitive_type_builder("element", Physical::FLOAT)
                .with_repetition(Repetition::REQUIRED)
                .build()?;
            let list = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![Arc::new(element)])
                .build()?;
            let vector = Type::group_type_builder(&column.name)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![Arc::new(list)])
                .build()?;
            Ok(Arc::new(vector))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn what_was_written_is_read_by_the_reader() {
        let csv = b"path,predicted,probability/a,error\na/1.jpg,a,0.25,\n2.jpg,,,no image\n";
        let mut columns = of_csv(csv, &["probability/"]).unwrap();
        let vectors = vec![Some(vec![1.5, -2.0]), None];
        columns.push(Column { name: "embedding".to_owned(), values: Values::Vectors(vectors) });
        let bytes = to_parquet(&columns).unwrap();
        assert_eq!(bytes, to_parquet(&columns).unwrap());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(
            rows,
            [
                "{path: \"a/1.jpg\", predicted: \"a\", probability/a: 0.25, error: null, \
                 embedding: [1.5, -2E0]}",
                "{path: \"2.jpg\", predicted: null, probability/a: null, error: \"no image\", \
                 embedding: null}",
            ]
        );
    }
}
