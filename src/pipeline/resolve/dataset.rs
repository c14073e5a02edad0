//! Resolves `dataset:`.

use regex::Regex;

use super::source;
use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{
    RawAlpha, RawClasses, RawDataset, RawDuplicates, RawFit, RawImageSize, RawInterpolation,
    RawLabels, RawLimit, RawNames, RawOnBadImage, RawPerClass, RawPrefetch, RawResize, RawSplit,
    RawSplitBy, RawTarget, RawUnlabeled, defaults,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    Alpha, ClassSpec, DatasetSpec, Duplicates, Fit, FoldsSpec, ImageSize, Interpolation, LimitSpec,
    Location, OnBadImage, Prefetch, REST, ResizeSpec, SplitBy, SplitSpec, TargetSpec,
};

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
        source: source::source(raw, seed, locate, is_partial, problems),
        target: match (raw.labels, raw.target) {
            (RawLabels::One, RawTarget::Class) => TargetSpec::Class,
            (RawLabels::Many, RawTarget::Class) => TargetSpec::Classes,
            (_, RawTarget::Number) => TargetSpec::Number,
        },
        classes: raw
            .classes
            .as_ref()
            .map(|written| classes(written, raw.labels, &at.key("classes"), problems)),
        unlabeled: match &raw.unlabeled {
            None => vec![],
            Some(RawUnlabeled::One(path)) => vec![locate(&at.key("unlabeled"), path)],
            Some(RawUnlabeled::Several(paths)) => {
                let paths = paths.iter().enumerate();
                paths.map(|(i, path)| locate(&at.key("unlabeled").index(i), path)).collect()
            }
        },
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
