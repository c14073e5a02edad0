//! Resolves `dataset:`.

use alpaca_painter::Kind;
use regex::Regex;

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::{
    RawAlpha, RawClasses, RawColumns, RawDataset, RawDuplicates, RawFit, RawGenerator,
    RawImageSize, RawInterpolation, RawKind, RawLabels, RawLimit, RawNames, RawOnBadImage,
    RawPerClass, RawPrefetch, RawResize, RawSplit, RawSplitBy, RawTarget, defaults,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    Alpha, ClassSpec, ColumnsSpec, DatasetSource, DatasetSpec, Duplicates, Fit, FoldsSpec,
    GeneratorSpec, ImageSize, Interpolation, LimitSpec, Location, OnBadImage, PartsSpec, Prefetch,
    REST, ResizeSpec, SplitBy, SplitSpec, TableSpec, TargetSpec,
};

/// Most images of a generator. Each takes some hundred bytes before it is drawn.
const MOST_DRAWN: usize = 10_000_000;
/// Largest difference from one that the sum of the fractions may have.
const SUM_TOLERANCE: f64 = 1e-6;

/// Resolves the dataset of a pipeline.
pub(super) fn resolve(
    raw: &RawDataset,
    seed: u64,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    is_partial: bool,
    problems: &mut Vec<Problem>,
) -> DatasetSpec {
    let at = KeyPath::of(&["dataset"]);
    DatasetSpec {
        source: source(raw, seed, locate, is_partial, problems),
        target: match (raw.labels, raw.target) {
            (RawLabels::One, RawTarget::Class) => TargetSpec::Class,
            (RawLabels::Many, RawTarget::Class) => TargetSpec::Classes,
            (_, RawTarget::Number) => TargetSpec::Number,
        },
        classes: raw
            .classes
            .as_ref()
            .map(|written| classes(written, raw.labels, &at.key("classes"), problems)),
        limit: raw.limit.map(|raw| match raw {
            RawLimit::All(n) => LimitSpec::All(n),
            RawLimit::PerClass(RawPerClass { per_class }) => LimitSpec::PerClass { per_class },
        }),
        image_size: image_size(raw.image_size),
        resize: resize(raw.resize),
        alpha: match raw.alpha {
            RawAlpha::Drop => Alpha::Drop,
            RawAlpha::White => Alpha::White,
            RawAlpha::Black => Alpha::Black,
        },
        split: split(&raw.split, seed, &at.key("split"), problems),
        batch_size: raw.batch_size,
        prefetch: match raw.prefetch {
            RawPrefetch::Auto(_) => Prefetch::Auto,
            RawPrefetch::Batches(batches) => Prefetch::Batches(batches),
        },
        on_bad_image: match raw.on_bad_image {
            RawOnBadImage::Error => OnBadImage::Error,
            RawOnBadImage::Skip => OnBadImage::Skip,
        },
        duplicates: match raw.duplicates {
            RawDuplicates::Error => Duplicates::Error,
            RawDuplicates::Drop => Duplicates::Drop,
            RawDuplicates::Keep => Duplicates::Keep,
        },
    }
}

fn source(
    raw: &RawDataset,
    seed: u64,
    locate: &dyn Fn(&KeyPath, &str) -> Location,
    is_partial: bool,
    problems: &mut Vec<Problem>,
) -> DatasetSource {
    let at = KeyPath::of(&["dataset"]);
    let at_key = |key: &str, path: &str| locate(&at.key(key), path);
    let mut sources = vec![];
    if let Some(path) = &raw.directory {
        let directory = at_key("directory", path);
        sources.push(("directory", DatasetSource::Directory { directory }));
    }
    if let Some(path) = &raw.train {
        let of = |key, path: &Option<String>| path.as_ref().map(|path| at_key(key, path));
        let (validation, test) = (of("validation", &raw.validation), of("test", &raw.test));
        let train = at_key("train", path);
        sources.push(("train", DatasetSource::Parts(PartsSpec { train, validation, test })));
    }
    if let Some(path) = &raw.table {
        let table = at_key("table", path);
        let root = raw.root.as_ref().map(|path| at_key("root", path));
        let columns = columns(raw.columns.clone().unwrap_or_default());
        sources.push(("table", DatasetSource::Table(TableSpec { table, columns, root })));
    }
    for (key, is_written) in [("columns", raw.columns.is_some()), ("root", raw.root.is_some())] {
        if is_written && raw.table.is_none() {
            let message = format!("`{key}` has no effect without `table`");
            problems.push(Problem::new(Code::Conflict, at.key(key), message));
        }
    }
    if let Some(raw) = &raw.generator {
        let generator = generator(raw, seed, &at, problems);
        sources.push(("generator", DatasetSource::Generator { generator }));
    }
    for (key, value) in [("validation", &raw.validation), ("test", &raw.test)] {
        if value.is_some() && raw.train.is_none() {
            let message = format!("`{key}` is the directory of a part, but `train` is missing");
            let problem = Problem::new(Code::Conflict, at.key(key), message);
            problems.push(problem.hint(
                "write `train: DIR` too, in place of `directory`; fractions go under `split`",
            ));
        }
    }
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
                .hint("or `generator`: images drawn from formulas"),
        );
    }
    DatasetSource::Directory { directory: locate(&at, ".") }
}

/// The classes of a pipeline, and problems with them.
fn classes(
    raw: &RawClasses,
    labels: RawLabels,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> Vec<ClassSpec> {
    let merged: Vec<(String, Vec<String>)> = match raw {
        RawClasses::Names(names) => {
            names.iter().map(|name| (name.clone(), vec![name.clone()])).collect()
        }
        RawClasses::Merged(classes) => {
            let names = |raw: &RawNames| match raw {
                RawNames::One(name) => vec![name.clone()],
                RawNames::Several(names) => names.clone(),
            };
            classes.iter().map(|(name, raw)| (name.clone(), names(raw))).collect()
        }
    };
    let mut fail = |message: String, hint: &str| {
        problems.push(Problem::new(Code::Conflict, at.clone(), message).hint(hint));
    };
    let mut taken: Vec<&str> = vec![];
    for name in merged.iter().flat_map(|(_, of)| of) {
        if taken.contains(&name.as_str()) {
            let twice = format!("`{name}` is taken twice");
            fail(twice, "each class of the dataset can be in one class only");
        }
        taken.push(name);
    }
    if merged.len() < 2 && labels == RawLabels::One {
        let message = "a classifier needs at least two classes".to_owned();
        fail(message, "name the others too, or add `other: \"*\"` for all that are left");
    }
    let class = |(name, mut of): (String, Vec<String>)| {
        let takes_rest = of.iter().any(|name| name == REST);
        of.retain(|name| name != REST);
        ClassSpec { name, of, takes_rest }
    };
    merged.into_iter().map(class).collect()
}

fn columns(raw: RawColumns) -> ColumnsSpec {
    let RawColumns { path, label, split, group, separator } = raw;
    ColumnsSpec { path, label, split, group, separator }
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

fn image_size(raw: RawImageSize) -> ImageSize {
    let (height, width) = match raw {
        RawImageSize::Side(side) => (side, side),
        RawImageSize::HeightWidth([height, width]) => (height, width),
    };
    ImageSize { height, width }
}

fn resize(raw: RawResize) -> ResizeSpec {
    ResizeSpec {
        interpolation: match raw.interpolation {
            RawInterpolation::Nearest => Interpolation::Nearest,
            RawInterpolation::Bilinear => Interpolation::Bilinear,
            RawInterpolation::Bicubic => Interpolation::Bicubic,
            RawInterpolation::Lanczos3 => Interpolation::Lanczos3,
        },
        antialias: raw.antialias,
        fit: match raw.fit {
            RawFit::Stretch => Fit::Stretch,
            RawFit::Crop => Fit::Crop,
            RawFit::Pad => Fit::Pad,
        },
    }
}

fn split(raw: &RawSplit, seed: u64, at: &KeyPath, problems: &mut Vec<Problem>) -> SplitSpec {
    let folds = folds(raw, at, problems);
    let validation = match &folds {
        Some(folds) => round((1.0 - raw.test) / folds.folds as f64),
        None => raw.validation.unwrap_or_else(defaults::validation),
    };
    if let (Some(written), Some(folds)) = (raw.validation, &folds)
        && (written - validation).abs() > SUM_TOLERANCE
    {
        let message = format!("`validation` is one of {} folds, not {written}", folds.folds);
        let problem = Problem::new(Code::Conflict, at.key("validation"), message);
        problems.push(problem.hint("leave out `validation`"));
    }
    let set_aside = validation + raw.test;
    let train = raw.train.unwrap_or(1.0 - set_aside);
    let sum = train + set_aside;
    if raw.train.is_none() && train <= SUM_TOLERANCE {
        let message = "`validation` and `test` take all images and leave none for training";
        problems.push(Problem::new(Code::SplitSum, at.clone(), message));
    } else if (sum - 1.0).abs() > SUM_TOLERANCE {
        let parts = format!("{train} + {validation} + {}", raw.test);
        let message = format!("the fractions of the split sum to {}, not 1", round(sum));
        problems.push(
            Problem::new(Code::SplitSum, at.clone(), message)
                .label(format!("train + validation + test = {parts}"))
                .hint("leave out `train` to use the remainder"),
        );
    }
    if let Some(error) = raw.groups.as_ref().and_then(|groups| Regex::new(groups).err()) {
        let message = "`groups` is not a regular expression";
        let problem = Problem::new(Code::BadPattern, at.key("groups"), message);
        problems.push(problem.notes([error.to_string()]));
    }
    SplitSpec {
        train: round(train),
        validation,
        test: raw.test,
        by: match raw.by {
            RawSplitBy::Stratified => SplitBy::Stratified,
            RawSplitBy::Random => SplitBy::Random,
            RawSplitBy::Hash => SplitBy::Hash,
        },
        groups: raw.groups.clone(),
        folds,
        seed: raw.seed.unwrap_or(seed),
    }
}

/// The folds of a split, if it has any.
fn folds(raw: &RawSplit, at: &KeyPath, problems: &mut Vec<Problem>) -> Option<FoldsSpec> {
    let Some(folds) = raw.folds else {
        for (key, value) in [("fold", raw.fold), ("repeats", raw.repeats)] {
            if value.is_some() {
                let message = format!("`{key}` has no effect without `folds`");
                let problem = Problem::new(Code::Conflict, at.key(key), message);
                problems.push(problem.hint("write the number of folds too: `folds: 5`"));
            }
        }
        return None;
    };
    let (fold, repeats) = (raw.fold.unwrap_or(0), raw.repeats.unwrap_or(1));
    if fold >= folds * repeats {
        let message = match repeats {
            1 => format!("there is no fold {fold}: {folds} folds are counted from 0"),
            _ => format!(
                "there is no fold {fold}: {folds} folds in {repeats} repeats are counted from 0 to {}",
                folds * repeats - 1
            ),
        };
        problems.push(Problem::new(Code::OutOfRange, at.key("fold"), message));
    }
    Some(FoldsSpec { folds, fold, repeats })
}

/// Rounds away the error of a difference: 0.8, not 0.7999999999999999.
fn round(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}
