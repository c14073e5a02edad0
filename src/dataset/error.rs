//! What can be wrong with a dataset.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::decode::DecodeError;
use crate::base::fs::FileError;
use crate::base::text;
use crate::spec::problem::Code;

/// A dataset that cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The folder is not there or cannot be read.
    #[error("the dataset directory `{}` cannot be read", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A folder or link inside the dataset cannot be followed.
    #[error("the dataset directory holds a folder that cannot be read: {reason}")]
    Walk {
        /// What and why, with the path.
        reason: String,
    },
    /// There is not one folder per class.
    #[error("the dataset directory `{}` {what}", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What is wrong with what it holds.
        what: String,
        /// What was seen, a line an entry.
        seen: Vec<String>,
    },
    /// Classes without pictures.
    #[error("{} without pictures: {}", if classes.len() == 1 { "a class" } else { "classes" }, text::any_of(classes.iter().map(String::as_str)))]
    EmptyClass {
        /// Their names.
        classes: Vec<String>,
    },
    /// Classes none of whose files is a readable image.
    #[error("{} without readable images: {}", if classes.len() == 1 { "a class" } else { "classes" }, text::any_of(classes.iter().map(|class| class.name.as_str())))]
    Unreadable {
        /// What is in the directory of each.
        classes: Vec<Contents>,
        /// All bad files of the dataset.
        images: Vec<BadImage>,
    },
    /// Files that are not readable pictures.
    #[error("{} of the dataset cannot be read as pictures", text::count(images.len(), "file"))]
    BadImages {
        /// All of them.
        images: Vec<BadImage>,
    },
    /// The same picture on both sides of a split.
    #[error("{} in more than one part of the split", text::count(pairs.len(), "picture"))]
    SplitLeak {
        /// Files with equal content, and the part each fell into.
        pairs: Vec<String>,
    },
    /// A part of the split without pictures.
    #[error("the {part} part of the split has no pictures{}", of_class(class.as_deref()))]
    EmptySplit {
        /// The part.
        part: &'static str,
        /// The class, where it is one class that lacks them.
        class: Option<String>,
    },
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody asked to stop while the images were read.
    #[error("interrupted while the images were read; no run was begun")]
    Cancelled,
}

fn of_class(class: Option<&str>) -> String {
    class.map(|class| format!(" of class `{class}`")).unwrap_or_default()
}

/// What is in the directory of a class that has no readable image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The name of the class.
    pub name: String,
    /// What there is, as it is counted: "HEIC image".
    pub files: BTreeMap<&'static str, usize>,
}

impl std::fmt::Display for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: Vec<String> =
            self.files.iter().map(|(what, n)| text::count(*n, what)).collect();
        write!(f, "{}: {}", self.name, counts.join(", "))
    }
}

/// A file that is not a readable picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadImage {
    /// Its path below the dataset directory.
    pub path: String,
    /// What is wrong with it.
    pub reason: DecodeError,
}

impl std::fmt::Display for BadImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl DatasetError {
    /// The stable code of the problem, where it has one.
    pub fn code(&self) -> Option<Code> {
        Some(match self {
            Self::Directory { .. } | Self::Walk { .. } | Self::File(_) => Code::DatasetDirectory,
            Self::Layout { .. } => Code::DatasetLayout,
            Self::EmptyClass { .. } | Self::Unreadable { .. } => Code::EmptyClass,
            Self::BadImages { .. } => Code::BadImages,
            Self::SplitLeak { .. } => Code::SplitLeak,
            Self::EmptySplit { .. } => Code::EmptySplit,
            Self::Cancelled => return None,
        })
    }

    /// The details and what to do about them.
    pub fn hints(&self) -> Vec<String> {
        const WANTED: &str = "one folder per class is needed, with the pictures of the class inside:\n  \
                              dataset/\n    alpaca/one.jpg\n    not alpaca/two.jpg";
        match self {
            Self::Directory { source, .. } => vec![format!("the system says: {source}")],
            Self::Walk { .. } => vec!["remove it, or make it readable".to_owned()],
            Self::File(_) | Self::Cancelled => vec![],
            Self::Layout { seen, .. } if seen.is_empty() => vec![WANTED.to_owned()],
            Self::Layout { seen, .. } => {
                vec![format!("it holds:\n{}", text::first_lines(seen, 8)), WANTED.to_owned()]
            }
            Self::EmptyClass { .. } => {
                vec!["add pictures to the folder, or remove it: every folder is a class".to_owned()]
            }
            Self::Unreadable { classes, images } => {
                let mut hints = vec![format!("it holds:\n{}", text::first_lines(classes, 20))];
                if !images.is_empty() {
                    hints.push(format!("these files cannot be read:\n{}", text::first_lines(images, 50)));
                }
                hints.push(
                    "convert or add images, or remove the directory: every directory is a class"
                        .to_owned(),
                );
                hints
            }
            Self::BadImages { images } => vec![
                format!("these files:\n{}", text::first_lines(images, 50)),
                "mend or remove them, or write `on_bad_image: skip` under `dataset`".to_owned(),
            ],
            Self::SplitLeak { pairs } => vec![
                format!("these files are equal:\n{}", text::first_lines(pairs, 20)),
                "remove all but one of each: a picture that has been trained on proves nothing in validation"
                    .to_owned(),
            ],
            Self::EmptySplit { .. } => vec!["add pictures, or change the shares under `split`".to_owned()],
        }
    }
}
