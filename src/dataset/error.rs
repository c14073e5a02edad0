//! Errors of datasets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::archive::ArchiveError;
use super::decode::DecodeError;
use crate::base::fs::FileError;
use crate::base::names;
use crate::base::text;
use crate::spec::TargetSpec;
use crate::spec::problem::Code;

/// A dataset that cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The directory does not exist or cannot be read.
    #[error("the dataset directory `{}` cannot be read", names::text_of_path(path))]
    Directory {
        /// Path of the directory.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A directory or link inside the dataset cannot be followed.
    #[error("the dataset directory contains a directory that cannot be read: {reason}")]
    Walk {
        /// The path and the reason.
        reason: String,
    },
    /// There is not one directory per class.
    #[error("the dataset directory `{}` {what}", names::text_of_path(path))]
    Layout {
        /// Path of the directory.
        path: PathBuf,
        /// Predicate that states the problem.
        what: String,
        /// Entries that were found, one per line.
        seen: Vec<String>,
        /// Hints on how to fix it.
        help: Vec<String>,
    },
    /// Class directories with the same name, encoded in different ways.
    #[error("{} more than once: {}", if pairs.len() == 1 { "a class name is used" } else { "class names are used" }, text::all_of(pairs.iter().map(|(name, _)| name.as_str())))]
    SameName {
        /// Pairs of names.
        pairs: Vec<(String, String)>,
    },
    /// Classes without images.
    #[error("{} without images: {}", if classes.len() == 1 { "a class" } else { "classes" }, text::some_of(classes.iter().map(String::as_str)))]
    EmptyClass {
        /// Names of the classes.
        classes: Vec<String>,
    },
    /// Classes without a readable image.
    #[error("{} without readable images: {}", if classes.len() == 1 { "a class" } else { "classes" }, text::some_of(classes.iter().map(|class| class.name.as_str())))]
    Unreadable {
        /// Contents of the directory of each class.
        classes: Vec<Contents>,
        /// All unreadable files of the dataset.
        images: Vec<BadImage>,
    },
    /// Files that are not readable images.
    #[error("{} of the dataset cannot be read as images", text::count(images.len(), "file"))]
    BadImages {
        /// All such files.
        images: Vec<BadImage>,
    },
    /// The same image in different parts of the split.
    #[error("{} in more than one part of the split", text::count(pairs.len(), "image"))]
    SplitLeak {
        /// Files with equal content, each with its part of the split.
        pairs: Vec<String>,
    },
    /// The same image in more than one class.
    #[error("{} {}", text::count(groups.len(), "image"), in_two(*what))]
    TwoClasses {
        /// Files with equal content, one group per line.
        groups: Vec<String>,
        /// What labels are.
        what: TargetSpec,
    },
    /// A part of the split has other classes than the training set.
    #[error("the classes of `{directory}` are not those of `{training}`")]
    OtherClasses {
        /// Directory of the part.
        directory: String,
        /// Directory of the training set.
        training: String,
        /// Classes that the part lacks.
        missing: Vec<String>,
        /// Classes that the training set lacks.
        unknown: Vec<String>,
    },
    /// The dataset is split already, but the pipeline asks for a test set to be drawn.
    #[error("the dataset is split already, so `split.test` cannot be drawn from it")]
    GivenTest,
    /// A table of images that cannot be used.
    #[error("the table `{}` cannot be used: {}", names::text_of_path(path), text::count(problems.len(), "problem"))]
    Table {
        /// Path of the table.
        path: PathBuf,
        /// What is wrong, one line each.
        problems: Vec<String>,
        /// Hints on how to fix it.
        help: Vec<String>,
    },
    /// An archive or shards that cannot be used.
    #[error("`{}` cannot be used: {}", names::text_of_path(path), text::count(problems.len(), "problem"))]
    Archive {
        /// Path of the archive, or the pattern of the shards.
        path: PathBuf,
        /// What is wrong, one line each.
        problems: Vec<String>,
        /// Hints on how to fix it.
        help: Vec<String>,
    },
    /// Names under `classes` that the dataset does not have.
    #[error("the dataset has no {} {}", if unknown.len() == 1 { "class" } else { "classes" }, some_of(unknown.iter()))]
    NoClass {
        /// The names.
        unknown: Vec<String>,
        /// The classes of the dataset.
        known: Vec<String>,
    },
    /// The pattern of the groups is not a regular expression.
    #[error("`split.groups` is not a regular expression")]
    Pattern(String),
    /// Images whose path the pattern of the groups does not match.
    #[error("{} without a group: `{pattern}` does not match", text::count(images.len(), "image"))]
    NoGroup {
        /// Paths of the images.
        images: Vec<String>,
        /// The regular expression.
        pattern: String,
    },
    /// A part of the split without images.
    #[error("the {part} set has no images{}", of_classes(classes))]
    EmptySplit {
        /// Name of the part.
        part: &'static str,
        /// Classes without images in this part, with their number of images. Empty if no class has
        /// any.
        classes: Vec<(String, usize)>,
        /// Number of parts of the split.
        n_parts: usize,
        /// Whether each class is divided by the fractions.
        is_exact: bool,
    },
    /// There are fewer images or groups than folds.
    #[error("{} cannot be divided into {folds} folds", text::count(*n, unit))]
    FewFolds {
        /// Number of images or groups.
        n: usize,
        /// "image" or "group".
        unit: &'static str,
        /// Number of folds.
        folds: usize,
    },
    /// No image of the training set counts.
    #[error("all images of the training set have weight 0; give some of them a weight above 0")]
    NoWeight,
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The user asked to stop while the images were read.
    #[error("interrupted while reading the images; no run was started")]
    Cancelled,
}

/// What copies of an image are that have different labels, as a predicate.
pub fn in_two(what: TargetSpec) -> &'static str {
    match what {
        TargetSpec::Class => "in more than one class",
        TargetSpec::Classes => "with different labels in different places",
        TargetSpec::Number => "with different numbers",
    }
}

impl From<ArchiveError> for DatasetError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::File(error) => Self::File(error),
            ArchiveError::Other { path, what, advice } => Self::Archive {
                path,
                problems: vec![format!("it {what}")],
                help: advice.map(str::to_owned).into_iter().collect(),
            },
            ArchiveError::Damaged { path, reason } => {
                Self::Archive { path, problems: vec![reason], help: vec![] }
            }
        }
    }
}

fn of_classes(classes: &[(String, usize)]) -> String {
    let names = some_of(classes.iter().map(|(name, _)| name));
    match classes.len() {
        0 => String::new(),
        1 => format!(" of class {names}"),
        _ => format!(" of classes {names}"),
    }
}

/// The first names of classes, and how many more there are.
fn some_of<'a>(classes: impl ExactSizeIterator<Item = &'a String>) -> String {
    const MOST: usize = 10;
    let n_more = classes.len().saturating_sub(MOST);
    let mut names: Vec<String> = classes.take(MOST).map(|name| format!("`{name}`")).collect();
    names.extend((n_more > 0).then(|| format!("{} more", text::thousands(n_more))));
    text::join(names, "and")
}

/// Hints about copies of an image that have different labels.
fn one_of_two(what: TargetSpec) -> Vec<String> {
    let hints: &[&str] = match what {
        TargetSpec::Class => &[
            "keep each in its own class only; or write `duplicates: drop` under `dataset` to leave them \
             out, or `duplicates: keep` to train on them as they are",
            "or, if an image may be of several classes, write `labels: many` under `dataset`",
        ],
        TargetSpec::Classes | TargetSpec::Number => &[
            "keep one of each; or write `duplicates: drop` under `dataset` to leave them out, or \
             `duplicates: keep` to train on them as they are",
        ],
    };
    hints.iter().map(ToString::to_string).collect()
}

/// Hints about classes that are too small for a split.
fn too_small(classes: &[(String, usize)], n_parts: usize, is_exact: bool) -> Vec<String> {
    if classes.is_empty() {
        return vec!["add images, or change the fractions under `split`".to_owned()];
    }
    let mut hints = vec![];
    if is_exact {
        hints.push(format!("add images: each class needs at least {n_parts}, one for each set"));
        hints.push("leave these classes out by moving their directories elsewhere".to_owned());
        hints.push(
            "or write `by: random` under `split`: images are then drawn regardless of their class, \
             and a class may be missing from the validation set"
                .to_owned(),
        );
    } else {
        hints.push("add images: a class without training images cannot be learned".to_owned());
        hints.push("or write `by: stratified` under `split`, or another `seed` there".to_owned());
    }
    hints
}

/// The contents of the directory of a class without readable images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Name of the class.
    pub name: String,
    /// Number of files of each kind, such as "HEIC image".
    pub files: BTreeMap<&'static str, usize>,
}

impl std::fmt::Display for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts: Vec<String> =
            self.files.iter().map(|(what, n)| text::count(*n, what)).collect();
        write!(f, "{}: {}", self.name, counts.join(", "))
    }
}

/// A file that is not a readable image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadImage {
    /// Path below the dataset directory.
    pub path: String,
    /// Reason why it is not readable.
    pub reason: DecodeError,
}

impl std::fmt::Display for BadImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl DatasetError {
    /// The stable code of the problem, if it has one.
    pub fn code(&self) -> Option<Code> {
        Some(match self {
            Self::Directory { .. } | Self::Walk { .. } | Self::File(_) => Code::DatasetDirectory,
            Self::Layout { .. } => Code::DatasetLayout,
            Self::SameName { .. } => Code::SameName,
            Self::EmptyClass { .. } | Self::Unreadable { .. } => Code::EmptyClass,
            Self::BadImages { .. } => Code::BadImages,
            Self::SplitLeak { .. } => Code::SplitLeak,
            Self::TwoClasses { .. } => Code::TwoClasses,
            Self::EmptySplit { .. } | Self::FewFolds { .. } | Self::NoWeight => Code::EmptySplit,
            Self::OtherClasses { .. } => Code::OtherClasses,
            Self::GivenTest => Code::GivenSplit,
            Self::Pattern(_) => Code::BadPattern,
            Self::Table { .. } => Code::Table,
            Self::Archive { .. } => Code::Archive,
            Self::NoClass { .. } => Code::NoClass,
            Self::NoGroup { .. } => Code::NoGroup,
            Self::Cancelled => return None,
        })
    }

    /// Details.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Layout { seen, .. } if !seen.is_empty() => {
                vec![format!("it contains:\n{}", text::first_lines(seen, 8))]
            }
            Self::SameName { pairs } => {
                let pairs = pairs.iter().map(|(a, b)| {
                    format!("`{}` and `{}`", names::spelt_out(a), names::spelt_out(b))
                });
                let pairs: Vec<String> = pairs.collect();
                vec![format!(
                    "the same characters are encoded in two ways (macOS and Linux differ):\n{}",
                    text::first_lines(&pairs, 20)
                )]
            }
            Self::Unreadable { classes, images } => {
                let mut notes = vec![format!("it contains:\n{}", text::first_lines(classes, 20))];
                if !images.is_empty() {
                    notes.push(format!(
                        "these files cannot be read:\n{}",
                        text::first_lines(images, 50)
                    ));
                }
                notes
            }
            Self::BadImages { images } => {
                vec![format!("these files:\n{}", text::first_lines(images, 50))]
            }
            Self::SplitLeak { pairs } => {
                vec![format!("these files are equal:\n{}", text::first_lines(pairs, 20))]
            }
            Self::TwoClasses { groups, .. } => {
                vec![format!("these files are equal:\n{}", text::first_lines(groups, 20))]
            }
            Self::OtherClasses { missing, unknown, training, .. } => {
                let lines =
                    [("missing".to_owned(), missing), (format!("not in `{training}`"), unknown)];
                let lines = lines.into_iter().filter(|(_, classes)| !classes.is_empty());
                let line = |(what, classes): (String, &Vec<String>)| {
                    format!("{what}: {}", some_of(classes.iter()))
                };
                vec![lines.map(line).collect::<Vec<_>>().join("\n")]
            }
            Self::Pattern(why) => vec![why.clone()],
            Self::NoClass { known, .. } => vec![format!("it has {}", some_of(known.iter()))],
            Self::Table { problems, .. } | Self::Archive { problems, .. } => {
                vec![text::first_lines(problems, 50)]
            }
            Self::NoGroup { images, .. } => {
                vec![format!("these images:\n{}", text::first_lines(images, 20))]
            }
            Self::EmptySplit { classes, .. } if !classes.is_empty() => {
                let lines =
                    classes.iter().map(|(name, n)| format!("{name}: {}", text::count(*n, "image")));
                let lines: Vec<String> = lines.collect();
                vec![format!("these classes have few images:\n{}", text::first_lines(&lines, 50))]
            }
            _ => vec![],
        }
    }

    /// Hints on how to fix it.
    pub fn hints(&self) -> Vec<String> {
        const WANTED: &str = "create one directory per class, with the images of the class inside:\n  \
                              dataset/\n    alpaca/one.jpg\n    not alpaca/two.jpg";
        const TABLE: &str = "or write a table with the path and the label of each image, and name it as \
                             `table` under `dataset`";
        match self {
            Self::Walk { .. } => vec!["remove it, or make it readable".to_owned()],
            Self::Directory { .. } | Self::File(_) | Self::Cancelled => vec![],
            Self::Layout { help, .. } if help.is_empty() => {
                vec![WANTED.to_owned(), TABLE.to_owned()]
            }
            Self::Layout { help, .. } => help.clone(),
            Self::SameName { .. } => {
                vec!["move the images of both into one directory".to_owned()]
            }
            Self::EmptyClass { .. } => {
                vec!["add images, or remove the directory: every directory is a class".to_owned()]
            }
            Self::Unreadable { .. } => vec![
                "convert or add images, or remove the directory: every directory is a class"
                    .to_owned(),
            ],
            Self::BadImages { .. } => vec![
                "repair or remove them, or write `on_bad_image: skip` under `dataset`".to_owned(),
            ],
            Self::SplitLeak { .. } => vec![
                "remove all but one of each, or write `duplicates: drop` under `dataset`: evaluating on \
                 images that were trained on overstates the accuracy"
                    .to_owned(),
            ],
            Self::TwoClasses { what, .. } => one_of_two(*what),
            Self::OtherClasses { .. } => vec![
                "give every part the same class directories; a class may be left out only of all parts"
                    .to_owned(),
            ],
            Self::GivenTest => vec![
                "remove `test` under `split`, since the dataset has this set already".to_owned(),
            ],
            Self::Pattern(_) | Self::NoWeight => vec![],
            Self::Table { help, .. } | Self::Archive { help, .. } => help.clone(),
            Self::NoClass { unknown, known } => {
                let nearest = |name: &String| {
                    let known = known.iter().map(String::as_str);
                    let nearest = text::nearest(name, known, 1).first().copied()?.to_owned();
                    Some(format!("did you mean `{nearest}` in place of `{name}`?"))
                };
                unknown.iter().take(5).filter_map(nearest).collect()
            }
            Self::NoGroup { .. } => vec![
                "write a pattern that matches every path, for example `'^([^_]+)_'` with the group in \
                 parentheses; paths are below the dataset directory"
                    .to_owned(),
            ],
            Self::FewFolds { n, unit, .. } if *n > 1 => {
                vec![format!("use at most {n} folds; a fold has at least one {unit}")]
            }
            Self::FewFolds { unit, .. } => vec![format!("folds need at least two {unit}s")],
            Self::EmptySplit { classes, n_parts, is_exact, .. } => {
                too_small(classes, *n_parts, *is_exact)
            }
        }
    }
}

/// An image that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Path below the dataset directory.
    pub path: String,
    /// Reason.
    pub reason: String,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}
