//! Colors as red, green and blue between 0 and 1.

use alpaca_random::Generator;

/// A color.
pub(super) type Colour = [f32; 3];

/// A color from hue, saturation and value, each between 0 and 1.
pub(super) fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    let channel = |shift: f32| {
        let k = (shift + hue.rem_euclid(1.0) * 6.0).rem_euclid(6.0);
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

/// Any color.
pub(super) fn any(generator: &mut Generator) -> Colour {
    let (hue, saturation) = (generator.uniform(), generator.uniform());
    hsv(hue, saturation, generator.between(0.15, 1.0))
}

/// From one color to another.
pub(super) fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * share)
}

/// A color under a light.
pub(super) fn lit(colour: Colour, by: f32) -> Colour {
    colour.map(|channel| channel * by)
}
