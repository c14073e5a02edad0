//! Camera effects: exposure, contrast, vignetting and grain.

use crate::paint::Painting;
use crate::paint::drawing::canvas::{Canvas, OVERSAMPLING};
use crate::paint::random::Random;
use crate::paint::scene::hour::Hour;

/// The settings of a camera.
pub(crate) struct Camera {
    tint: [f32; 3],
    exposure: f32,
    contrast: f32,
    saturation: f32,
    vignette: f32,
    grain: f32,
}

impl Camera {
    /// A camera at `hour`.
    pub(crate) fn new(hour: Hour, random: &mut Random) -> Self {
        Self {
            tint: hour.tint(),
            exposure: random.between(0.90, 1.12),
            contrast: random.between(0.90, 1.12),
            saturation: random.between(0.75, 1.15),
            vignette: if random.chance(0.4) { random.between(0.1, 0.4) } else { 0.0 },
            grain: if random.chance(0.3) { random.between(0.006, 0.022) } else { 0.0 },
        }
    }

    /// Applies the effects and downsamples.
    pub(crate) fn develop(&self, canvas: &mut Canvas, random: &mut Random) -> Painting {
        let pixmap = canvas.pixmap();
        let (width, height) = (pixmap.width() / OVERSAMPLING, pixmap.height() / OVERSAMPLING);
        let stride = (width * OVERSAMPLING * 4) as usize;
        let mut bytes = Vec::with_capacity((width * height * 3) as usize);
        for row in 0..height {
            for column in 0..width {
                let corner = (row * OVERSAMPLING) as usize * stride;
                let corner = corner + (column * OVERSAMPLING * 4) as usize;
                let colour = mean(pixmap.data(), corner, stride);
                let x = column as f32 / width as f32 * 2.0 - 1.0;
                let y = row as f32 / height as f32 * 2.0 - 1.0;
                let rim = 1.0 - self.vignette * (libm::hypotf(x, y) * 0.7).powi(3);
                let grain = random.wobble(self.grain);
                let exposed = self.exposed(colour, rim);
                bytes.extend(exposed.map(|part| to_byte(part + grain)));
            }
        }
        Painting { width, height, pixels: bytes }
    }

    /// `colour` where the lens lets `rim` of the light through.
    fn exposed(&self, colour: [f32; 3], rim: f32) -> [f32; 3] {
        let light = self.exposure * rim;
        let [red, green, blue] = colour;
        let [warm, middle, cool] = self.tint;
        let parts = [red * warm * light, green * middle * light, blue * cool * light];
        let grey = 0.3 * parts[0] + 0.59 * parts[1] + 0.11 * parts[2];
        parts.map(|part| (grey + (part - grey) * self.saturation - 0.5) * self.contrast + 0.5)
    }
}

fn to_byte(part: f32) -> u8 {
    (part.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// The mean color of the drawn pixels that make one pixel of the image.
fn mean(data: &[u8], corner: usize, stride: usize) -> [f32; 3] {
    const SIDE: usize = OVERSAMPLING as usize;
    [0, 1, 2].map(|channel| {
        let rows = (0..SIDE).map(|row| corner + row * stride + channel);
        let parts = rows.flat_map(|start| (0..SIDE).map(move |column| start + column * 4));
        let sum: u32 = parts.map(|place| u32::from(data[place])).sum();
        sum as f32 / (255 * SIDE * SIDE) as f32
    })
}
