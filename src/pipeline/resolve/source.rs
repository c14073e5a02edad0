//! Resolves where the images of a dataset come from.

use alpaca_painter::Kind;

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::{
    RawArchive, RawColumns, RawDataset, RawDownload, RawGenerator, RawKind,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    ArchiveSpec, ColumnsSpec, DatasetSource, DownloadSpec, GeneratorSpec, Location, PartsSpec,
    ShardsSpec, TableSpec,
};

/// Most images of a generator. Each takes some hundred bytes before it is drawn.
const MOST_DRAWN: usize = 10_000_000;

/// Where the images of a pipeline come from.
pub(super) fn source(
    raw: &RawDataset,
    seed: u64,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    is_partial: bool,
    problems: &mut Vec<Problem>,
) -> DatasetSource {
    let at = KeyPath::of(&["dataset"]);
    let mut sources = files(raw, &|key, path| locate(&at.key(key), path));
    if let Some(raw) = &raw.archive {
        let archive = archive(raw, &at.key("archive"), locate, problems);
        sources.push(("archive", DatasetSource::Archive { archive }));
    }
    if let Some(raw) = &raw.generator {
        let generator = generator(raw, seed, &at, problems);
        sources.push(("generator", DatasetSource::Generator { generator }));
    }
    check_companions(raw, &at, problems);
    if let [(first, _), .., (last, _)] = &sources[..] {
        let message = format!("`{first}` and `{last}` both specify where the images come from");
        let problem = Problem::new(Code::Conflict, at.key(last), message);
        problems.push(problem.hint("keep one of the two"));
    }
    if let Some((_, source)) = sources.into_iter().next() {
        return source;
    }
    if !is_partial {
        let message = "`dataset` has no `directory`";
        problems.push(
            Problem::new(Code::MissingKey, at.clone(), message)
                .hint("`directory`: a directory with one subdirectory of images per class")
                .hint("or `train`, `validation` and `test`: a directory for each set")
                .hint("or `table`: a table with the path and the label of each image")
                .hint("or `archive`: a tar or zip archive of such a directory")
                .hint("or `shards`: WebDataset tar files")
                .hint("or `generator`: images drawn from formulas"),
        );
    }
    DatasetSource::Directory { directory: locate(&at, ".") }
}

/// The sources of files, by their keys.
fn files(
    raw: &RawDataset,
    locate: &dyn Fn(&str, &str) -> Location,
) -> Vec<(&'static str, DatasetSource)> {
    let of = |key, path: &Option<String>| path.as_ref().map(|path| locate(key, path));
    let columns = columns(raw.columns.clone().unwrap_or_default());
    let mut sources = vec![];
    if let Some(directory) = of("directory", &raw.directory) {
        sources.push(("directory", DatasetSource::Directory { directory }));
    }
    if let Some(train) = of("train", &raw.train) {
        let (validation, test) = (of("validation", &raw.validation), of("test", &raw.test));
        sources.push(("train", DatasetSource::Parts(PartsSpec { train, validation, test })));
    }
    if let Some(table) = of("table", &raw.table) {
        let (root, columns) = (of("root", &raw.root), columns.clone());
        sources.push(("table", DatasetSource::Table(TableSpec { table, columns, root })));
    }
    let none = ShardsSpec {
        shards: None,
        train_shards: None,
        validation_shards: None,
        test_shards: None,
        columns,
    };
    if let shards @ Some(_) = of("shards", &raw.shards) {
        let all = ShardsSpec { shards, ..none.clone() };
        sources.push(("shards", DatasetSource::Shards(all)));
    }
    if let train_shards @ Some(_) = of("train_shards", &raw.train_shards) {
        let validation_shards = of("validation_shards", &raw.validation_shards);
        let test_shards = of("test_shards", &raw.test_shards);
        let parts = ShardsSpec { train_shards, validation_shards, test_shards, ..none };
        sources.push(("train_shards", DatasetSource::Shards(parts)));
    }
    sources
}

/// An archive, and problems with it.
fn archive(
    raw: &RawArchive,
    at: &KeyPath,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    problems: &mut Vec<Problem>,
) -> ArchiveSpec {
    let RawDownload { url, sha256: digits } = match raw {
        RawArchive::File(path) if is_url(path) => {
            let message = "an archive on a server needs its SHA-256";
            let problem = Problem::new(Code::MissingKey, at.clone(), message);
            problems.push(problem.hint("write `archive: { url: …, sha256: … }`"));
            return ArchiveSpec::File(locate(at, path));
        }
        RawArchive::File(path) => return ArchiveSpec::File(locate(at, path)),
        RawArchive::Download(raw) => raw,
    };
    if !is_url(url) {
        let message = format!("`{url}` is not a URL of a server");
        let problem = Problem::new(Code::OutOfRange, at.key("url"), message);
        problems.push(problem.hint("write `https://…`, or `archive: FILE` for a file"));
    }
    let sha256 = sha256(digits, &at.key("sha256"), problems);
    ArchiveSpec::Download(DownloadSpec { url: url.clone(), sha256 })
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// A SHA-256 in lower case, and a problem if it is not one.
pub(super) fn sha256(text: &str, at: &KeyPath, problems: &mut Vec<Problem>) -> String {
    let text = text.to_ascii_lowercase();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = format!("`{text}` is not a SHA-256");
        let problem = Problem::new(Code::OutOfRange, at.clone(), message);
        problems.push(problem.hint("write 64 hexadecimal digits, as printed by `sha256sum FILE`"));
    }
    text
}

/// Checks that no key is written without the one that it belongs to.
fn check_companions(raw: &RawDataset, at: &KeyPath, problems: &mut Vec<Problem>) {
    let has_shards = raw.shards.is_some() || raw.train_shards.is_some();
    let has_table = raw.table.is_some();
    for (key, is_useless, needed) in [
        ("columns", raw.columns.is_some() && !has_table && !has_shards, "`table` or shards"),
        ("root", raw.root.is_some() && !has_table, "`table`"),
    ] {
        if is_useless {
            let message = format!("`{key}` has no effect without {needed}");
            problems.push(Problem::new(Code::Conflict, at.key(key), message));
        }
    }
    let (has_train, has_train_shards) = (raw.train.is_some(), raw.train_shards.is_some());
    for (key, value, train, has_train) in [
        ("validation", &raw.validation, "train", has_train),
        ("test", &raw.test, "train", has_train),
        ("validation_shards", &raw.validation_shards, "train_shards", has_train_shards),
        ("test_shards", &raw.test_shards, "train_shards", has_train_shards),
    ] {
        if value.is_some() && !has_train {
            let message = format!("`{key}` names a part of a split, but `{train}` is missing");
            let problem = Problem::new(Code::Conflict, at.key(key), message);
            problems.push(problem.hint(format!(
                "write `{train}: …` too, in place of other sources; fractions go under `split`"
            )));
        }
    }
}

fn columns(raw: RawColumns) -> ColumnsSpec {
    let RawColumns { path, label, split, group, weight, separator } = raw;
    ColumnsSpec { path, label, split, group, weight, separator }
}

fn generator(
    raw: &RawGenerator,
    seed: u64,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> GeneratorSpec {
    let n = raw.classes.saturating_mul(raw.images);
    if n > MOST_DRAWN {
        let message = format!(
            "{} of {} each are {} images, but at most {} can be drawn",
            text::count(raw.classes, "class"),
            text::count(raw.images, "image"),
            text::thousands(n),
            text::thousands(MOST_DRAWN)
        );
        let at = at.key("generator").key("images");
        problems.push(Problem::new(Code::OutOfRange, at, message));
    }
    GeneratorSpec {
        kinds: raw.kinds.iter().copied().map(kind).collect(),
        classes: raw.classes,
        images: raw.images,
        seed: raw.seed.unwrap_or(seed),
        afresh: raw.afresh,
    }
}

fn kind(raw: RawKind) -> Kind {
    match raw {
        RawKind::Fractals => Kind::Fractals,
        RawKind::Contours => Kind::Contours,
        RawKind::Textures => Kind::Textures,
        RawKind::Solids => Kind::Solids,
        RawKind::Animals => Kind::Animals,
        RawKind::Species => Kind::Species,
    }
}
