//! Textures without a figure: cells, stripes, spots, clouds, strands, weaves.

use alpaca_random::Generator;

use super::canvas::Canvas;
use super::colour::{self, Colour, mix};
use super::noise::{hash, layered, noise};

/// The parameters of a class of textures.
struct Surface {
    kind: usize,
    scale: f32,
    stretch: f32,
    warp: f32,
    sharpness: f32,
    roughness: u32,
}

impl Surface {
    fn new(generator: &mut Generator) -> Self {
        Self {
            kind: (generator.uniform() * 6.0) as usize,
            scale: generator.between(1.5, 9.0),
            stretch: generator.between(1.0, 5.0),
            warp: generator.between(0.0, 2.5),
            sharpness: generator.between(1.0, 8.0),
            roughness: 1 + (generator.uniform() * 4.0) as u32,
        }
    }

    /// The fraction of the second color at a place.
    fn at(&self, x: f32, y: f32, seed: u32) -> f32 {
        let bend = self.warp * (layered(x * 1.3, y * 1.3, seed ^ 5, 3) - 0.5);
        let (x, y) = ((x + bend) * self.scale, (y - bend) * self.scale / self.stretch);
        let raw = match self.kind {
            0 => layered(x, y, seed, self.roughness + 1),
            1 => 0.5 + 0.5 * libm::sinf(x * 3.0 + 2.0 * noise(x, y, seed)),
            2 => cells(x, y, seed)[0],
            3 => cells(x, y, seed)[1],
            4 => layered(x * 6.0, y * 0.7, seed, self.roughness),
            _ => {
                let (over, under) = (libm::sinf(x * 4.0), libm::sinf(y * 4.0 * self.stretch));
                0.5 + 0.5 * over.max(under) * noise(x * 5.0, y * 5.0, seed)
            }
        };
        ((raw - 0.5) * self.sharpness + 0.5).clamp(0.0, 1.0)
    }
}

/// The distance to the nearest of points strewn over a grid, and how much nearer it is than the
/// next (Worley 1996).
fn cells(x: f32, y: f32, seed: u32) -> [f32; 2] {
    let (column, row) = (x.floor() as i32, y.floor() as i32);
    let (mut first, mut second) = (f32::INFINITY, f32::INFINITY);
    for dy in -1..=1 {
        for dx in -1..=1 {
            let (c, r) = (column.wrapping_add(dx), row.wrapping_add(dy));
            let (px, py) = (c as f32 + hash(c, r, seed), r as f32 + hash(c, r, seed ^ 0x55));
            let distance = ((x - px).powi(2) + (y - py).powi(2)).sqrt();
            if distance < first {
                (first, second) = (distance, first);
            } else if distance < second {
                second = distance;
            }
        }
    }
    [first, second - first]
}

pub(super) fn draw(canvas: &mut Canvas, of_class: &mut Generator, own: &mut Generator) {
    let surface = Surface::new(of_class);
    let colours: [Colour; 3] = [(); 3].map(|()| colour::any(own));
    let turn = own.between(0.0, std::f32::consts::TAU);
    let (sin, cos) = (libm::sinf(turn), libm::cosf(turn));
    let (zoom, seed) = (own.between(0.7, 1.4), own.next_u32());
    let (light, tilt) = (own.between(0.0, 0.6), own.between(-0.3, 0.3));
    canvas.paint(|x, y, _| {
        let depth = 1.0 + tilt * y;
        let (u, v) = ((x * cos - y * sin) * zoom * depth, (x * sin + y * cos) * zoom * depth);
        let share = surface.at(u, v, seed);
        let fine = layered(u * 9.0, v * 9.0, seed ^ 0x4d, 2);
        let colour = mix(mix(colours[0], colours[1], share), colours[2], 0.3 * fine);
        colour::lit(colour, 1.0 + light * (x - y))
    });
}
