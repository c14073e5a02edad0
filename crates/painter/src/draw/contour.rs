//! Closed outlines, round or angular, single or nested, filled with cloth: as in the contour
//! dataset of Kataoka et al. 2022 (arXiv 2206.09132).

use alpaca_random::Generator;

use super::canvas::Canvas;
use super::colour::{self, Colour, mix};
use super::noise::layered;
use super::scene;

const TAU: f32 = std::f32::consts::TAU;

/// An outline: the distance from its middle, by direction.
struct Outline {
    /// Strength and phase of each wave.
    waves: Vec<(f32, f32)>,
    /// The corners of a polygon; fewer than three mean none.
    n_corners: usize,
    /// The number of nested outlines.
    n_nested: usize,
    /// Width over height.
    aspect: f32,
}

impl Outline {
    fn new(generator: &mut Generator) -> Self {
        let n_waves = 1 + (generator.uniform() * 9.0) as usize;
        let roughness = generator.between(0.05, 0.5);
        let waves = (1..=n_waves)
            .map(|k| {
                let strength = roughness * generator.uniform() / (k as f32).sqrt();
                (strength, generator.between(0.0, TAU))
            })
            .collect();
        Self {
            waves,
            n_corners: (generator.uniform() * 10.0) as usize,
            n_nested: 1 + (generator.uniform() * generator.uniform() * 6.0) as usize,
            aspect: generator.between(0.5, 1.6),
        }
    }

    /// The distance of the outline in a direction.
    fn reach(&self, angle: f32) -> f32 {
        let waves =
            self.waves.iter().enumerate().map(|(k, (strength, phase))| {
                strength * libm::cosf((k + 1) as f32 * angle + phase)
            });
        let round = 1.0 + waves.sum::<f32>();
        if self.n_corners < 3 {
            return round;
        }
        let side = TAU / self.n_corners as f32;
        let inside = (angle.rem_euclid(side)) - side / 2.0;
        round * libm::cosf(side / 2.0) / libm::cosf(inside)
    }
}

/// The fill of an outline.
struct Cloth {
    colours: [Colour; 3],
    scale: f32,
    stripes: f32,
    seed: u32,
}

impl Cloth {
    fn at(&self, x: f32, y: f32) -> Colour {
        let cloud = layered(x * self.scale, y * self.scale, self.seed, 4);
        let stripe = 0.5 + 0.5 * libm::sinf(x * self.stripes + 3.0 * cloud);
        mix(mix(self.colours[0], self.colours[1], cloud), self.colours[2], 0.4 * stripe)
    }
}

pub(super) fn draw(canvas: &mut Canvas, of_class: &mut Generator, own: &mut Generator) {
    let outline = Outline::new(of_class);
    let stripes = of_class.between(0.0, 25.0);
    let line = of_class.between(0.0, 0.12);
    if own.uniform() < 0.5 {
        scene::ground(canvas, own);
    } else {
        scene::landscape(canvas, own);
    }
    let cloth = Cloth {
        colours: [(); 3].map(|()| colour::any(own)),
        scale: own.between(1.0, 8.0),
        stripes,
        seed: own.next_u32(),
    };
    let ink = colour::any(own);
    let turn = own.between(0.0, TAU);
    let (sin, cos) = (libm::sinf(turn), libm::cosf(turn));
    let size = own.between(0.35, 0.75);
    let [dx, dy] = [(); 2].map(|()| own.between(-0.35, 0.35));
    let light = own.between(-0.5, 0.5);
    canvas.paint(|x, y, under| {
        let (x, y) = (x - dx, y - dy);
        let (x, y) = ((x * cos - y * sin) / outline.aspect, x * sin + y * cos);
        let distance =
            (x * x + y * y).sqrt() / (size * outline.reach(libm::atan2f(y, x)).max(0.05));
        if distance >= 1.0 {
            return under;
        }
        let ring = distance * outline.n_nested as f32;
        let edge = (ring - ring.floor()).min(ring.ceil() - ring);
        let shade = 1.0 + light * (x + y) + 0.25 * (1.0 - distance);
        let filled = cloth.at(x + ring.floor() * 5.0, y);
        if edge < line * outline.n_nested as f32 && distance > 0.1 {
            ink
        } else {
            colour::lit(filled, shade)
        }
    });
}
