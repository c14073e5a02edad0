//! Fractals: points that affine maps, chosen at random, lead to (Barnsley 1988). Maps are drawn as
//! in Anderson and Farrell 2022 (arXiv 2110.03091), section 3.2: by the singular values of their
//! matrices, so that figures are neither dust nor solid blots.

use alpaca_random::Generator;

use super::canvas::Canvas;
use super::colour::{self, Colour};
use super::scene;

/// Points of a figure, for each pixel of the image.
const POINTS_A_PIXEL: usize = 1;

/// `(x, y) → (a x + b y + e, c x + d y + f)`
#[derive(Clone, Copy)]
struct Map {
    matrix: [f32; 4],
    shift: [f32; 2],
}

/// Random maps. The sum of their singular values, the smaller ones counted twice, is in
/// `(5 + n) / 2 ..= (6 + n) / 2`.
fn maps(generator: &mut Generator) -> Vec<Map> {
    let n = 2 + (generator.uniform() * 5.0) as usize;
    let wanted = generator.between((5 + n) as f32 / 2.0, (6 + n) as f32 / 2.0);
    let mut values: Vec<[f32; 2]> = vec![];
    for _ in 0..200 {
        values = (0..n)
            .map(|_| {
                let large = generator.between(0.3, 1.0);
                [large, generator.between(0.0, large)]
            })
            .collect();
        let sum: f32 = values.iter().map(|[large, small]| large + 2.0 * small).sum();
        if (sum - wanted).abs() < 0.25 {
            break;
        }
    }
    values
        .into_iter()
        .map(|[large, small]| {
            let [first, second] = [(); 2].map(|()| {
                let angle = generator.between(0.0, std::f32::consts::TAU);
                (libm::sinf(angle), libm::cosf(angle))
            });
            let sign = if generator.uniform() < 0.5 { -1.0 } else { 1.0 };
            let ((s0, c0), (s1, c1)) = (first, second);
            let (large, small) = (large.min(0.97), sign * small);
            // Rotation, stretch, rotation.
            let matrix = [
                c0 * large * c1 - s0 * small * s1,
                -c0 * large * s1 - s0 * small * c1,
                s0 * large * c1 + c0 * small * s1,
                -s0 * large * s1 + c0 * small * c1,
            ];
            let shift = [generator.between(-1.0, 1.0), generator.between(-1.0, 1.0)];
            Map { matrix, shift }
        })
        .collect()
}

/// A fast generator for the many choices of a figure: Marsaglia's xorshift.
struct Choices(u32);

impl Choices {
    fn next(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        ((u64::from(self.0) * n as u64) >> 32) as usize
    }
}

pub(super) fn draw(canvas: &mut Canvas, of_class: &mut Generator, own: &mut Generator) {
    let maps = maps(of_class);
    // The figure varies slightly from image to image.
    let maps: Vec<Map> = maps
        .into_iter()
        .map(|map| Map {
            matrix: map.matrix.map(|value| value * own.between(0.96, 1.04)),
            shift: map.shift.map(|value| value + own.between(-0.04, 0.04)),
        })
        .collect();
    scene::ground(canvas, own);
    let mut choices = Choices(own.next_u32() | 1);
    let n_points = canvas.len() * POINTS_A_PIXEL + 500;
    let (mut x, mut y, mut hue) = (0.0f32, 0.0f32, 0.5f32);
    let mut points: Vec<[f32; 3]> = Vec::with_capacity(n_points);
    for i in 0..n_points {
        let chosen = choices.next(maps.len());
        let Map { matrix: [a, b, c, d], shift: [e, f] } = maps[chosen];
        (x, y) = (a * x + b * y + e, c * x + d * y + f);
        if !(x.abs() < 1e4 && y.abs() < 1e4) {
            (x, y) = (0.0, 0.0);
        }
        hue = 0.5 * (hue + chosen as f32 / maps.len() as f32);
        if i > 50 {
            points.push([x, y, hue]);
        }
    }
    place(canvas, &points, own);
}

/// Paints points, scaled to the image, rotated and mirrored.
fn place(canvas: &mut Canvas, points: &[[f32; 3]], own: &mut Generator) {
    let bounds = |axis: usize| {
        let mut values: Vec<f32> = points.iter().step_by(7).map(|point| point[axis]).collect();
        values.sort_by(f32::total_cmp);
        let at = |share: f32| values[((values.len() - 1) as f32 * share) as usize];
        (at(0.02), at(0.98))
    };
    let [(left, right), (low, high)] = [0, 1].map(bounds);
    let extent = (right - left).max(high - low).max(1e-3);
    let scale = own.between(1.2, 1.9) / extent;
    let angle = own.between(0.0, std::f32::consts::TAU);
    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
    let mirror = if own.uniform() < 0.5 { -1.0 } else { 1.0 };
    let [dx, dy] = [(); 2].map(|()| own.between(-0.2, 0.2));
    let palette: [Colour; 3] = [(); 3].map(|()| colour::any(own));
    let strength = own.between(0.3, 0.8);
    for &[x, y, hue] in points {
        let x = (x - f32::midpoint(left, right)) * scale * mirror;
        let y = (y - f32::midpoint(low, high)) * scale;
        let (x, y) = (x * cos - y * sin + dx, x * sin + y * cos + dy);
        if let Some(position) = canvas.at(x, y) {
            let share = hue * 2.0;
            let colour = if share < 1.0 {
                colour::mix(palette[0], palette[1], share)
            } else {
                colour::mix(palette[1], palette[2], share - 1.0)
            };
            canvas.blend(position, colour, strength);
        }
    }
}
