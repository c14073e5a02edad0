//! Colors, and the effect of light on them.

use crate::paint::random::Random;

/// A color with straight alpha; each part runs from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Colour {
    pub(crate) red: f32,
    pub(crate) green: f32,
    pub(crate) blue: f32,
    pub(crate) alpha: f32,
}

/// The opaque color `0xRRGGBB`.
pub(crate) const fn rgb(hex: u32) -> Colour {
    Colour {
        red: ((hex >> 16) & 0xff) as f32 / 255.0,
        green: ((hex >> 8) & 0xff) as f32 / 255.0,
        blue: (hex & 0xff) as f32 / 255.0,
        alpha: 1.0,
    }
}

/// Black.
pub(crate) const BLACK: Colour = rgb(0);
/// White.
pub(crate) const WHITE: Colour = rgb(0xff_ffff);

impl Colour {
    /// The same color with another opacity.
    #[must_use]
    pub(crate) fn alpha(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }

    /// The color `share` of the way to `other`.
    #[must_use]
    pub(crate) fn mix(self, other: Self, share: f32) -> Self {
        let part = |from: f32, to: f32| from + (to - from) * share;
        Self {
            red: part(self.red, other.red),
            green: part(self.green, other.green),
            blue: part(self.blue, other.blue),
            alpha: part(self.alpha, other.alpha),
        }
    }

    /// The color under `strength` times the light: shadows cool a little, and what is dark shines
    /// where the light is strong.
    #[must_use]
    pub(crate) fn lit(self, strength: f32) -> Self {
        let cool = (1.0 - strength).clamp(-0.3, 0.6);
        let sheen = 0.28 * (strength - 0.88).max(0.0) * (1.0 - self.brightness());
        Self {
            red: (self.red * strength * (1.0 - 0.05 * cool) + sheen).clamp(0.0, 1.0),
            green: (self.green * strength + sheen).clamp(0.0, 1.0),
            blue: (self.blue * strength * (1.0 + 0.10 * cool) + sheen).clamp(0.0, 1.0),
            alpha: self.alpha,
        }
    }

    /// A color near this one.
    #[must_use]
    pub(crate) fn varied(self, random: &mut Random, reach: f32) -> Self {
        let brightness = 1.0 + random.wobble(reach);
        let warmth = random.wobble(reach * 0.25);
        Self {
            red: (self.red * brightness + warmth).clamp(0.0, 1.0),
            green: (self.green * brightness).clamp(0.0, 1.0),
            blue: (self.blue * brightness - warmth).clamp(0.0, 1.0),
            alpha: self.alpha,
        }
    }

    /// How bright the color looks, from 0 to 1.
    pub(crate) fn brightness(self) -> f32 {
        0.3 * self.red + 0.59 * self.green + 0.11 * self.blue
    }
}
