//! Prints predictions as text, JSON or CSV.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::thresholds::UNSURE;
use crate::base::label_list;
use crate::base::names;
use crate::base::text;
use crate::exec::ask::image_files::Answer;
use crate::model::imagenet;
use crate::run_dir::table;
use crate::run_dir::thresholds::is_sure;

/// Output format of predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
    /// A CSV table.
    Csv,
}

/// Names of the outputs of a network.
#[derive(Clone, Debug)]
pub(super) enum Names {
    /// The classes of a run.
    OfRun(Vec<String>),
    /// The classes of ImageNet.
    OfImagenet,
}

impl Names {
    fn n(&self) -> usize {
        match self {
            Self::OfRun(names) => names.len(),
            Self::OfImagenet => imagenet::N_CLASSES,
        }
    }

    fn get(&self, class: usize) -> &str {
        match self {
            Self::OfRun(names) => &names[class],
            Self::OfImagenet => imagenet::classes()[class].name,
        }
    }

    /// The WordNet ID of an ImageNet class. Unlike the names, IDs are unique.
    fn id(&self, class: usize) -> Option<&str> {
        match self {
            Self::OfRun(_) => None,
            Self::OfImagenet => Some(imagenet::classes()[class].id),
        }
    }
}

/// Prints predictions.
pub(super) struct Said {
    pub(super) format: Format,
    pub(super) names: Names,
    pub(super) kind: Kind,
    /// The lowest probability with which an image is given each class, where an image has one; `None` for
    /// a class that is never given. Images below it are unsure.
    pub(super) thresholds: Option<Vec<Option<f64>>>,
}

/// What is printed of an answer. A table always has the probabilities of all classes.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// This number of the likeliest classes.
    One(usize),
    /// The classes with at least these probabilities.
    Several(Vec<f64>),
    /// A number.
    Number,
}

impl Said {
    /// What the model predicts, as pipelines name it.
    pub(super) fn target(&self) -> &'static str {
        match self.kind {
            Kind::One(_) => "class",
            Kind::Several(_) => "classes",
            Kind::Number => "number",
        }
    }

    /// The names of the outputs.
    pub(super) fn outputs(&self) -> Vec<String> {
        (0..self.names.n()).map(|class| self.names.get(class).to_owned()).collect()
    }

    /// Whether the likeliest class of an image is below its threshold.
    fn is_unsure(&self, probabilities: &[f64]) -> bool {
        let thresholds = self.thresholds.as_ref();
        thresholds.is_some_and(|thresholds| !is_sure(probabilities, thresholds))
    }

    /// What an image is called: the likeliest class, if it is sure.
    fn called(&self, probabilities: &[f64]) -> &str {
        if self.is_unsure(probabilities) {
            return UNSURE;
        }
        self.names.get(likeliest(probabilities, 1)[0].1)
    }

    /// Text before the first prediction.
    pub(super) fn head(&self) -> String {
        if self.format != Format::Csv {
            return String::new();
        }
        if matches!(self.kind, Kind::Number) {
            return table::line(&["path", "estimate", "error"]);
        }
        let mut columns = ["path", "predicted"].map(str::to_owned).to_vec();
        columns.extend((0..self.names.n()).map(|class| {
            format!("probability/{}", self.names.id(class).unwrap_or(self.names.get(class)))
        }));
        columns.push("error".to_owned());
        table::line(&columns)
    }

    /// The prediction for an image.
    pub(super) fn about(&self, file: &Path, answer: &Answer) -> String {
        match (self.format, &self.kind) {
            (Format::Text, Kind::One(1)) => self.line(file, answer),
            (Format::Text, Kind::One(top)) => self.lines(file, answer, *top),
            (Format::Text, Kind::Several(thresholds)) => self.labels(file, answer, thresholds),
            (Format::Text, Kind::Number) => number(file, answer),
            (Format::Json, _) => self.json(file, answer),
            (Format::Csv, _) => self.row(file, answer),
        }
    }

    /// One line with the likeliest class before the file, so that columns are aligned.
    fn line(&self, file: &Path, answer: &Answer) -> String {
        let file = names::text_of_path(file);
        match answer {
            Ok(probabilities) => {
                let (probability, _) = likeliest(probabilities, 1)[0];
                let names = (0..self.names.n()).map(|class| self.names.get(class).chars().count());
                let width = names.max().unwrap_or(0).min(32);
                format!("{probability:.4}  {:width$}  {file}\n", self.called(probabilities))
            }
            Err(reason) => format!("  ----  not a readable image: {reason}  {file}\n"),
        }
    }

    /// The file, and the labels of the image with their probabilities.
    fn labels(&self, file: &Path, answer: &Answer, thresholds: &[f64]) -> String {
        let file = names::text_of_path(file);
        match answer {
            Ok(probabilities) => {
                let given = given(probabilities, thresholds).into_iter();
                let labels: Vec<String> =
                    given.map(|(p, class)| format!("{} {p:.4}", self.names.get(class))).collect();
                let labels =
                    if labels.is_empty() { "no label".to_owned() } else { labels.join(", ") };
                format!("{file}: {labels}\n")
            }
            Err(reason) => format!("{file}: not a readable image: {reason}\n"),
        }
    }

    fn lines(&self, file: &Path, answer: &Answer, top: usize) -> String {
        let is_unsure = answer.as_ref().is_ok_and(|outputs| self.is_unsure(outputs));
        let mark = if is_unsure { format!(" ({UNSURE})") } else { String::new() };
        let mut text = format!("{}{mark}\n", names::text_of_path(file));
        match answer {
            Ok(probabilities) => {
                let likeliest = likeliest(probabilities, top).into_iter();
                let rows: Vec<Vec<String>> = likeliest
                    .map(|(probability, class)| {
                        let name = self.names.get(class).to_owned();
                        let id = self.names.id(class).map(str::to_owned);
                        [format!("  {probability:.4}"), name].into_iter().chain(id).collect()
                    })
                    .collect();
                text.push_str(&text::align(&rows, &[0]));
            }
            Err(reason) => {
                let _ = writeln!(text, "  not a readable image: {reason}");
            }
        }
        text
    }

    fn json(&self, file: &Path, answer: &Answer) -> String {
        format!("{}\n", self.value(file, answer))
    }

    /// The prediction for an image as JSON.
    pub(super) fn value(&self, file: &Path, answer: &Answer) -> Value {
        match answer {
            Ok(numbers) if matches!(self.kind, Kind::Number) => {
                let (name, path) = (self.names.get(0), names::text_of_path(file));
                json!({ "path": path, "name": name, "number": numbers[0] })
            }
            Ok(probabilities) => {
                let shown = match &self.kind {
                    Kind::One(top) => likeliest(probabilities, *top),
                    Kind::Several(thresholds) => given(probabilities, thresholds),
                    Kind::Number => vec![],
                };
                let top = shown.into_iter();
                let classes: Vec<Value> = top
                    .map(|(probability, class)| {
                        let name = self.names.get(class);
                        match self.names.id(class) {
                            Some(id) => {
                                json!({ "id": id, "name": name, "probability": probability })
                            }
                            None => json!({ "name": name, "probability": probability }),
                        }
                    })
                    .collect();
                let path = names::text_of_path(file);
                let mut value = json!({ "path": path, "classes": classes });
                if self.thresholds.is_some() {
                    value["predicted"] = self.called(probabilities).into();
                }
                value
            }
            Err(reason) => json!({ "path": names::text_of_path(file), "error": reason }),
        }
    }

    fn row(&self, file: &Path, answer: &Answer) -> String {
        let mut cells = vec![names::text_of_path(file)];
        match answer {
            Ok(numbers) if matches!(self.kind, Kind::Number) => {
                cells.extend([numbers[0].to_string(), String::new()]);
            }
            Err(reason) if matches!(self.kind, Kind::Number) => {
                cells.extend([String::new(), reason.clone()]);
            }
            Ok(probabilities) => {
                cells.push(match &self.kind {
                    Kind::Several(thresholds) => {
                        let mut given = given(probabilities, thresholds);
                        given.sort_by_key(|(_, class)| *class);
                        let names = given.iter().map(|(_, class)| self.names.get(*class));
                        label_list::written(names)
                    }
                    Kind::One(_) | Kind::Number => self.called(probabilities).to_owned(),
                });
                cells.extend(probabilities.iter().map(f64::to_string));
                cells.push(String::new());
            }
            Err(reason) => {
                cells.extend((0..=self.names.n()).map(|_| String::new()));
                cells.push(reason.clone());
            }
        }
        table::line(&cells)
    }
}

/// A number before the file, or why there is none.
fn number(file: &Path, answer: &Answer) -> String {
    let file = names::text_of_path(file);
    match answer {
        Ok(numbers) => format!("{:.4}  {file}\n", numbers[0]),
        Err(reason) => format!("  ----  not a readable image: {reason}  {file}\n"),
    }
}

/// The classes with at least their thresholds, likeliest first.
fn given(probabilities: &[f64], thresholds: &[f64]) -> Vec<(f64, usize)> {
    let mut all = likeliest(probabilities, probabilities.len());
    all.retain(|(probability, class)| *probability >= thresholds[*class]);
    all
}

/// The `top` likeliest classes, likeliest first.
fn likeliest(probabilities: &[f64], top: usize) -> Vec<(f64, usize)> {
    let mut sorted: Vec<(f64, usize)> =
        probabilities.iter().enumerate().map(|(class, &p)| (p, class)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    sorted.truncate(top);
    sorted
}
