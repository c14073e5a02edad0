//! Resolves `augmentation:` and `augmentation_views:`, at the top level and in a stage.

use crate::base::key_path::KeyPath;
use crate::pipeline::raw::{NumberOrRange, RawAugmentation, RawFill, RawFlip};
use crate::spec::problem::{Code, Problem};
use crate::spec::{AugmentationSpec, FactorRange, Fill, Flip};

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
    let mut range = |factor, tag: &str, key: &str, bounds| {
        let at = at.key(tag).key(key);
        factor_range(factor, bounds, at, problems)
    };
    match *raw {
        RawAugmentation::RandomFlip(flip) => AugmentationSpec::RandomFlip(match flip {
            RawFlip::Horizontal => Flip::Horizontal,
            RawFlip::Vertical => Flip::Vertical,
            RawFlip::Both => Flip::Both,
        }),
        RawAugmentation::RandomRotation(raw) => AugmentationSpec::RandomRotation {
            factor: range(raw.factor, "random_rotation", "factor", (-1.0, 1.0)),
            fill: fill(raw.fill),
        },
        RawAugmentation::RandomZoom(raw) => AugmentationSpec::RandomZoom {
            factor: range(raw.factor, "random_zoom", "factor", (-0.99, 1.0)),
            fill: fill(raw.fill),
        },
        RawAugmentation::RandomTranslation(raw) => AugmentationSpec::RandomTranslation {
            height: range(raw.height, "random_translation", "height", (-1.0, 1.0)),
            width: range(raw.width, "random_translation", "width", (-1.0, 1.0)),
            fill: fill(raw.fill),
        },
        RawAugmentation::RandomBrightness(raw) => AugmentationSpec::RandomBrightness {
            factor: range(raw.factor, "random_brightness", "factor", (-1.0, 1.0)),
        },
        RawAugmentation::RandomContrast(raw) => AugmentationSpec::RandomContrast {
            factor: range(raw.factor, "random_contrast", "factor", (-1.0, 1.0)),
        },
    }
}

fn factor_range(
    raw: NumberOrRange,
    (least, most): (f64, f64),
    at: KeyPath,
    problems: &mut Vec<Problem>,
) -> FactorRange {
    let (low, high) = match raw {
        NumberOrRange::Number(factor) => (-factor.abs(), factor.abs()),
        NumberOrRange::Range([low, high]) => (low, high),
    };
    if low > high {
        let message = format!("the lower end {low} of the range is above its upper end {high}");
        problems.push(
            Problem::new(Code::OutOfRange, at, message).hint(format!("write [{high}, {low}]")),
        );
    } else if low < least || high > most {
        let message = format!("the range from {low} to {high} is not inside [{least}, {most}]");
        let is_in_degrees = at.to_string().contains("random_rotation") && high.abs() <= 360.0;
        let problem = Problem::new(Code::OutOfRange, at, message);
        problems.push(problem.hints(is_in_degrees.then(|| {
            format!("a factor is a fraction of a full turn: {high} degrees are {}", high / 360.0)
        })));
    }
    FactorRange { low, high }
}

fn fill(raw: RawFill) -> Fill {
    match raw {
        RawFill::Reflect => Fill::Reflect,
        RawFill::Constant => Fill::Constant,
        RawFill::Nearest => Fill::Nearest,
    }
}
