//! Round bodies: a line through the middle with a width that changes along it.

use super::geometry::{Bounds, Point, at, curve, heading, oval};

/// The middle of a body at one place along it, and half its width there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) centre: Point,
    pub(crate) half: f32,
}

/// The ring around (`x`, `y`) that is `half` wide to each side.
pub(crate) const fn ring(x: f32, y: f32, half: f32) -> Ring {
    Ring { centre: at(x, y), half }
}

impl Ring {
    /// The ring around `centre` that is `half` wide to each side.
    pub(crate) const fn around(centre: Point, half: f32) -> Self {
        Self { centre, half }
    }

    /// The same ring of a body that is `by` times as large.
    pub(crate) fn enlarged(self, by: f32) -> Self {
        Self { centre: self.centre * by, half: self.half * by }
    }
}

/// A place on the skin of a [`Tube`].
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) place: Point,
    /// The way along the tube, of length one.
    pub(crate) along: Point,
    /// How the skin leans within the image; shorter than one where it faces the viewer.
    pub(crate) normal: Point,
    /// Half the width of the tube here.
    pub(crate) half: f32,
}

/// A body with rounded ends.
#[derive(Clone)]
pub(crate) struct Tube {
    rings: Vec<Ring>,
    reached: Vec<f32>,
    /// The share of the length over which the start blends into what it grows from.
    blend: f32,
}

impl Tube {
    /// The smooth body through `knots`, which are at least two.
    pub(crate) fn through(knots: &[Ring]) -> Self {
        const STEPS: usize = 8;
        let last = knots.len() - 1;
        let mut rings = Vec::with_capacity(knots.len() * STEPS + 12);
        for index in 0..last {
            let around = [index.saturating_sub(1), index, index + 1, (index + 2).min(last)];
            let around = around.map(|knot| knots[knot]);
            for step in 0..STEPS {
                let share = step as f32 / STEPS as f32;
                let x = curve(around.map(|knot| knot.centre.x), share);
                let y = curve(around.map(|knot| knot.centre.y), share);
                let half = curve(around.map(|knot| knot.half), share);
                rings.push(ring(x, y, half.max(0.01)));
            }
        }
        rings.push(knots[last]);
        Self::measured(with_caps(&rings))
    }

    /// The same body, lit as if its start blended into what it grows from.
    #[must_use]
    pub(crate) fn growing(mut self) -> Self {
        self.blend = 0.55;
        self
    }

    /// Its length from end to end.
    pub(crate) fn length(&self) -> f32 {
        self.reached.last().copied().unwrap_or(0.0)
    }

    /// Half its width where it is widest.
    pub(crate) fn widest(&self) -> f32 {
        self.rings.iter().fold(0.0, |widest, ring| ring.half.max(widest))
    }

    /// Its silhouette.
    pub(crate) fn outline(&self) -> Vec<Point> {
        let count = self.rings.len();
        let side = |index: usize, sign: f32| {
            self.rings[index].centre + self.along(index).left() * (self.rings[index].half * sign)
        };
        let left = (0..count).map(|index| side(index, 1.0));
        let right = (0..count).rev().map(|index| side(index, -1.0));
        left.chain(right).collect()
    }

    /// Shapes that cover the tube also where it bends so sharply that its outline crosses itself.
    pub(crate) fn silhouette(&self) -> Vec<Vec<Point>> {
        let folds = (1..self.rings.len()).filter(|&index| {
            let turn = self.along(index) - self.along(index - 1);
            let step = (self.rings[index].centre - self.rings[index - 1].centre).length();
            self.rings[index].half * turn.length() > step
        });
        let discs = folds.map(|index| {
            let Ring { centre, half } = self.rings[index];
            oval(centre, at(half, half))
        });
        std::iter::once(self.outline()).chain(discs).collect()
    }

    /// Its extent.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::around(self.outline())
    }

    /// The place `share` of the way along the tube, and `across` from -1 on the right edge to 1 on
    /// the left, where y points up.
    pub(crate) fn spot(&self, share: f32, across: f32) -> Spot {
        let target = share.clamp(0.0, 1.0) * self.length();
        let next = self.reached.partition_point(|&reached| reached < target);
        let next = next.clamp(1, self.rings.len() - 1);
        let (from, to) = (self.rings[next - 1], self.rings[next]);
        let gap = (self.reached[next] - self.reached[next - 1]).max(1e-6);
        let between = ((target - self.reached[next - 1]) / gap).clamp(0.0, 1.0);
        let along = self.along(next - 1) * (1.0 - between) + self.along(next) * between;
        let along = along.direction();
        let half = from.half + (to.half - from.half) * between;
        let centre = from.centre.toward(to.centre, between);
        let narrowing = ((to.half - from.half) / gap).clamp(-3.0, 3.0);
        let facing = (1.0 - across * across).max(0.0).sqrt();
        let lean = along.left() * across - along * narrowing;
        let length = libm::hypotf(lean.length(), facing).max(1e-6);
        Spot {
            place: centre + along.left() * (half * across),
            along,
            normal: lean * (self.blended(share) / length),
            half,
        }
    }

    fn blended(&self, share: f32) -> f32 {
        if share < self.blend { 0.35 + 0.65 * share / self.blend } else { 1.0 }
    }

    fn measured(rings: Vec<Ring>) -> Self {
        let mut total = 0.0;
        let mut reached = vec![0.0];
        for pair in rings.windows(2) {
            total += (pair[1].centre - pair[0].centre).length();
            reached.push(total);
        }
        Self { rings, reached, blend: 0.0 }
    }

    fn along(&self, index: usize) -> Point {
        let before = self.rings[index.saturating_sub(1)].centre;
        let after = self.rings[(index + 1).min(self.rings.len() - 1)].centre;
        (after - before).direction()
    }
}

/// `rings` between two half balls.
fn with_caps(rings: &[Ring]) -> Vec<Ring> {
    const STEPS: u16 = 9;
    let last = rings.len() - 1;
    let start_way = (rings[0].centre - rings[1].centre).direction();
    let end_way = (rings[last].centre - rings[last - 1].centre).direction();
    let cap = |end: Ring, way: Point, step: u16| {
        let round = heading(f32::from(step) / f32::from(STEPS) * std::f32::consts::FRAC_PI_2);
        Ring {
            centre: end.centre + way * (end.half * round.y),
            half: (end.half * round.x).max(0.0),
        }
    };
    let start = (1..=STEPS).rev().map(|step| cap(rings[0], start_way, step));
    let end = (1..=STEPS).map(|step| cap(rings[last], end_way, step));
    start.chain(rings.iter().copied()).chain(end).collect()
}

/// How many cells of about the `wanted` length fit, up to a limit.
pub(crate) fn cells(length: f32, wanted: f32, most: usize) -> usize {
    ((length / wanted) as usize).clamp(2, most)
}
