//! Prints predictions as text, JSON or CSV.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::base::names;
use crate::base::text;
use crate::exec::ask::image_files::Answer;
use crate::model::imagenet;
use crate::run_dir::table;

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
    /// Number of classes per image; a table always has all.
    pub(super) top: usize,
}

impl Said {
    /// Text before the first prediction.
    pub(super) fn head(&self) -> String {
        if self.format != Format::Csv {
            return String::new();
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
        match self.format {
            Format::Text if self.top == 1 => self.line(file, answer),
            Format::Text => self.lines(file, answer),
            Format::Json => self.json(file, answer),
            Format::Csv => self.row(file, answer),
        }
    }

    /// One line with the likeliest class before the file, so that columns are aligned.
    fn line(&self, file: &Path, answer: &Answer) -> String {
        let file = names::text_of_path(file);
        match answer {
            Ok(probabilities) => {
                let (probability, class) = likeliest(probabilities, 1)[0];
                let names = (0..self.names.n()).map(|class| self.names.get(class).chars().count());
                let width = names.max().unwrap_or(0).min(32);
                format!("{probability:.4}  {:width$}  {file}\n", self.names.get(class))
            }
            Err(reason) => format!("  ----  not a readable image: {reason}  {file}\n"),
        }
    }

    fn lines(&self, file: &Path, answer: &Answer) -> String {
        let mut text = format!("{}\n", names::text_of_path(file));
        match answer {
            Ok(probabilities) => {
                let likeliest = likeliest(probabilities, self.top).into_iter();
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
        let value = match answer {
            Ok(probabilities) => {
                let top = likeliest(probabilities, self.top.max(1)).into_iter();
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
                json!({ "path": names::text_of_path(file), "classes": classes })
            }
            Err(reason) => json!({ "path": names::text_of_path(file), "error": reason }),
        };
        format!("{value}\n")
    }

    fn row(&self, file: &Path, answer: &Answer) -> String {
        let mut cells = vec![names::text_of_path(file)];
        match answer {
            Ok(probabilities) => {
                let (_, class) = likeliest(probabilities, 1)[0];
                cells.push(self.names.get(class).to_owned());
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

/// The `top` likeliest classes, likeliest first.
fn likeliest(probabilities: &[f64], top: usize) -> Vec<(f64, usize)> {
    let mut sorted: Vec<(f64, usize)> =
        probabilities.iter().enumerate().map(|(class, &p)| (p, class)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    sorted.truncate(top);
    sorted
}
