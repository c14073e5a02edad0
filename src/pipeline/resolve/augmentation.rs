//! Resolves `augmentation:` and `augmentation_views:`, at the top level and in a stage.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{
    NumberOrRange, RawAugMix, RawAugmentation, RawColorJitter, RawErasedWith, RawErasing,
    RawFactors, RawFill, RawFlip,
};
use crate::spec::problem::{Code, Problem};
use crate::spec::{AugMix, AugmentationSpec, ColorJitter, ErasedWith, FactorRange, Fill, Flip};

/// Resolves a list of random changes; `at` is the mapping that contains it.
pub(super) fn resolve(
    raw: &[RawAugmentation],
    views: Option<usize>,
    at: &KeyPath,
    problems: &mut Vec<Problem>,
) -> Vec<AugmentationSpec> {
    if views.is_some() && raw.is_empty() {
        let message = "`augmentation_views` has no effect without `augmentation`";
        problems.push(
            Problem::new(Code::Conflict, at.key("augmentation_views"), message)
                .hint("remove it, or add changes to `augmentation`"),
        );
    }
    let at = at.key("augmentation");
    let change = |(index, raw)| change(raw, &at.index(index), problems);
    raw.iter().enumerate().map(change).collect()
}

fn change(raw: &RawAugmentation, at: &KeyPath, problems: &mut Vec<Problem>) -> AugmentationSpec {
    let mut ranges = Ranges { at, problems };
    match *raw {
        RawAugmentation::RandomFlip(flip) => AugmentationSpec::RandomFlip(match flip {
            RawFlip::Horizontal => Flip::Horizontal,
            RawFlip::Vertical => Flip::Vertical,
            RawFlip::Both => Flip::Both,
        }),
        RawAugmentation::RandomRotation(raw) => AugmentationSpec::RandomRotation {
            factor: ranges.around_zero(raw.factor, "random_rotation.factor", (-1.0, 1.0)),
            fill: fill(raw.fill),
        },
        RawAugmentation::RandomZoom(raw) => AugmentationSpec::RandomZoom {
            factor: ranges.around_zero(raw.factor, "random_zoom.factor", (-0.99, 1.0)),
            fill: fill(raw.fill),
        },
        RawAugmentation::RandomTranslation(raw) => AugmentationSpec::RandomTranslation {
            height: ranges.around_zero(raw.height, "random_translation.height", (-1.0, 1.0)),
            width: ranges.around_zero(raw.width, "random_translation.width", (-1.0, 1.0)),
            fill: fill(raw.fill),
        },
        RawAugmentation::RandomBrightness(raw) => AugmentationSpec::RandomBrightness {
            factor: ranges.around_zero(raw.factor, "random_brightness.factor", (-1.0, 1.0)),
        },
        RawAugmentation::RandomContrast(raw) => AugmentationSpec::RandomContrast {
            factor: ranges.around_zero(raw.factor, "random_contrast.factor", (-1.0, 1.0)),
        },
        RawAugmentation::RandomResizedCrop(raw) => AugmentationSpec::RandomResizedCrop {
            scale: ranges.area(raw.scale, "random_resized_crop.scale", 1.0),
            ratio: ranges.of(raw.ratio, "random_resized_crop.ratio", RATIOS),
        },
        RawAugmentation::ColorJitter(raw) => color_jitter(raw, &mut ranges),
        RawAugmentation::RandomGrayscale(raw) => {
            AugmentationSpec::RandomGrayscale { probability: raw.probability }
        }
        RawAugmentation::RandomBlur(raw) => AugmentationSpec::RandomBlur {
            sigma: ranges.of(raw.sigma, "random_blur.sigma", (0.01, 100.0)),
            probability: raw.probability,
        },
        RawAugmentation::RandomSharpness(raw) => AugmentationSpec::RandomSharpness {
            factor: ranges.around_zero(raw.factor, "random_sharpness.factor", (-1.0, 100.0)),
            probability: raw.probability,
        },
        RawAugmentation::RandomErasing(raw) => erasing(raw, &mut ranges),
        RawAugmentation::RandAugment(raw) => {
            AugmentationSpec::RandAugment { operations: raw.operations, magnitude: raw.magnitude }
        }
        RawAugmentation::TrivialAugment(_) => AugmentationSpec::TrivialAugment {},
        RawAugmentation::AugMix(raw) => aug_mix(raw, &mut ranges),
    }
}

fn color_jitter(raw: RawColorJitter, ranges: &mut Ranges<'_>) -> AugmentationSpec {
    let jitter = ColorJitter {
        brightness: ranges.around_one(raw.brightness, "color_jitter.brightness"),
        contrast: ranges.around_one(raw.contrast, "color_jitter.contrast"),
        saturation: ranges.around_one(raw.saturation, "color_jitter.saturation"),
        hue: ranges.around_zero(raw.hue, "color_jitter.hue", (-0.5, 0.5)),
        probability: raw.probability,
    };
    let factors = [jitter.brightness, jitter.contrast, jitter.saturation];
    let is_none = |range: FactorRange, nothing: f64| range.low == nothing && range.high == nothing;
    if factors.iter().all(|&range| is_none(range, 1.0)) && is_none(jitter.hue, 0.0) {
        let message = "this `color_jitter` changes nothing";
        ranges.problems.push(
            Problem::new(Code::Conflict, ranges.at.key("color_jitter"), message).hint(
                "set at least one of `brightness`, `contrast`, `saturation` and `hue`: \
                 `color_jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }`",
            ),
        );
    }
    AugmentationSpec::ColorJitter(jitter)
}

fn erasing(raw: RawErasing, ranges: &mut Ranges<'_>) -> AugmentationSpec {
    AugmentationSpec::RandomErasing {
        scale: ranges.area(raw.scale, "random_erasing.scale", 0.99),
        ratio: ranges.of(raw.ratio, "random_erasing.ratio", RATIOS),
        fill: match raw.fill {
            RawErasedWith::Noise => ErasedWith::Noise,
            RawErasedWith::Mean => ErasedWith::Mean,
            RawErasedWith::Black => ErasedWith::Black,
        },
        probability: raw.probability,
    }
}

fn aug_mix(raw: RawAugMix, ranges: &mut Ranges<'_>) -> AugmentationSpec {
    let RawAugMix { severity, width, depth, alpha } = raw;
    ranges.of(depth.map(|depth| depth as f64), "aug_mix.depth", (1.0, 100.0));
    AugmentationSpec::AugMix(AugMix { severity, width, depth, alpha })
}

/// Ratios of sides that an image may have.
const RATIOS: (f64, f64) = (0.01, 100.0);

/// Checks the ranges of one change.
struct Ranges<'a> {
    at: &'a KeyPath,
    problems: &'a mut Vec<Problem>,
}

impl Ranges<'_> {
    /// A range at `key`, a path of two keys, inside `bounds`.
    fn of(&mut self, [low, high]: [f64; 2], key: &str, bounds: (f64, f64)) -> FactorRange {
        let at = key.split('.').fold(self.at.clone(), |at, key| at.key(key));
        check(FactorRange { low, high }, bounds, at, self.problems)
    }

    /// A range of which one number is both ends, one negative.
    fn around_zero(&mut self, raw: NumberOrRange, key: &str, bounds: (f64, f64)) -> FactorRange {
        let ends = match raw {
            NumberOrRange::Number(factor) => [-factor.abs(), factor.abs()],
            NumberOrRange::Range(ends) => ends,
        };
        self.of(ends, key, bounds)
    }

    /// A range of factors of which one number is the distance of both ends from one.
    fn around_one(&mut self, raw: RawFactors, key: &str) -> FactorRange {
        let ends = match raw {
            RawFactors::Number(distance) => [(1.0 - distance.abs()).max(0.0), 1.0 + distance.abs()],
            RawFactors::Range(ends) => ends,
        };
        self.of(ends, key, (0.0, 100.0))
    }

    /// A range of areas, as fractions of the image.
    fn area(&mut self, ends: [f64; 2], key: &str, most: f64) -> FactorRange {
        self.of(ends, key, (0.001, most))
    }
}

fn check(
    range: FactorRange,
    (least, most): (f64, f64),
    at: KeyPath,
    problems: &mut Vec<Problem>,
) -> FactorRange {
    let FactorRange { low, high } = range;
    if low > high {
        let message = format!("the lower end {low} of the range is above its upper end {high}");
        problems.push(
            Problem::new(Code::OutOfRange, at, message).hint(format!("write [{high}, {low}]")),
        );
    } else if low < least || high > most {
        let message = format!("the range from {low} to {high} is not inside [{least}, {most}]");
        let key = at.to_string();
        let is_angle =
            ["random_rotation", "color_jitter.hue"].iter().any(|name| key.contains(name));
        let is_in_degrees = is_angle && high.abs() > 1.0 && high.abs() <= 360.0;
        let (inner_low, inner_high) = (low.max(least), high.min(most));
        let hint = if is_in_degrees {
            let turns = high / 360.0;
            Some(format!("it is a fraction of a full turn: {high} degrees are {turns}"))
        } else {
            (inner_low <= inner_high).then(|| format!("write [{inner_low}, {inner_high}]"))
        };
        problems.push(Problem::new(Code::OutOfRange, at, message).hints(hint));
    }
    range
}

fn fill(raw: RawFill) -> Fill {
    match raw {
        RawFill::Reflect => Fill::Reflect,
        RawFill::Constant => Fill::Constant,
        RawFill::Nearest => Fill::Nearest,
    }
}
