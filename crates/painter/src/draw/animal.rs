//! Four-legged animals of invented species in a landscape. A class is a build and a coat.

use alpaca_random::Generator;

use super::body::{self, Light, Part, rotation};
use super::canvas::Canvas;
use super::colour::{Colour, hsv, lit, mix};
use super::scene;

/// The build and the coat of a species. Lengths are in units of the trunk's height.
struct Species {
    trunk_length: f32,
    trunk_width: f32,
    leg_length: f32,
    leg_thickness: f32,
    neck_length: f32,
    /// From level (0) to upright (1).
    neck_angle: f32,
    neck_thickness: f32,
    head: f32,
    muzzle: f32,
    ear_length: f32,
    ear_width: f32,
    tail_length: f32,
    tail_thickness: f32,
    hump: f32,
    colour: Colour,
    second_colour: Colour,
    spots: f32,
    spot_scale: f32,
    wool: (f32, f32),
}

impl Species {
    fn new(generator: &mut Generator) -> Self {
        let mut between = |low, high| generator.between(low, high);
        let hue = between(0.02, 0.14);
        let colour = hsv(hue, between(0.0, 0.7), between(0.12, 0.95));
        let second = hsv(hue + between(-0.03, 0.03), between(0.0, 0.6), between(0.05, 1.0));
        let neck_length = between(0.2, 1.6) * between(0.6, 1.0);
        Self {
            trunk_length: between(0.9, 2.0),
            trunk_width: between(0.55, 0.95),
            leg_length: between(0.3, 1.5),
            leg_thickness: between(0.1, 0.24),
            neck_length,
            neck_angle: between(0.15, 1.0),
            neck_thickness: between(0.16, 0.42),
            head: between(0.22, 0.5),
            muzzle: between(0.1, 0.7),
            ear_length: between(0.05, 0.5),
            ear_width: between(0.04, 0.16),
            tail_length: between(0.1, 1.2),
            tail_thickness: between(0.03, 0.22),
            hump: (between(-0.6, 0.5)).max(0.0),
            colour,
            second_colour: second,
            spots: between(-0.3, 0.8).max(0.0),
            spot_scale: between(0.7, 4.0),
            wool: (between(-0.2, 1.0).max(0.0), between(2.5, 10.0)),
        }
    }

    /// The parts of the animal, with its feet at height zero, looking to the right.
    fn parts(&self, own: &mut Generator) -> Vec<Part> {
        let shade = own.between(0.75, 1.25);
        let colours = [lit(self.colour, shade), lit(self.second_colour, shade)];
        let plain = Part {
            middle: [0.0; 3],
            radii: [1.0; 3],
            axes: rotation(0.0, 0.0, 0.0),
            colours,
            spots: self.spots,
            spot_scale: self.spot_scale,
            wool: self.wool,
        };
        let back = self.leg_length + 0.5;
        let half = self.trunk_length / 2.0;
        let trunk = Part {
            middle: [0.0, back, 0.0],
            radii: [half + 0.15, 0.5, self.trunk_width / 2.0],
            ..plain
        };
        let mut parts = vec![trunk];
        if self.hump > 0.0 {
            let middle = [own.between(-0.15, 0.15) * half, back + 0.4, 0.0];
            parts.push(Part { middle, radii: [0.35, self.hump, 0.3], ..plain });
        }
        self.legs(&plain, (half, back), own, &mut parts);
        self.neck_and_head(&plain, (half, back), own, &mut parts);
        let rump = [-half, back + 0.2, 0.0];
        let droop = own.between(0.3, 1.0);
        let tip = [
            -half - self.tail_length * (1.0 - 0.6 * droop),
            back + 0.2 - self.tail_length * droop * 0.9,
            own.between(-0.2, 0.2),
        ];
        parts.push(Part::between(rump, tip, self.tail_thickness, &plain));
        parts
    }

    fn legs(
        &self,
        plain: &Part,
        (half, back): (f32, f32),
        own: &mut Generator,
        parts: &mut Vec<Part>,
    ) {
        let side = self.trunk_width * 0.3;
        for (x, z) in
            [(half * 0.8, side), (half * 0.8, -side), (-half * 0.8, side), (-half * 0.8, -side)]
        {
            let hip = [x, back - 0.2, z];
            let foot = [x + own.between(-0.25, 0.25) * self.leg_length, 0.0, z];
            let spots = self.spots * 0.5;
            let leg = Part { spots, ..*plain };
            parts.push(Part::between(hip, foot, self.leg_thickness, &leg));
        }
    }

    fn neck_and_head(
        &self,
        plain: &Part,
        (half, back): (f32, f32),
        own: &mut Generator,
        parts: &mut Vec<Part>,
    ) {
        let angle = (self.neck_angle + own.between(-0.25, 0.15)) * std::f32::consts::FRAC_PI_2;
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let base = [half * 0.85, back + 0.2, 0.0];
        let turn = own.between(-0.4, 0.4);
        let nape = [
            base[0] + self.neck_length * cos,
            base[1] + self.neck_length * sin,
            turn * self.neck_length * 0.4,
        ];
        parts.push(Part::between(base, nape, self.neck_thickness, plain));
        let head = self.head;
        let middle = [nape[0] + head * 0.35, nape[1] + head * 0.25, nape[2]];
        parts.push(Part { middle, radii: [head * 0.75, head * 0.6, head * 0.55], ..*plain });
        let dark = mix(plain.colours[0], [0.05, 0.04, 0.04], own.between(0.0, 0.5));
        let muzzle = Part { colours: [dark; 2], wool: (0.0, 1.0), ..*plain };
        let nose = [
            middle[0] + head * 0.5 + self.muzzle,
            middle[1] - head * 0.3 - self.muzzle * own.between(0.0, 0.5),
            middle[2] + turn * 0.2,
        ];
        parts.push(Part::between(middle, nose, head * 0.35, &muzzle));
        for z in [-0.35, 0.35] {
            let root = [middle[0] - head * 0.2, middle[1] + head * 0.4, middle[2] + z * head];
            let tip = [
                root[0] - self.ear_length * own.between(-0.2, 0.5),
                root[1] + self.ear_length,
                root[2] + z * self.ear_length,
            ];
            parts.push(Part::between(root, tip, self.ear_width, plain));
        }
        let black = Part { colours: [[0.03; 3]; 2], wool: (0.0, 1.0), spots: 0.0, ..*plain };
        for z in [-0.5, 0.5] {
            let eye = [middle[0] + head * 0.35, middle[1] + head * 0.2, middle[2] + z * head * 0.9];
            parts.push(Part { middle: eye, radii: [head * 0.12; 3], ..black });
        }
    }
}

pub(super) fn draw(canvas: &mut Canvas, of_class: &mut Generator, own: &mut Generator) {
    let species = Species::new(of_class);
    let horizon = scene::landscape(canvas, own);
    let light = Light::any(own);
    let n = if own.uniform() < 0.2 { 2 } else { 1 };
    for _ in 0..n {
        let mut parts = species.parts(own);
        let facing = if own.uniform() < 0.5 { 0.0 } else { std::f32::consts::PI };
        let view = rotation(facing + own.between(-1.1, 1.1), own.between(-0.05, 0.35), 0.0);
        for part in &mut parts {
            *part = part.turned(view);
        }
        let [left, right, low, high] = body::extent(&parts);
        let (width, height) = (right - left, high - low);
        // Most animals are whole; some reach beyond the image.
        let scale = own.between(0.9, 2.1) / width.max(height);
        let room = |extent: f32| (1.05 - extent * scale / 2.0).max(0.15);
        let middle = own.between(-room(width), room(width));
        let feet = own.between(-1.0, (1.0 - height * scale).min(horizon - 0.05).max(-0.9));
        let place = [middle - f32::midpoint(left, right) * scale, feet - low * scale];
        shadow(canvas, [middle, feet], scale * species.trunk_length, own);
        for part in &mut parts {
            *part = part.placed(scale, place);
        }
        body::paint(canvas, &parts, light, own.next_u32());
    }
}

/// Darkens the ground under feet.
fn shadow(canvas: &mut Canvas, [x0, y0]: [f32; 2], width: f32, own: &mut Generator) {
    let (strength, flatness) = (own.between(0.2, 0.7), own.between(3.0, 6.0));
    let slant = own.between(-0.3, 0.3);
    canvas.paint(|x, y, under| {
        let (dx, dy) = ((x - x0 - slant * width) / (width * 0.8), (y - y0) * flatness / width);
        let inside = 1.0 - dx * dx - dy * dy;
        lit(under, 1.0 - strength * inside.clamp(0.0, 1.0))
    });
}
