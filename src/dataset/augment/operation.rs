//! The operations that policies choose from, with the pixels of Pillow and the magnitudes of
//! torchvision's `autoaugment.py`.

use alpaca_random::Generator;

use super::affine::{self, Affine, Between};
use super::canvas::Canvas;
use super::{below, color, filter, levels};
use crate::spec::ImageSize;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

impl Kind {
    /// Whether the magnitude may be negative.
    fn has_two_directions(self) -> bool {
        !matches!(
            self,
            Self::Identity | Self::Posterize | Self::Solarize | Self::AutoContrast | Self::Equalize
        )
    }
}

/// An operation with its magnitude.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    /// See [`Magnitudes::of`]; negative in the other direction.
    pub(super) magnitude: f64,
}

impl Operation {
    /// Applies the operation; `between` is for shear and rotation.
    pub(super) fn apply(self, canvas: &mut Canvas, between: Between) {
        let magnitude = self.magnitude;
        let factor = (1.0 + magnitude) as f32;
        let map = match self.kind {
            Kind::Identity => return,
            Kind::Brightness => return levels::brightness(canvas, factor),
            Kind::Color => return color::saturation(canvas, factor),
            Kind::Contrast => return color::contrast(canvas, factor),
            Kind::Sharpness => return filter::sharpness(canvas, factor),
            Kind::Posterize => return levels::posterize(canvas, magnitude as u32),
            Kind::Solarize => return levels::solarize(canvas, magnitude as f32),
            Kind::AutoContrast => return levels::autocontrast(canvas),
            Kind::Equalize => return levels::equalize(canvas),
            Kind::ShearX => Affine::shear_columns(magnitude),
            Kind::ShearY => Affine::shear_rows(magnitude),
            Kind::TranslateX => return affine::translate(canvas, magnitude as i32, 0),
            Kind::TranslateY => return affine::translate(canvas, 0, magnitude as i32),
            Kind::Rotate => Affine::rotation(magnitude, canvas.size),
        };
        map.apply(canvas, between);
    }
}

/// The magnitudes of a policy's operations: for each kind a number of equal steps from none to the
/// largest.
pub(super) struct Magnitudes {
    /// Number of magnitudes of each kind.
    pub(super) n: usize,
    /// Largest shift of a row or a column, as a fraction of its distance from the edge.
    pub(super) shear: f32,
    /// Largest translation to the right and downward, in pixels.
    pub(super) translation: [f32; 2],
    /// Largest angle in degrees.
    pub(super) angle: f32,
    /// Largest change of brightness, color, contrast and sharpness, as a fraction.
    pub(super) tone: f32,
    /// Bits that posterizing keeps: the most, and how many fewer at the largest magnitude.
    pub(super) bits: [u8; 2],
}

impl Magnitudes {
    /// The operation with a magnitude from 0 to `n - 1`, in a random direction if it has two.
    pub(super) fn draw(&self, kind: Kind, step: usize, generator: &mut Generator) -> Operation {
        let magnitude = self.of(kind, step);
        let is_negative = kind.has_two_directions() && below(2, generator) == 1;
        Operation { kind, magnitude: if is_negative { -magnitude } else { magnitude } }
    }

    /// A magnitude from 0 to `n - 1`: a factor for shear, pixels for translation, degrees for
    /// rotation, a factor less one for tones, a number of bits and a threshold.
    pub(super) fn of(&self, kind: Kind, step: usize) -> f64 {
        let largest = match kind {
            Kind::Identity | Kind::AutoContrast | Kind::Equalize => 0.0,
            Kind::Posterize => {
                let [most, fewer] = self.bits;
                let step = step as f32 / ((self.n - 1) as f64 / f64::from(fewer)) as f32;
                return (f64::from(most) - f64::from(step.round_ties_even())).max(1.0);
            }
            Kind::Solarize => return self.between(255.0, 0.0, step),
            Kind::ShearX | Kind::ShearY => self.shear,
            Kind::TranslateX => self.translation[0],
            Kind::TranslateY => self.translation[1],
            Kind::Rotate => self.angle,
            Kind::Brightness | Kind::Color | Kind::Contrast | Kind::Sharpness => self.tone,
        };
        self.between(0.0, largest, step)
    }

    /// One of `n` equal steps, in single precision from the nearer end, as `torch.linspace`.
    fn between(&self, first: f32, last: f32, step: usize) -> f64 {
        let each = (last - first) / (self.n - 1) as f32;
        f64::from(if step < self.n / 2 {
            first + each * step as f32
        } else {
            last - each * (self.n - 1 - step) as f32
        })
    }
}

/// The operations of `RandAugment` (Cubuk et al. 2020, section 3) and `TrivialAugment`.
pub(super) const ALL: [Kind; 14] = [
    Kind::Identity,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Brightness,
    Kind::Color,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::AutoContrast,
    Kind::Equalize,
];

/// The operations of `AugMix` (Hendrycks et al. 2020, section 3).
pub(super) const MIXED: [Kind; 9] = [
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Posterize,
    Kind::Solarize,
    Kind::AutoContrast,
    Kind::Equalize,
];

/// The magnitudes of `RandAugment`: 31, as in torchvision.
pub(super) fn rand_augment(size: ImageSize) -> Magnitudes {
    let pixels = |side: usize| (150.0 / 331.0 * side as f64) as f32;
    Magnitudes {
        n: 31,
        shear: 0.3,
        translation: [pixels(size.width), pixels(size.height)],
        angle: 30.0,
        tone: 0.9,
        bits: [8, 4],
    }
}

/// The magnitudes of `TrivialAugment` in its wide space (Müller and Hutter 2021, table 5).
pub(super) const TRIVIAL_AUGMENT: Magnitudes = Magnitudes {
    n: 31,
    shear: 0.99,
    translation: [32.0, 32.0],
    angle: 135.0,
    tone: 0.99,
    bits: [8, 6],
};

/// The magnitudes of `AugMix`: 10, as in torchvision.
pub(super) fn aug_mix(size: ImageSize) -> Magnitudes {
    let third = |side: usize| (side as f64 / 3.0) as f32;
    Magnitudes {
        n: 10,
        shear: 0.3,
        translation: [third(size.width), third(size.height)],
        angle: 30.0,
        tone: 0.9,
        bits: [4, 4],
    }
}
