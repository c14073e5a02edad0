//! Lists the images of a table: a path and a label in each row, perhaps the part of the split and a
//! group.

mod columns;
mod missing;
mod read;

use std::collections::BTreeMap;
use std::path::{Component, PathBuf};
use std::sync::Arc;

pub(super) use self::columns::Columns;
use super::files;
use super::gathered::Gathered;
use super::layout;
use super::listing::{Candidate, Listing, Origin, Root, SharedNames};
use super::rows;
use crate::base::names;
use crate::dataset::error::DatasetError;
use crate::spec::{TableSpec, TargetSpec};

/// A row that names an image.
struct Row {
    line: u64,
    candidate: Candidate,
}

/// The rows of a table, and what is wrong with others.
struct Found {
    /// Directory that paths are relative to, also as an absolute path.
    root: Arc<Root>,
    whole_root: PathBuf,
    rows: Vec<Row>,
    labels: Gathered,
    groups: SharedNames,
    /// Position of the row of each path.
    places: BTreeMap<String, usize>,
    problems: Vec<(u64, String)>,
}

/// Lists the images of a table.
///
/// # Errors
/// When the table cannot be read or lacks a column, with all rows that lack a value, name a missing
/// file, repeat an image or contradict another row.
pub(super) fn list(spec: &TableSpec, target: TargetSpec) -> Result<Listing, DatasetError> {
    let table = &spec.table.path;
    let fail = |problems: Vec<String>, help: Vec<String>| DatasetError::Table {
        path: table.clone(),
        problems,
        help,
    };
    let labels = Gathered::new(target, spec.columns.separator.clone());
    let mut found = Found::below(root(spec), labels);
    let find = |names: &[String]| {
        Columns::find(names, &spec.columns, target).map_err(|(problems, help)| fail(problems, help))
    };
    let columns = read::read(table, find, |columns, line, cells| found.add(line, cells, columns))?;
    let Found { root, rows, labels, mut problems, .. } = found;
    let mut help = vec![];
    let missing = missing::files(&rows);
    if let Some(&first) = missing.first() {
        let path = &rows[first].candidate.path;
        help.push(missing::help(&root.directory, path, !columns.has_pattern()));
    }
    problems.extend(missing.iter().map(|&row| {
        let Row { line, candidate } = &rows[row];
        (*line, format!("there is no file `{}`", candidate.path))
    }));
    if problems.is_empty() {
        let candidates = rows.iter().map(|row| &row.candidate);
        problems.extend(rows::lacks(candidates, &labels, "row").map(|what| (0, what)));
    }
    if !problems.is_empty() {
        problems.sort();
        let line = |(line, what)| if line == 0 { what } else { format!("line {line}: {what}") };
        return Err(fail(problems.into_iter().map(line).collect(), help));
    }
    let candidates = rows.into_iter().map(|row| row.candidate).collect();
    let by = columns.split_name.map(|name| format!("column `{name}`"));
    rows::finish(candidates, labels, &columns.label_name, by)
}

/// The directory that paths in a table are relative to.
fn root(spec: &TableSpec) -> PathBuf {
    let root = spec.root.as_ref().map(|root| root.path.as_path());
    match root.or_else(|| spec.table.path.parent()) {
        Some(root) if !root.as_os_str().is_empty() => root.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

impl Found {
    fn below(root: PathBuf, labels: Gathered) -> Self {
        let whole_root = std::path::absolute(&root).unwrap_or_else(|_| root.clone());
        Self {
            root: Arc::new(Root { directory: root, prefix: 0 }),
            whole_root,
            rows: vec![],
            labels,
            groups: SharedNames::default(),
            places: BTreeMap::new(),
            problems: vec![],
        }
    }

    /// Adds a row, or what is wrong with it.
    fn add(&mut self, line: u64, cells: &[&str], columns: &Columns) {
        let (written, label, word) =
            (columns.path(cells), columns.label(cells), columns.split(cells));
        let n_before = self.problems.len();
        let mut wrong = |what: String| self.problems.push((line, what));
        let label = self.labels.add(label);
        if written.is_empty() {
            wrong("the path is empty".to_owned());
        } else if let Err(what) = &label {
            wrong(what.clone());
        }
        if written.contains("://") {
            wrong(format!("`{written}` is a URL; download the image first"));
        }
        let part = layout::part_named(word);
        if part.is_none() && !word.is_empty() {
            wrong(format!("`{word}` is not a set; write train, validation or test"));
        }
        let Ok(label) = label
            .map_err(drop)
            .and_then(|label| if self.problems.len() > n_before { Err(()) } else { Ok(label) })
        else {
            return;
        };
        let path = self.locate(&written);
        if let Some(&first) = self.places.get(&path) {
            let Row { line: earlier, candidate } = &self.rows[first];
            let same = label == candidate.label && candidate.part == part;
            let what = if same { "repeats" } else { "contradicts" };
            self.problems.push((line, format!("`{path}` {what} line {earlier}")));
            return;
        }
        let group = columns.group(cells).filter(|group| !group.is_empty());
        let group = group.map(|group| self.groups.get(&names::text_of(group.as_ref())));
        let origin = Origin::File(Arc::clone(&self.root));
        let candidate = Candidate { part, group, ..Candidate::new(path.clone(), label, origin) };
        self.places.insert(path, self.rows.len());
        self.rows.push(Row { line, candidate });
    }

    /// The path of an image below the root as text.
    fn locate(&self, written: &str) -> String {
        let mut path = names::path_of(written);
        if written.contains('\\') && !self.root.directory.join(&path).exists() {
            // Written on Windows.
            let other = PathBuf::from(written.replace('\\', "/"));
            if self.root.directory.join(&other).exists() {
                path = other;
            }
        }
        // A path that is written as an absolute one is the same image as below the root.
        let below = path
            .strip_prefix(&self.root.directory)
            .or_else(|_| path.strip_prefix(&self.whole_root));
        let below = below.unwrap_or(&path).components();
        let below: PathBuf = below.filter(|part| *part != Component::CurDir).collect();
        files::text_below(&below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs;
    use crate::dataset::part::Part;
    use crate::dataset::scan::tests::folder;
    use crate::spec::{ColumnsSpec, Location};

    /// Lists a table in a directory with these files.
    fn list_text(files: &[&str], table: &str, root: Option<&str>) -> Result<Listing, DatasetError> {
        let directory = folder(files);
        let location =
            |name: &str| Location { written: name.to_owned(), path: directory.path().join(name) };
        fs::write_atomic(&directory.path().join("images.csv"), table.as_bytes()).unwrap();
        list(
            &TableSpec {
                table: location("images.csv"),
                columns: ColumnsSpec::default(),
                root: root.map(location),
            },
            TargetSpec::Class,
        )
    }

    #[test]
    fn rows_become_images_with_their_labels_parts_and_groups() {
        let table = "path,label,split,group\n./b.jpg,10,train,x\nin/a.jpg,2,Validation,\n\
                     in\\c.jpg,10,test set,x\nd.jpg,2,,y\n";
        let listing = list_text(&["b.jpg", "in/a.jpg", "in/c.jpg", "d.jpg"], table, None).unwrap();
        assert_eq!(listing.classes, ["2", "10"]);
        let found: Vec<_> = listing
            .candidates
            .iter()
            .map(|c| (&*c.path, c.label, c.part, c.group.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                ("b.jpg", 1, Some(Part::Train), Some("x")),
                ("d.jpg", 0, None, Some("y")),
                ("in/a.jpg", 0, Some(Part::Validation), None),
                ("in/c.jpg", 1, Some(Part::Test), Some("x")),
            ]
        );
        let by = listing.split_by.unwrap();
        assert_eq!(by, "column `split`; rows without a value are drawn");
    }

    #[test]
    fn all_that_is_wrong_is_listed_with_its_line() {
        let table = "path,label,split\na.jpg,x,train\n,y,\nb.jpg,,\na.jpg,x,train\na.jpg,y,train\n\
                     c.jpg,y,training day\nhttps://e.org/d.jpg,y,\nno.jpg,y,\n";
        let error = list_text(&["a.jpg", "b.jpg", "c.jpg"], table, None).unwrap_err();
        let notes = error.notes().join("\n");
        for said in [
            "line 3: the path is empty",
            "line 4: the label is empty",
            "line 5: `a.jpg` repeats line 2",
            "line 6: `a.jpg` contradicts line 2",
            "line 8: `https://e.org/d.jpg` is a URL",
            "line 9: there is no file `no.jpg`",
        ] {
            assert!(notes.contains(said), "{said}: {notes}");
        }
    }

    #[test]
    fn missing_files_have_a_hint_if_they_are_elsewhere() {
        let hints = |files: &[&str], table: &str| {
            list_text(files, table, None).unwrap_err().hints().join("\n")
        };
        let hint = hints(&["photos/a.jpg", "photos/b.jpg"], "path,label\na.jpg,x\nb.jpg,y\n");
        assert!(hint.contains("root:") && hint.contains("photos"), "{hint}");
        let hint = hints(&["a.jpg", "b.jpg"], "id,label\na,x\nb,y\n");
        assert!(hint.contains(".jpg"), "{hint}");
        let found = list_text(
            &["photos/a.jpg", "photos/b.jpg"],
            "path,label\na.jpg,x\nb.jpg,y\n",
            Some("photos"),
        );
        assert_eq!(found.unwrap().candidates.len(), 2);
    }

    #[test]
    fn absolute_paths_below_the_root_are_the_same_images() {
        let directory = folder(&["a.jpg", "in/b.jpg"]);
        let whole = |name: &str| directory.path().join(name).display().to_string();
        let table = format!("path,label\n{},x\n{},y\n", whole("a.jpg"), whole("in/./b.jpg"));
        let path = directory.path().join("images.csv");
        fs::write_atomic(&path, table.as_bytes()).unwrap();
        let table = Location { written: String::new(), path };
        let listing = list(
            &TableSpec { table, columns: ColumnsSpec::default(), root: None },
            TargetSpec::Class,
        )
        .unwrap();
        let paths: Vec<&str> = listing.candidates.iter().map(|c| &*c.path).collect();
        assert_eq!(paths, ["a.jpg", "in/b.jpg"]);
    }

    #[test]
    fn one_label_or_no_training_rows_are_not_enough() {
        let said = |table: &str| {
            list_text(&["a.jpg", "b.jpg"], table, None).unwrap_err().notes().join("\n")
        };
        assert!(said("path,label\na.jpg,x\nb.jpg,x\n").contains("all rows have the label `x`"));
        assert!(said("path,label\n").contains("it has no rows"));
        let none = said("path,label,split\na.jpg,x,test\nb.jpg,y,val\n");
        assert!(none.contains("no row is in the training set"), "{none}");
    }
}
