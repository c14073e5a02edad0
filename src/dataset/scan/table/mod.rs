//! Lists the images of a table: a path and a label in each row, perhaps the part of the split and a
//! group.

mod columns;
mod missing;
mod other;
mod parquet;
mod read;

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

pub(super) use self::columns::Columns;
pub(super) use self::parquet::is_parquet;
use self::read::RawRow;
pub(super) use self::read::text_of_json;
use super::files;
use super::gathered::Gathered;
use super::layout;
use super::listing::{Candidate, Listing, Origin, Root, SharedNames};
use super::pattern;
use super::rows;
use crate::base::names;
use crate::dataset::error::DatasetError;
use crate::dataset::part::Part;
use crate::spec::{TableSpec, TargetSpec};

/// A row that names an image.
struct Row {
    place: RowPlace,
    candidate: Candidate,
}

/// Where a row is: the number of its file, and its line or number there.
type RowPlace = (usize, u64);

/// A file of a table.
struct TableFile {
    path: PathBuf,
    /// "line", or "row" where there are no lines.
    unit: &'static str,
    /// The part of the split by its name, if the names of all files say it.
    part: Option<Part>,
}

/// The rows of a table, and what is wrong with others.
struct Found {
    /// Directory that paths are relative to, also as an absolute path.
    root: Arc<Root>,
    whole_root: PathBuf,
    files: Vec<TableFile>,
    rows: Vec<Row>,
    labels: Gathered,
    groups: SharedNames,
    /// Columns that are not read.
    unused: Vec<String>,
    problems: Vec<(RowPlace, String)>,
}

/// Lists the images of a table, which may be several files. Images inside of it are copied into the
/// cache at `cache`.
///
/// # Errors
/// When the table cannot be read or lacks a column, with all rows that lack a value, name a missing
/// file, repeat an image or contradict another row.
pub(super) fn list(
    spec: &TableSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<Listing, DatasetError> {
    let (mut found, label_name, by) = read_all(spec, target, cache)?;
    let unused = std::mem::take(&mut found.unused);
    let candidates = found.rows.iter().map(|row| &row.candidate);
    if let Some(what) = rows::lacks(candidates, &found.labels, "row") {
        let (path, help) = (spec.table.path.clone(), vec![]);
        return Err(DatasetError::Table { path, problems: vec![what], help });
    }
    let candidates = std::mem::take(&mut found.rows).into_iter().map(|row| row.candidate);
    let listed = rows::finish(candidates.collect(), found.labels, &label_name, Some(by))?;
    Ok(Listing { unused, ..listed })
}

/// Lists the images of a table without their parts of a split. There may be a single class.
///
/// # Errors
/// As [`list`].
pub(super) fn list_some(
    spec: &TableSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<Listing, DatasetError> {
    let (found, label_name, _) = read_all(spec, target, cache)?;
    if let Some(what) = found.labels.unclear() {
        let (path, help) = (spec.table.path.clone(), vec![]);
        return Err(DatasetError::Table { path, problems: vec![what], help });
    }
    let candidates = found.rows.into_iter().map(|row| row.candidate);
    rows::finish_some(candidates, found.labels, &label_name)
}

/// Whether a file has the name of a table.
pub(super) fn has_name(path: &Path) -> bool {
    let is_packed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let name = if is_packed { path.file_stem().map(Path::new) } else { Some(path) };
    let extension = name.and_then(Path::extension).map(OsStr::to_ascii_lowercase);
    let extension = extension.as_deref().and_then(OsStr::to_str);
    matches!(extension, Some("csv" | "tsv" | "jsonl" | "ndjson" | "json" | "parquet"))
}

/// Reads all files of a table. Also returns the name of the column with the label, and what gives the
/// parts of the split.
fn read_all(
    spec: &TableSpec,
    target: TargetSpec,
    cache: Option<&Path>,
) -> Result<(Found, String, String), DatasetError> {
    let table = &spec.table.path;
    let fail = |problems: Vec<String>, help: Vec<String>| DatasetError::Table {
        path: table.clone(),
        problems,
        help,
    };
    let paths = pattern::expand(table).map_err(|why| fail(vec![why], vec![]))?;
    let labels = Gathered::new(target, spec.columns.separator.clone());
    let mut found = Found::below(root(spec), files_of(paths), labels);
    let (mut label_name, mut split_name, mut can_name) = (None, None, false);
    for file in 0..found.files.len() {
        let path = found.files[file].path.clone();
        if let Some((what, help)) = other::than_text(&path) {
            let problems = vec![format!("it {what}, which is not read as a table")];
            return Err(DatasetError::Table { path, problems, help: vec![help] });
        }
        let columns = if is_parquet(&path) {
            found.files[file].unit = "row";
            let add = |columns: &Columns, row: RawRow<'_>| found.add(file, row, columns);
            parquet::read(&path, &spec.columns, target, cache, add)?
        } else {
            let find = |names: &[String]| {
                let fail =
                    |(problems, help)| DatasetError::Table { path: path.clone(), problems, help };
                Columns::find(names, &spec.columns, target).map_err(fail)
            };
            let text = read::text(&path)?;
            if read::is_list(&text) {
                found.files[file].unit = "row";
            }
            read::read(&path, &text, find, |columns, row| found.add(file, row, columns))?
        };
        can_name |= !columns.has_pattern();
        if file == 0 {
            found.unused = columns.unused;
        }
        label_name = label_name.or(Some(columns.label_name));
        split_name = split_name.or(columns.split_name);
    }
    if split_name.is_none() {
        found.take_parts_of_files();
    }
    found.find_repeats();
    let mut help = vec![];
    let missing = missing::files(&found.rows);
    if let Some(&first) = missing.first() {
        let path = &found.rows[first].candidate.path;
        help.push(missing::help(&found.root.directory, path, can_name));
    }
    for &row in &missing {
        let Row { place, candidate } = &found.rows[row];
        found.problems.push((*place, format!("there is no file `{}`", candidate.path)));
    }
    if !found.problems.is_empty() {
        return Err(fail(found.described_problems(), help));
    }
    let by =
        split_name.map_or("the names of the files".to_owned(), |name| format!("column `{name}`"));
    Ok((found, label_name.unwrap_or_default(), by))
}

/// The files of a table, with the part of the split of each if their names say it.
fn files_of(paths: Vec<PathBuf>) -> Vec<TableFile> {
    let part = |path: &PathBuf| {
        let name = files::name_of(path);
        layout::part_named(name.split(['-', '_', '.']).next().unwrap_or_default())
    };
    let parts: Vec<Option<Part>> = paths.iter().map(part).collect();
    let differ = parts.iter().any(|part| *part != parts[0]);
    let are_named = differ && parts.iter().all(Option::is_some);
    let named = paths.into_iter().zip(parts);
    named
        .map(|(path, part)| TableFile { path, unit: "line", part: part.filter(|_| are_named) })
        .collect()
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
    fn below(root: PathBuf, files: Vec<TableFile>, labels: Gathered) -> Self {
        let whole_root = std::path::absolute(&root).unwrap_or_else(|_| root.clone());
        Self {
            root: Arc::new(Root { directory: root, prefix: 0 }),
            whole_root,
            files,
            rows: vec![],
            labels,
            groups: SharedNames::default(),
            unused: vec![],
            problems: vec![],
        }
    }

    /// Adds a row of a file, or what is wrong with it.
    fn add(&mut self, file: usize, row: RawRow<'_>, columns: &Columns) {
        let RawRow { line, cells, image } = row;
        let place = (file, line);
        let (label, word) = (columns.label(cells), columns.split(cells));
        let written =
            image.as_ref().map_or_else(|| columns.path(cells), |image| image.name.clone());
        let n_before = self.problems.len();
        let mut wrong = |what: String| self.problems.push((place, what));
        let label = self.labels.add(label);
        if written.is_empty() {
            wrong("the path is empty".to_owned());
        } else if let Err(what) = &label {
            wrong(what.clone());
        }
        if written.contains("://") && image.is_none() {
            wrong(format!("`{written}` is a URL; download the image first"));
        }
        let part = layout::part_named(word);
        if part.is_none() && !word.is_empty() {
            wrong(format!("`{word}` is not a set; write train, validation or test"));
        }
        let weight = rows::weight(columns.weight(cells)).map_err(&mut wrong).unwrap_or_default();
        let Ok(label) = label
            .map_err(drop)
            .and_then(|label| if self.problems.len() > n_before { Err(()) } else { Ok(label) })
        else {
            return;
        };
        let (path, origin) = match image {
            Some(image) => {
                let name = names::text_of(written.as_ref());
                let inside = files::name_of(&self.files[file].path);
                let path = if self.files.len() > 1 { format!("{inside}/{name}") } else { name };
                (path, Origin::Member(image.archive, image.number))
            }
            None => (self.locate(&written), Origin::File(Arc::clone(&self.root))),
        };
        let group = columns.group(cells).filter(|group| !group.is_empty());
        let group = group.map(|group| self.groups.get(&names::text_of(group.as_ref())));
        let new = Candidate::new(path, label, origin);
        let candidate = Candidate { part, group, weight, is_named: true, ..new };
        self.rows.push(Row { place, candidate });
    }

    /// Adds a problem for each row with the path of an earlier one.
    fn find_repeats(&mut self) {
        let path = |position: &usize| &self.rows[*position].candidate.path;
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_unstable_by(|a, b| path(a).cmp(path(b)).then(a.cmp(b)));
        let same = order.chunk_by(|a, b| path(a) == path(b)).filter(|same| same.len() > 1);
        let mut problems = vec![];
        for same in same {
            let Row { place: earlier, candidate: first } = &self.rows[same[0]];
            for &position in &same[1..] {
                let Row { place, candidate } = &self.rows[position];
                let is_same = candidate.label == first.label && candidate.part == first.part;
                let what = if is_same { "repeats" } else { "contradicts" };
                let earlier = self.named(*earlier, place.0);
                problems.push((*place, format!("`{}` {what} {earlier}", candidate.path)));
            }
        }
        self.problems.extend(problems);
    }

    /// Gives the rows the parts that the names of their files say.
    fn take_parts_of_files(&mut self) {
        for Row { place: (file, _), candidate } in &mut self.rows {
            candidate.part = self.files[*file].part;
        }
    }

    /// A row as it is named in a message about the file `seen_from`: "line 3".
    fn named(&self, (file, line): RowPlace, seen_from: usize) -> String {
        let TableFile { path, unit, .. } = &self.files[file];
        let place = format!("{unit} {line}");
        if file == seen_from { place } else { format!("{}, {place}", files::name_of(path)) }
    }

    /// The problems with the rows that they are about, in their order.
    fn described_problems(&mut self) -> Vec<String> {
        self.problems.sort();
        let is_one = self.files.len() == 1;
        let problems = self.problems.iter().map(|(place, what)| {
            let seen_from = if is_one { place.0 } else { usize::MAX };
            format!("{}: {what}", self.named(*place, seen_from))
        });
        problems.collect()
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
    use crate::dataset::scan::tests::folder;
    use crate::spec::{ColumnsSpec, Location};

    /// Lists a table in a directory with these files.
    fn list_text(files: &[&str], table: &str, root: Option<&str>) -> Result<Listing, DatasetError> {
        let directory = folder(files);
        let location =
            |name: &str| Location { written: name.to_owned(), path: directory.path().join(name) };
        fs::write_atomic(&directory.path().join("images.csv"), table.as_bytes()).unwrap();
        let (table, root) = (location("images.csv"), root.map(location));
        list(&TableSpec { table, columns: ColumnsSpec::default(), root }, TargetSpec::Class, None)
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
        let table = TableSpec { table, columns: ColumnsSpec::default(), root: None };
        let listing = list(&table, TargetSpec::Class, None).unwrap();
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
