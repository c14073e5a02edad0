//! Resolves `dataset:`.

use alpaca_painter::Kind;

use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::pipeline::raw::{
    RawDataset, RawDuplicates, RawFit, RawGenerator, RawImageSize, RawInterpolation, RawKind,
    RawOnBadImage, RawPrefetch, RawResize, RawSplit, RawSplitBy,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{
    DatasetSource, DatasetSpec, Duplicates, Fit, GeneratorSpec, ImageSize, Interpolation, Location,
    OnBadImage, Prefetch, ResizeSpec, SplitBy, SplitSpec,
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
        image_size: image_size(raw.image_size),
        resize: resize(raw.resize),
        split: split(raw.split, seed, &at.key("split"), problems),
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
    let generator = raw.generator.as_ref().map(|raw| generator(raw, seed, &at, problems));
    match (&raw.directory, generator) {
        (Some(directory), None) => {
            DatasetSource::Directory(locate(&at.key("directory"), directory))
        }
        (None, Some(generator)) => DatasetSource::Generator(generator),
        (Some(directory), Some(_)) => {
            let message = "`directory` and `generator` both specify where the images come from";
            let problem = Problem::new(Code::Conflict, at.key("generator"), message);
            problems.push(problem.hint("keep one of the two"));
            DatasetSource::Directory(locate(&at.key("directory"), directory))
        }
        (None, None) if is_partial => DatasetSource::Directory(locate(&at, ".")),
        (None, None) => {
            let message = "`dataset` has no `directory`";
            problems.push(
                Problem::new(Code::MissingKey, at.clone(), message)
                    .hint("`directory`: a directory with one subdirectory of images per class")
                    .hint("or `generator`: images drawn from formulas"),
            );
            DatasetSource::Directory(locate(&at, "."))
        }
    }
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

fn split(raw: RawSplit, seed: u64, at: &KeyPath, problems: &mut Vec<Problem>) -> SplitSpec {
    let set_aside = raw.validation + raw.test;
    let train = raw.train.unwrap_or(1.0 - set_aside);
    let sum = train + set_aside;
    if raw.train.is_none() && train <= SUM_TOLERANCE {
        let message = "`validation` and `test` take all images and leave none for training";
        problems.push(Problem::new(Code::SplitSum, at.clone(), message));
    } else if (sum - 1.0).abs() > SUM_TOLERANCE {
        let parts = format!("{train} + {} + {}", raw.validation, raw.test);
        let message = format!("the fractions of the split sum to {}, not 1", round(sum));
        problems.push(
            Problem::new(Code::SplitSum, at.clone(), message)
                .label(format!("train + validation + test = {parts}"))
                .hint("leave out `train` to use the remainder"),
        );
    }
    SplitSpec {
        train: round(train),
        validation: raw.validation,
        test: raw.test,
        by: match raw.by {
            RawSplitBy::Stratified => SplitBy::Stratified,
            RawSplitBy::Random => SplitBy::Random,
        },
        seed: raw.seed.unwrap_or(seed),
    }
}

/// Rounds away the error of a difference: 0.8, not 0.7999999999999999.
fn round(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}
