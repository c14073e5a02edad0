//! Bodies made of ellipsoids, seen by a distant camera and lit from one side.

use alpaca_random::Generator;

use super::canvas::Canvas;
use super::colour::{Colour, lit, mix};
use super::noise::layered;

/// A point or a direction: right, up, toward the camera.
pub(super) type Vector = [f32; 3];

/// Rows of a rotation.
pub(super) type Rotation = [Vector; 3];

fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn unit(a: Vector) -> Vector {
    let length = dot(a, a).sqrt().max(1e-6);
    a.map(|value| value / length)
}

/// Turned around the upright axis, then around the axis to the right, then around the view.
pub(super) fn rotation(around_up: f32, around_right: f32, around_view: f32) -> Rotation {
    let [(s0, c0), (s1, c1), (s2, c2)] =
        [around_up, around_right, around_view].map(|angle| (libm::sinf(angle), libm::cosf(angle)));
    let first = [[c0, 0.0, s0], [0.0, 1.0, 0.0], [-s0, 0.0, c0]];
    let second = [[1.0, 0.0, 0.0], [0.0, c1, -s1], [0.0, s1, c1]];
    let third = [[c2, -s2, 0.0], [s2, c2, 0.0], [0.0, 0.0, 1.0]];
    product(third, product(second, first))
}

pub(super) fn product(a: Rotation, b: Rotation) -> Rotation {
    let column = |c: usize| [b[0][c], b[1][c], b[2][c]];
    a.map(|row| [dot(row, column(0)), dot(row, column(1)), dot(row, column(2))])
}

pub(super) fn apply(rotation: Rotation, point: Vector) -> Vector {
    rotation.map(|row| dot(row, point))
}

/// An ellipsoid with a coat.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) middle: Vector,
    pub(super) radii: Vector,
    /// From the world to its axes.
    pub(super) axes: Rotation,
    pub(super) colours: [Colour; 2],
    /// The fraction of the second color.
    pub(super) spots: f32,
    /// The number of spots along a radius.
    pub(super) spot_scale: f32,
    /// The roughness of the surface, and its spatial frequency.
    pub(super) wool: (f32, f32),
}

impl Part {
    /// A rod between two points.
    pub(super) fn between(from: Vector, to: Vector, thickness: f32, like: &Self) -> Self {
        let along = [0, 1, 2].map(|c| to[c] - from[c]);
        let length = dot(along, along).sqrt();
        let x = unit(along);
        let helper = if x[1].abs() > 0.9 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] };
        let cross = |a: Vector, b: Vector| {
            [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
        };
        let y = unit(cross(helper, x));
        Self {
            middle: [0, 1, 2].map(|c| f32::midpoint(from[c], to[c])),
            radii: [length * 0.5 + thickness * 0.6, thickness, thickness],
            axes: [x, y, cross(x, y)],
            ..*like
        }
    }

    /// The part, rotated.
    pub(super) fn turned(&self, by: Rotation) -> Self {
        let transposed = [0, 1, 2].map(|c| [by[0][c], by[1][c], by[2][c]]);
        Self { middle: apply(by, self.middle), axes: product(self.axes, transposed), ..*self }
    }

    /// The part, scaled and moved.
    pub(super) fn placed(&self, scale: f32, [x, y]: [f32; 2]) -> Self {
        let [right, up, front] = self.middle.map(|value| value * scale);
        Self {
            middle: [right + x, up + y, front],
            radii: self.radii.map(|value| value * scale),
            ..*self
        }
    }
}

/// A part, prepared for ray intersection. A place on its unit sphere is
/// `origin + x · right + y · up + t · front`.
struct Target<'a> {
    part: &'a Part,
    seed: u32,
    origin: Vector,
    right: Vector,
    up: Vector,
    front: Vector,
    front_square: f32,
    /// Left, right, low, high.
    bounds: [f32; 4],
}

/// How far a part reaches from its middle along an axis of the world.
fn reach(part: &Part, axis: usize) -> f32 {
    let squares = (0..3).map(|own| (part.axes[own][axis] * part.radii[own]).powi(2));
    squares.sum::<f32>().sqrt()
}

/// Left, right, low and high end of parts.
pub(super) fn extent(parts: &[Part]) -> [f32; 4] {
    let ends = |axis: usize| {
        let low = parts.iter().map(|part| part.middle[axis] - reach(part, axis));
        let high = parts.iter().map(|part| part.middle[axis] + reach(part, axis));
        (low.fold(f32::INFINITY, f32::min), high.fold(f32::NEG_INFINITY, f32::max))
    };
    let ((left, right), (low, high)) = (ends(0), ends(1));
    [left, right, low, high]
}

impl<'a> Target<'a> {
    fn new(part: &'a Part, seed: u32) -> Self {
        let by_radius = |vector: Vector| [0, 1, 2].map(|c| vector[c] / part.radii[c].max(1e-4));
        let column = |c: usize| by_radius([part.axes[0][c], part.axes[1][c], part.axes[2][c]]);
        let origin = by_radius(apply(part.axes, part.middle)).map(|value| -value);
        let [right, up, front] = [0, 1, 2].map(column);
        let bounds = extent(std::slice::from_ref(part));
        Self { part, seed, origin, right, up, front, front_square: dot(front, front), bounds }
    }

    /// The intersection with a ray: depth, and place on the unit sphere.
    fn meet(&self, x: f32, y: f32) -> Option<(f32, Vector)> {
        let [left, right, low, high] = self.bounds;
        if x < left || x > right || y < low || y > high {
            return None;
        }
        let from = [0, 1, 2].map(|c| self.origin[c] + x * self.right[c] + y * self.up[c]);
        let along = dot(from, self.front);
        let root = along * along - self.front_square * (dot(from, from) - 1.0);
        if root < 0.0 {
            return None;
        }
        let t = (root.sqrt() - along) / self.front_square;
        Some((t, [0, 1, 2].map(|c| from[c] + t * self.front[c])))
    }

    /// The lit color at a place on the unit sphere.
    fn shade(&self, place: Vector, light: Light) -> Colour {
        let Part { radii, axes, colours, spots, spot_scale, wool: (depth, fineness), .. } =
            *self.part;
        let inner = [0, 1, 2].map(|c| place[c] / radii[c].max(1e-4));
        let column = |c: usize| [axes[0][c], axes[1][c], axes[2][c]];
        let mut normal = unit([0, 1, 2].map(|c| dot(column(c), inner)));
        let (u, v) = (place[0] + place[2] * 0.7, place[1] - place[2] * 0.6);
        if depth > 0.0 {
            let bump =
                |du: f32, dv: f32| layered((u + du) * fineness, (v + dv) * fineness, self.seed, 3);
            let here = bump(0.0, 0.0);
            let step = 0.3 / fineness;
            normal[0] += depth * (here - bump(step, 0.0)) * 4.0;
            normal[1] += depth * (here - bump(0.0, step)) * 4.0;
            normal = unit(normal);
        }
        let cloud = layered(u * spot_scale, v * spot_scale, self.seed ^ 3, 3);
        let share = ((cloud - 1.0 + spots) * 8.0).clamp(0.0, 1.0);
        let facing = dot(normal, light.direction).max(0.0);
        let edge = normal[2].max(0.0);
        lit(
            mix(colours[0], colours[1], share),
            light.around * (0.6 + 0.4 * edge) + light.strength * facing,
        )
    }
}

/// Directional and ambient light.
#[derive(Clone, Copy)]
pub(super) struct Light {
    direction: Vector,
    strength: f32,
    around: f32,
}

impl Light {
    pub(super) fn any(own: &mut Generator) -> Self {
        let direction = [own.between(-1.0, 1.0), own.between(0.1, 1.0), own.between(0.2, 1.0)];
        Self {
            direction: unit(direction),
            strength: own.between(0.4, 1.0),
            around: own.between(0.2, 0.6),
        }
    }
}

/// Paints parts over the current content.
pub(super) fn paint(canvas: &mut Canvas, parts: &[Part], light: Light, seed: u32) {
    let targets: Vec<Target<'_>> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| Target::new(part, seed.wrapping_add(i as u32 * 31)))
        .collect();
    canvas.paint(|x, y, under| {
        let mut nearest: Option<(f32, Vector, &Target<'_>)> = None;
        for target in &targets {
            if let Some((t, place)) = target.meet(x, y)
                && nearest.as_ref().is_none_or(|(best, ..)| t > *best)
            {
                nearest = Some((t, place, target));
            }
        }
        nearest.map_or(under, |(_, place, target)| target.shade(place, light))
    });
}
