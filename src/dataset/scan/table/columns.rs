//! Finds the columns of a table of images: by the names in the pipeline, or by usual names.

use crate::base::text;
use crate::spec::{ColumnsSpec, TargetSpec};

/// Usual names of the column with the path of the image, in lower case.
const PATHS: [&str; 14] = [
    "path",
    "file_name",
    "filename",
    "file",
    "filepath",
    "file_path",
    "image_path",
    "img_path",
    "image",
    "img",
    "image_name",
    "image_file",
    "image_id",
    "id",
];
/// Usual names of the column with the label.
const LABELS: [&str; 13] = [
    "label",
    "class",
    "category",
    "target",
    "label_name",
    "class_name",
    "category_name",
    "labels",
    "species",
    "breed",
    "cls",
    "class_id",
    "y",
];
/// Usual names of the column with the labels of an image that may have several, before those of one.
const SEVERAL: [&str; 6] = ["labels", "tags", "classes", "categories", "attributes", "targets"];
/// Usual names of the column with a number, before those of a label.
const NUMBERS: [&str; 8] = ["target", "number", "value", "score", "age", "count", "rating", "y"];
/// Usual names of the column with the part of the split.
const SPLITS: [&str; 4] = ["split", "set", "subset", "partition"];

/// How the path of an image is made from the cells of its row.
#[derive(Debug, Default)]
enum PathRule {
    /// There is none.
    #[default]
    Nothing,
    /// It is one cell.
    Cell(usize),
    /// Text with columns in it: `images/{id}.jpg`.
    Pattern(Vec<Piece>),
}

/// A piece of a pattern.
#[derive(Debug)]
enum Piece {
    Text(String),
    Cell(usize),
}

/// The columns that are read. Their numbers are positions in [`Self::picked`].
#[derive(Debug, Default)]
pub(in crate::dataset::scan) struct Columns {
    /// The columns of the table that are read.
    pub(in crate::dataset::scan) picked: Vec<usize>,
    path: PathRule,
    label: usize,
    /// Name of the column with the label.
    pub(in crate::dataset::scan) label_name: String,
    split: Option<usize>,
    group: Option<usize>,
    weight: Option<usize>,
    /// Name of the column with the part of the split.
    pub(in crate::dataset::scan) split_name: Option<String>,
    /// Names of the columns that are not read.
    pub(in crate::dataset::scan) unused: Vec<String>,
}

/// Why columns cannot be found: what is wrong, and hints.
pub(in crate::dataset::scan) type Trouble = (Vec<String>, Vec<String>);

impl Columns {
    /// Finds the columns among `names`.
    pub(super) fn find(
        names: &[String],
        spec: &ColumnsSpec,
        target: TargetSpec,
    ) -> Result<Self, Trouble> {
        let mut search = Search::new(names, "the table has");
        let path = match &spec.path {
            Some(pattern) if pattern.contains('{') => PathRule::Pattern(search.pattern(pattern)),
            path => PathRule::Cell(search.needed("path", path.as_deref(), &PATHS)),
        };
        search.finish(path, spec, target)
    }

    /// Finds the columns of images that have no path: the fields of a sample of a shard.
    pub(in crate::dataset::scan) fn of_fields(
        names: &[String],
        spec: &ColumnsSpec,
        target: TargetSpec,
    ) -> Result<Self, Trouble> {
        let search = Search::new(names, "the samples have");
        search.finish(PathRule::Nothing, spec, target)
    }

    /// The path of an image.
    pub(super) fn path(&self, cells: &[&str]) -> String {
        match &self.path {
            PathRule::Nothing => String::new(),
            PathRule::Cell(at) => cells[*at].to_owned(),
            PathRule::Pattern(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Cell(at) => cells[*at],
                })
                .collect(),
        }
    }

    /// The cell with the path, if there is one and not a pattern.
    pub(super) fn path_cell(&self) -> Option<usize> {
        match self.path {
            PathRule::Cell(at) => Some(at),
            PathRule::Nothing | PathRule::Pattern(_) => None,
        }
    }

    /// Whether the path is made from a pattern.
    pub(super) fn has_pattern(&self) -> bool {
        matches!(self.path, PathRule::Pattern(_))
    }

    /// The label.
    pub(in crate::dataset::scan) fn label<'a>(&self, cells: &[&'a str]) -> &'a str {
        cells[self.label]
    }

    /// The column with the label.
    pub(in crate::dataset::scan) fn label_column(&self) -> usize {
        self.picked[self.label]
    }

    /// The part of the split; empty if it is to be drawn.
    pub(in crate::dataset::scan) fn split<'a>(&self, cells: &[&'a str]) -> &'a str {
        self.split.map_or("", |at| cells[at])
    }

    /// The weight in training; empty if it is 1.
    pub(in crate::dataset::scan) fn weight<'a>(&self, cells: &[&'a str]) -> &'a str {
        self.weight.map_or("", |at| cells[at])
    }

    /// The group; `None` if the table has none.
    pub(in crate::dataset::scan) fn group<'a>(&self, cells: &[&'a str]) -> Option<&'a str> {
        self.group.map(|at| cells[at])
    }
}

struct Search<'a> {
    names: &'a [String],
    /// "the table has", before the names.
    has: &'static str,
    picked: Vec<usize>,
    problems: Vec<String>,
    help: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(names: &'a [String], has: &'static str) -> Self {
        Self { names, has, picked: vec![], problems: vec![], help: vec![] }
    }

    /// Finds the other columns.
    fn finish(
        mut self,
        path: PathRule,
        spec: &ColumnsSpec,
        target: TargetSpec,
    ) -> Result<Columns, Trouble> {
        let first: &[&str] = match target {
            TargetSpec::Class => &[],
            TargetSpec::Classes => &SEVERAL,
            TargetSpec::Number => &NUMBERS,
        };
        let usual = [first, &LABELS].concat();
        let label = self.needed("label", spec.label.as_deref(), &usual);
        let split = self.optional("split", spec.split.as_deref(), &SPLITS);
        let group = self.optional("group", spec.group.as_deref(), &["group"]);
        // A column `weight` may be that of an animal.
        let weight = self.optional("weight", spec.weight.as_deref(), &["sample_weight"]);
        let Search { names, picked, problems, help, .. } = self;
        if !problems.is_empty() {
            return Err((problems, help));
        }
        let split_name = split.map(|split| names[picked[split]].clone());
        let label_name = names[picked[label]].clone();
        let unused = (0..names.len()).filter(|column| !picked.contains(column));
        let unused = unused.map(|column| names[column].clone()).collect();
        Ok(Columns { picked, path, label, label_name, split, group, weight, split_name, unused })
    }

    /// Picks a column. Returns its position among the picked ones.
    fn pick(&mut self, column: usize) -> usize {
        let name = &self.names[column];
        let n = self.names.iter().filter(|other| *other == name).count();
        let problem = format!("there are {n} columns `{name}`");
        if n > 1 && !self.problems.contains(&problem) {
            self.problems.push(problem);
            self.help.push("rename one of them".to_owned());
        }
        let known = self.picked.iter().position(|picked| *picked == column);
        known.unwrap_or_else(|| {
            self.picked.push(column);
            self.picked.len() - 1
        })
    }

    /// The names, for a message.
    fn all(&self) -> String {
        match self.names {
            [] => "none".to_owned(),
            names => text::all_of(names.iter().map(String::as_str)),
        }
    }

    /// The column of this name, in any case if there is only one such.
    fn named(&self, name: &str) -> Option<usize> {
        let exact = self.names.iter().position(|known| known == name);
        exact.or_else(|| {
            let same = |known: &String| known.to_lowercase() == name.to_lowercase();
            self.names.iter().position(same)
        })
    }

    fn given(&mut self, what: &str, name: &str) -> Option<usize> {
        let found = self.named(name);
        if found.is_none() {
            let columns = self.all();
            self.problems.push(format!(
                "there is no column `{name}` (`columns.{what}`); {} {columns}",
                self.has
            ));
        }
        found
    }

    fn needed(&mut self, what: &str, name: Option<&str>, usual: &[&str]) -> usize {
        let column = if let Some(name) = name {
            self.given(what, name)
        } else {
            let found = usual.iter().find_map(|name| self.named(name));
            if found.is_none() {
                let columns = self.all();
                let has = self.has.replacen('t', "T", 1);
                let problem = format!("which column has the {what}? {has} {columns}");
                self.problems.push(problem);
                self.help.push(format!("name it under `dataset`: `columns: {{ {what}: COLUMN }}`"));
            }
            found
        };
        column.map_or(0, |column| self.pick(column))
    }

    fn optional(&mut self, what: &str, name: Option<&str>, usual: &[&str]) -> Option<usize> {
        let column = match name {
            Some(name) => self.given(what, name),
            None => usual.iter().find_map(|name| self.named(name)),
        };
        column.map(|column| self.pick(column))
    }

    /// The pieces of a pattern with names of columns in braces.
    fn pattern(&mut self, pattern: &str) -> Vec<Piece> {
        let mut pieces = vec![];
        let mut rest = pattern;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else {
                self.problems.push(format!("`columns.path` has a `{{` without `}}`: `{pattern}`"));
                return pieces;
            };
            pieces.push(Piece::Text(before.to_owned()));
            if let Some(column) = self.given("path", name) {
                let at = self.pick(column);
                pieces.push(Piece::Cell(at));
            }
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &[&str], spec: &ColumnsSpec) -> Result<Columns, Trouble> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Columns::find(&names, spec, TargetSpec::Class)
    }

    #[test]
    fn usual_names_are_found() {
        for names in [
            ["path", "label", "split", "digest"],
            ["species", "File_Name", "Set", "x"],
            ["id", "breed", "partition", "width"],
        ] {
            let columns = find(&names, &ColumnsSpec::default()).unwrap();
            let cells: Vec<&str> = columns.picked.iter().map(|&at| names[at]).collect();
            assert!(PATHS.contains(&columns.path(&cells).to_lowercase().as_str()), "{names:?}");
            assert!(LABELS.contains(&columns.label(&cells)), "{names:?}");
            assert!(SPLITS.contains(&columns.split(&cells).to_lowercase().as_str()), "{names:?}");
            assert_eq!(columns.group(&cells), None);
        }
    }

    #[test]
    fn a_path_may_be_made_of_columns() {
        let path = Some("{site}/{id}.jpg".to_owned());
        let spec = ColumnsSpec { path, group: Some("site".to_owned()), ..ColumnsSpec::default() };
        let names = ["id", "label", "site"];
        let columns = find(&names, &spec).unwrap();
        let row = ["0017", "cow", "north"];
        let cells: Vec<&str> = columns.picked.iter().map(|&at| row[at]).collect();
        assert_eq!(columns.path(&cells), "north/0017.jpg");
        assert_eq!((columns.label(&cells), columns.group(&cells)), ("cow", Some("north")));
    }

    #[test]
    fn what_is_missing_is_named_with_what_there_is() {
        let spec = ColumnsSpec { path: Some("{name}.jpg".to_owned()), ..ColumnsSpec::default() };
        let (problems, help) = find(&["animal", "url"], &spec).unwrap_err();
        assert!(problems[0].contains("no column `name`"), "{problems:?}");
        assert!(
            problems[1].contains("which column has the label? The table has `animal` and `url`")
        );
        assert!(help[0].contains("columns: { label: COLUMN }"), "{help:?}");
    }
}
