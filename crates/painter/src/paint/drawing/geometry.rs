//! Points in the plane and smooth curves through them.

use std::ops::{Add, Mul, Neg, Sub};

use crate::paint::random::Random;

/// A point, or the step from one point to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// The point (`x`, `y`).
pub(crate) const fn at(x: f32, y: f32) -> Point {
    Point { x, y }
}

/// The points at `places`.
pub(crate) fn points<const COUNT: usize>(places: [(f32, f32); COUNT]) -> [Point; COUNT] {
    places.map(|(x, y)| at(x, y))
}

/// The step of length one in the direction `angle`, in radians from the x axis.
pub(crate) fn heading(angle: f32) -> Point {
    at(libm::cosf(angle), libm::sinf(angle))
}

impl Point {
    /// How long the step is.
    pub(crate) fn length(self) -> f32 {
        libm::hypotf(self.x, self.y)
    }

    /// The step of length one in the same direction.
    pub(crate) fn direction(self) -> Self {
        let length = self.length();
        if length > 1e-6 { self * (1.0 / length) } else { at(1.0, 0.0) }
    }

    /// The step turned a quarter to the left, where y points up.
    pub(crate) fn left(self) -> Self {
        at(-self.y, self.x)
    }

    /// The step turned by `angle` radians.
    pub(crate) fn turned(self, angle: f32) -> Self {
        let (sine, cosine) = libm::sincosf(angle);
        at(self.x * cosine - self.y * sine, self.x * sine + self.y * cosine)
    }

    /// The point `share` of the way to `other`.
    pub(crate) fn toward(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }
}

impl Add for Point {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        at(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Point {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        at(self.x - other.x, self.y - other.y)
    }
}

impl Mul<f32> for Point {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        at(self.x * factor, self.y * factor)
    }
}

impl Neg for Point {
    type Output = Self;

    fn neg(self) -> Self {
        at(-self.x, -self.y)
    }
}

/// Left or right in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Side {
    /// Left or right, equally likely.
    pub(crate) fn either(random: &mut Random) -> Self {
        random.pick([Self::Left, Self::Right])
    }

    /// -1 for the left, 1 for the right.
    pub(crate) fn sign(self) -> f32 {
        match self {
            Self::Left => -1.0,
            Self::Right => 1.0,
        }
    }
}

/// The number `share` of the way from `from` to `to`.
pub(crate) fn mix(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

/// The value at `share` of the smooth curve from `values[1]` to `values[2]`.
pub(crate) fn curve(values: [f32; 4], share: f32) -> f32 {
    let [before, from, to, after] = values;
    let slope = to - before;
    let bend = 2.0 * before - 5.0 * from + 4.0 * to - after;
    let twist = 3.0 * (from - to) + after - before;
    from + 0.5 * share * (slope + share * (bend + share * twist))
}

/// A smooth closed outline through `points`.
pub(crate) fn rounded(points: &[Point]) -> Vec<Point> {
    const STEPS: usize = 6;
    let count = points.len();
    let mut outline = Vec::with_capacity(count * STEPS);
    for index in 0..count {
        let around = [count - 1, 0, 1, 2].map(|shift| points[(index + shift) % count]);
        for step in 0..STEPS {
            let share = step as f32 / STEPS as f32;
            let x = curve(around.map(|point| point.x), share);
            let y = curve(around.map(|point| point.y), share);
            outline.push(at(x, y));
        }
    }
    outline
}

/// The outline of an oval with the given half width and half height.
pub(crate) fn oval(centre: Point, half: Point) -> Vec<Point> {
    const CORNERS: u16 = 28;
    (0..CORNERS)
        .map(|corner| {
            let step = heading(f32::from(corner) / f32::from(CORNERS) * std::f32::consts::TAU);
            centre + at(step.x * half.x, step.y * half.y)
        })
        .collect()
}

/// The rectangle between two opposite corners.
pub(crate) fn rectangle(low: Point, high: Point) -> [Point; 4] {
    [low, at(high.x, low.y), high, at(low.x, high.y)]
}

/// The smallest upright rectangle around something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: Point,
    pub(crate) high: Point,
}

impl Bounds {
    /// The bounds of `points`, which are not none.
    pub(crate) fn around(points: impl IntoIterator<Item = Point>) -> Self {
        let start = Self {
            low: at(f32::INFINITY, f32::INFINITY),
            high: at(f32::NEG_INFINITY, f32::NEG_INFINITY),
        };
        points.into_iter().fold(start, |bounds, point| Self {
            low: at(bounds.low.x.min(point.x), bounds.low.y.min(point.y)),
            high: at(bounds.high.x.max(point.x), bounds.high.y.max(point.y)),
        })
    }

    /// The bounds of both.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self::around(self.corners().into_iter().chain(other.corners()))
    }

    /// The four corners.
    pub(crate) fn corners(self) -> [Point; 4] {
        rectangle(self.low, self.high)
    }

    /// Width and height.
    pub(crate) fn size(self) -> Point {
        self.high - self.low
    }

    /// The middle.
    pub(crate) fn centre(self) -> Point {
        self.low.toward(self.high, 0.5)
    }
}
