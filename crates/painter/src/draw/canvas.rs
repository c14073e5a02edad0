//! An image under construction, and the camera effects applied at the end.

use alpaca_random::Generator;

use super::colour::{Colour, mix};
use super::noise::hash;

/// An image; places are counted from -1 to 1 along its shorter side, with the center at zero, `y`
/// upwards.
pub(super) struct Canvas {
    /// Rows and columns.
    size: [usize; 2],
    pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(size: [usize; 2]) -> Self {
        Self { size, pixels: vec![[0.0; 3]; size[0] * size[1]] }
    }

    /// The length of a pixel's side.
    pub(super) fn pixel(&self) -> f32 {
        2.0 / self.size[0].min(self.size[1]) as f32
    }

    /// Paints every pixel as a function of its place and current color.
    pub(super) fn paint(&mut self, mut colour: impl FnMut(f32, f32, Colour) -> Colour) {
        let [height, width] = self.size;
        let unit = self.pixel();
        for row in 0..height {
            let y = ((height as f32 - 1.0) / 2.0 - row as f32) * unit;
            for column in 0..width {
                let x = (column as f32 - (width as f32 - 1.0) / 2.0) * unit;
                let pixel = &mut self.pixels[row * width + column];
                *pixel = colour(x, y, *pixel);
            }
        }
    }

    /// The position of the pixel at a place, if there is one.
    pub(super) fn at(&self, x: f32, y: f32) -> Option<usize> {
        let [height, width] = self.size;
        let column = x / self.pixel() + width as f32 / 2.0;
        let row = height as f32 / 2.0 - y / self.pixel();
        let is_inside =
            (0.0..width as f32).contains(&column) && (0.0..height as f32).contains(&row);
        is_inside.then(|| row as usize * width + column as usize)
    }

    /// The number of pixels.
    pub(super) fn len(&self) -> usize {
        self.pixels.len()
    }

    /// Mixes a color into a pixel.
    pub(super) fn blend(&mut self, position: usize, colour: Colour, share: f32) {
        self.pixels[position] = mix(self.pixels[position], colour, share);
    }

    /// Applies camera effects: an occluder, a tint, blur, sensor noise, and quantization to eight
    /// bits.
    pub(super) fn finish(mut self, generator: &mut Generator) -> Vec<u8> {
        if generator.uniform() < 0.25 {
            self.occlude(generator);
        }
        if generator.uniform() < 0.4 {
            self.blur(generator.between(0.1, 0.9));
        }
        let (gain, gamma) = (generator.between(0.75, 1.2), generator.between(0.8, 1.2));
        let tint = [(); 3].map(|()| generator.between(0.92, 1.08));
        let noise = generator.between(0.0, 0.05);
        let seed = generator.next_u32();
        // The curve of the film, at so many places that neighbors differ by less than eight bits
        // do.
        let steps = 1024.0;
        let curve: Vec<f32> = (0..=1024).map(|i| libm::powf(i as f32 / steps, gamma)).collect();
        let factors = tint.map(|tint| tint * gain * steps);
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        for (position, pixel) in self.pixels.iter().enumerate() {
            for (channel, value) in pixel.iter().enumerate() {
                let grain = hash(position as i32, channel as i32, seed) - 0.5;
                let value = curve[(value * factors[channel]).clamp(0.0, steps) as usize];
                bytes.push(((value + 2.0 * noise * grain).clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
            }
        }
        bytes
    }

    /// Draws a bar across the image.
    fn occlude(&mut self, generator: &mut Generator) {
        let colour = super::colour::any(generator);
        let angle = generator.between(0.0, std::f32::consts::PI);
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let (place, half) = (generator.between(-0.9, 0.9), generator.between(0.02, 0.15));
        self.paint(|x, y, under| {
            let distance = x * cos + y * sin - place;
            if distance.abs() < half { mix(under, colour, 0.9) } else { under }
        });
    }

    /// Mixes each pixel with the mean of its neighbors.
    fn blur(&mut self, share: f32) {
        let [height, width] = self.size;
        let sharp = self.pixels.clone();
        let at = |row: usize, column: usize| sharp[row * width + column];
        for row in 0..height {
            for column in 0..width {
                let around = [
                    at(row.saturating_sub(1), column),
                    at((row + 1).min(height - 1), column),
                    at(row, column.saturating_sub(1)),
                    at(row, (column + 1).min(width - 1)),
                ];
                let mean =
                    [0, 1, 2].map(|c| around.iter().map(|pixel| pixel[c]).sum::<f32>() / 4.0);
                self.pixels[row * width + column] = mix(at(row, column), mean, share);
            }
        }
    }
}
