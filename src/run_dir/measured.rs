//! The files of an evaluation: metrics, predictions and plots.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout;
use super::plot;
use super::table::{self, Rows};
use crate::base::fs::{self, FileError};
use crate::base::label_list;
use crate::base::target::Target;
use crate::metrics::{self, Measures, Scored, number, several};
use crate::spec::TargetSpec;

/// The metrics of a model on a set of images, as in metrics.json.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Measured {
    /// The stage that the evaluated model is from.
    pub stage: String,
    /// The weights of the stage: `best` or `last`.
    pub weights: String,
    /// The evaluated images: `validation`, `test` or a directory.
    pub on: String,
    /// How many of them the model was trained on; the metrics are too optimistic for these.
    #[serde(default, skip_serializing_if = "is_none")]
    pub n_trained_on: usize,
    /// The runs whose predictions were averaged; none for one run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ensemble: Vec<String>,
    /// The views of each image that predictions were averaged over, if there was more than the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_time_augmentation: Option<String>,
    /// The metrics.
    #[serde(flatten)]
    pub metrics: Measures,
}

fn is_none(n: &usize) -> bool {
    *n == 0
}

/// The prediction for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRow {
    /// The path relative to the dataset directory.
    pub path: String,
    /// What is true of the image.
    pub target: Target,
    /// The probability of each class, or the estimated number.
    pub outputs: Vec<f64>,
}

impl PredictionRow {
    /// The class with the highest probability, of which an image has one.
    pub fn predicted(&self) -> usize {
        metrics::predicted(&self.outputs)
    }

    /// The prediction of one class in the form that metrics are computed from.
    ///
    /// # Panics
    /// When the target is not one class.
    pub fn scored(&self) -> Scored<'_> {
        let (label, predicted) = (self.target.class(), self.predicted());
        Scored { label, predicted, probabilities: &self.outputs }
    }

    /// The prediction of several classes in the form that metrics are computed from.
    ///
    /// # Panics
    /// When the target is not a set of classes.
    pub fn several(&self) -> several::Scored<'_> {
        several::Scored { labels: self.target.classes(), probabilities: &self.outputs }
    }

    /// The estimate of a number in the form that metrics are computed from.
    ///
    /// # Panics
    /// When the target is not a number.
    pub fn number(&self) -> number::Scored {
        number::Scored { number: self.target.number(), estimate: self.outputs[0] }
    }
}

/// Predictions for some images.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// What is predicted.
    pub target: TargetSpec,
    /// The names of the classes, or the name of the number.
    pub classes: Vec<String>,
    /// The prediction for each image.
    pub rows: Vec<PredictionRow>,
}

impl Predictions {
    /// The metrics of the predictions.
    ///
    /// # Panics
    /// When there are none.
    pub fn measure(&self) -> Measures {
        let Self { target, classes, rows } = self;
        match target {
            TargetSpec::Class => {
                let scored: Vec<Scored<'_>> = rows.iter().map(PredictionRow::scored).collect();
                Measures::Class(Box::new(metrics::measure(classes, &scored)))
            }
            TargetSpec::Classes => {
                let scored: Vec<_> = rows.iter().map(PredictionRow::several).collect();
                Measures::Several(Box::new(several::measure(classes, &scored)))
            }
            TargetSpec::Number => {
                let scored: Vec<number::Scored> = rows.iter().map(PredictionRow::number).collect();
                Measures::Number(Box::new(number::measure(&classes[0], &scored)))
            }
        }
    }

    /// The classes with at least one half, as tables have them.
    fn given(&self, row: &PredictionRow) -> String {
        let given = several::given(&row.outputs, several::THRESHOLD).into_iter();
        label_list::written(given.map(|class| self.classes[class].as_str()))
    }
}

/// Writes metrics, predictions and plots into a directory.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    folder: &Path,
    measured: &Measured,
    predictions: &Predictions,
) -> Result<(), FileError> {
    fs::create_dir_all(&folder.join(layout::PLOTS))?;
    let text = serde_json::to_string_pretty(measured).expect("metrics are plain data");
    fs::write_atomic(&folder.join(layout::METRICS_JSON), format!("{text}\n").as_bytes())?;
    write_predictions(&folder.join(layout::PREDICTIONS), predictions)?;
    for (name, svg) in plot::measured::render_all(&measured.metrics, predictions) {
        fs::write_atomic(&folder.join(layout::PLOTS).join(name), svg.as_bytes())?;
    }
    Ok(())
}

/// What a column of probabilities begins with, before the name of the class.
const PROBABILITY: &str = "probability/";
/// The column with the estimate of a number.
const ESTIMATE: &str = "estimate";

/// Reads a predictions.csv. The columns tell what is predicted. A table of numbers does not name
/// them.
///
/// # Errors
/// When the file cannot be read, or is not such a table.
pub fn read_predictions(path: &Path) -> Result<Predictions, FileError> {
    let rows = table::read(path)?;
    let named = |target| rows.column(layout::label_column(target)).map(|at| (target, at));
    let targets = [TargetSpec::Class, TargetSpec::Classes, TargetSpec::Number];
    let found = targets.into_iter().find_map(named);
    let read = Reader { path, rows: &rows };
    let (target, label) = match found {
        Some(found) => found,
        None => (TargetSpec::Class, read.column(layout::label_column(TargetSpec::Class))?),
    };
    read.read(target, label)
}

/// A table that is read as predictions.
struct Reader<'a> {
    path: &'a Path,
    rows: &'a Rows,
}

impl Reader<'_> {
    fn failed(&self, what: String) -> FileError {
        FileError::new("read", self.path, io::Error::other(what))
    }

    fn column(&self, name: &str) -> Result<usize, FileError> {
        self.rows.column(name).ok_or_else(|| self.failed(format!("it has no column `{name}`")))
    }

    fn number(&self, cell: &str) -> Result<f64, FileError> {
        cell.parse().map_err(|_| self.failed(format!("`{cell}` is not a number")))
    }

    fn read(&self, target: TargetSpec, label: usize) -> Result<Predictions, FileError> {
        let name = self.column("path")?;
        let (places, classes): (Vec<usize>, Vec<String>) = if target == TargetSpec::Number {
            (vec![self.column(ESTIMATE)?], vec!["number".to_owned()])
        } else {
            self.column("predicted")?;
            let columns = self.rows.columns.iter().enumerate();
            columns
                .filter_map(|(at, column)| Some((at, column.strip_prefix(PROBABILITY)?.to_owned())))
                .unzip()
        };
        let read = |row: &Vec<String>| -> Result<PredictionRow, FileError> {
            let outputs = places.iter().map(|&at| self.number(&row[at]));
            Ok(PredictionRow {
                path: row[name].clone(),
                target: self.target(target, &row[label], &classes)?,
                outputs: outputs.collect::<Result<_, _>>()?,
            })
        };
        let rows = self.rows.rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Predictions { target, classes, rows })
    }

    /// The target in a cell.
    fn target(
        &self,
        target: TargetSpec,
        cell: &str,
        classes: &[String],
    ) -> Result<Target, FileError> {
        let class = |cell: &str| {
            let place = classes.iter().position(|class| class == cell);
            place.ok_or_else(|| self.failed(format!("it has no probabilities of `{cell}`")))
        };
        Ok(match target {
            TargetSpec::Class => Target::Class(class(cell)?),
            TargetSpec::Classes => {
                let labels = label_list::read(cell, None).map_err(|what| self.failed(what))?;
                let places = labels.iter().map(|label| class(label).map(|at| at as u32));
                let mut places: Vec<u32> = places.collect::<Result<_, _>>()?;
                places.sort_unstable();
                Target::Classes(places.into())
            }
            TargetSpec::Number => Target::Number(self.number(cell)?),
        })
    }
}

/// Writes predictions as a table. Probabilities have all their digits, so that metrics computed from the
/// table are exactly the recorded ones.
///
/// # Errors
/// When the file cannot be written.
pub fn write_predictions(path: &Path, predictions: &Predictions) -> Result<(), FileError> {
    let table = table_of_predictions(predictions);
    fs::write_atomic(path, &table.map_err(|source| FileError::new("write", path, source))?)
}

/// The table that [`write_predictions`] writes.
///
/// # Errors
/// When predictions have different numbers of outputs.
pub fn table_of_predictions(predictions: &Predictions) -> io::Result<Vec<u8>> {
    let Predictions { target, classes, rows } = predictions;
    let mut columns = vec!["path".to_owned(), layout::label_column(*target).to_owned()];
    if *target == TargetSpec::Number {
        columns.extend([ESTIMATE, "error"].map(str::to_owned));
    } else {
        columns.push("predicted".to_owned());
        columns.extend(classes.iter().map(|class| format!("{PROBABILITY}{class}")));
        columns.push("correct".to_owned());
    }
    let rows = rows.iter().map(|row| {
        let mut cells = vec![row.path.clone()];
        let correct = match &row.target {
            Target::Class(label) => {
                let predicted = row.predicted();
                cells.extend([classes[*label].clone(), classes[predicted].clone()]);
                *label == predicted
            }
            Target::Classes(labels) => {
                let labels = labels.iter().map(|class| classes[*class as usize].as_str());
                cells.extend([label_list::written(labels), predictions.given(row)]);
                row.several().is_exact()
            }
            Target::Number(number) => {
                let scored = row.number();
                let numbers = [*number, scored.estimate, scored.error()];
                cells.extend(numbers.map(|number| number.to_string()));
                return cells;
            }
        };
        cells.extend(row.outputs.iter().map(f64::to_string));
        cells.push(correct.to_string());
        cells
    });
    table::bytes(&columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        let classes = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let row = |target, outputs: &[f64]| PredictionRow {
            path: "a/1.jpg".to_owned(),
            target,
            outputs: outputs.to_vec(),
        };
        for predictions in [
            Predictions {
                target: TargetSpec::Class,
                classes: classes(&["a", "b"]),
                rows: vec![row(Target::Class(1), &[0.9, 0.1])],
            },
            Predictions {
                target: TargetSpec::Classes,
                classes: classes(&["a|b", "c", "d"]),
                rows: vec![
                    row(Target::Classes([0, 2].into()), &[0.75, 0.5, 1.0 / 3.0]),
                    row(Target::Classes([].into()), &[0.1, 0.2, 0.3]),
                ],
            },
            Predictions {
                target: TargetSpec::Number,
                classes: classes(&["number"]),
                rows: vec![row(Target::Number(-3.25), &[1.0 / 3.0])],
            },
        ] {
            write_predictions(&path, &predictions).unwrap();
            assert_eq!(read_predictions(&path).unwrap(), predictions);
        }
    }
}
