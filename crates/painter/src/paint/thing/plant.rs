//! Trees, bushes, flowers, mushrooms and cactuses.

use std::f32::consts::TAU;

use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{Point, at, heading, oval, rounded};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::ring;
use crate::paint::figure::{Figure, Still};
use crate::paint::random::Random;

const GREENS: [u32; 5] = [0x58_8a3c, 0x4a_7838, 0x76_9a48, 0x3e_6a40, 0x8a_9a44];

/// A tree with a round crown.
pub(crate) fn tree(random: &mut Random) -> Box<dyn Figure> {
    let height = random.between(340.0, 520.0);
    let green = rgb(random.pick([GREENS[0], GREENS[1], GREENS[2], 0xb4_8a3c, 0xa4_5c34]));
    Still::boxed(height * 0.7, height, move |painter| {
        trunk(painter, height * 0.5, height * 0.045);
        foliage(painter, at(0.0, height * 0.68), at(height * 0.33, height * 0.30), green);
    })
}

/// A fir tree.
pub(crate) fn fir(random: &mut Random) -> Box<dyn Figure> {
    let height = random.between(380.0, 600.0);
    let green = rgb(random.pick([0x34_5c3c, 0x3c_6440, 0x2c_5040])).varied(random, 0.08);
    Still::boxed(height * 0.42, height, move |painter| {
        trunk(painter, height * 0.25, height * 0.03);
        for tier in 0u8..6 {
            let share = f32::from(tier) / 6.0;
            let low = height * (0.12 + share * 0.72);
            let half = height * 0.21 * (1.0 - share * 0.85);
            let peak = low + height * 0.24;
            let side = painter.lit_side();
            let colour = painter.facing(green.lit(0.82 + 0.28 * share));
            let skirt = [
                at(-half, low),
                at(-half * 0.3, low - height * 0.02),
                at(half * 0.4, low - height * 0.02),
                at(half, low),
                at(0.0, peak),
            ];
            painter.canvas.fill(&skirt, colour);
            let lit = [at(side * half, low), at(side * half * 0.25, low), at(0.0, peak)];
            painter.canvas.fill(&lit, colour.lit(1.18).alpha(0.7));
        }
    })
}

/// A bush, sometimes pale and woolly.
pub(crate) fn bush(random: &mut Random) -> Box<dyn Figure> {
    let width = random.between(110.0, 170.0);
    let height = width * random.between(0.55, 0.8);
    let colour = rgb(random.pick([GREENS[0], GREENS[2], GREENS[4], 0xd8_d0b0, 0xb0_a484]));
    Still::boxed(width, height, move |painter| {
        let centre = at(0.0, height * 0.48);
        foliage(painter, centre, at(width * 0.46, height * 0.46), colour);
    })
}

/// A cactus with two arms.
pub(crate) fn cactus(random: &mut Random) -> Box<dyn Figure> {
    let green = rgb(random.pick([0x5c_8a54, 0x6a_9458, 0x48_7850])).varied(random, 0.08);
    let coat = Coat::plain(green, Texture::Sleek, 0.0);
    let height = random.between(120.0, 170.0);
    let (left, right) = (random.between(0.35, 0.5), random.between(0.3, 0.5));
    Still::boxed(height * 0.7, height, move |painter| {
        let half = height * 0.085;
        for (side, start) in [(-1.0, left), (1.0, right)] {
            let elbow = at(side * height * 0.26, height * start);
            let arm = [
                ring(0.0, height * start - half * 0.5, half * 0.7),
                ring(elbow.x * 0.7, elbow.y - half * 0.3, half * 0.75),
                ring(elbow.x, elbow.y + half, half * 0.75),
                ring(elbow.x, elbow.y + height * 0.24, half * 0.7),
            ];
            skin::body(painter, &arm, &coat);
        }
        let stem = [ring(0.0, half * 0.4, half), ring(0.0, height - half, half)];
        skin::body(painter, &stem, &coat);
        for rib in [-0.55, -0.1, 0.35, 0.7] {
            let x = rib * half;
            painter.canvas.line(&[at(x, 2.0), at(x, height - half)], half * 0.09, green.lit(0.66));
        }
        for _ in 0..60 {
            let root = at(painter.random.wobble(half), painter.random.between(4.0, height - half));
            let way = at(painter.random.wobble(4.0), painter.random.between(1.0, 4.0));
            painter.canvas.line(&[root, root + way], 0.7, WHITE.alpha(0.7));
        }
    })
}

/// A mushroom with a spotted or a plain cap.
pub(crate) fn mushroom(random: &mut Random) -> Box<dyn Figure> {
    let cap = rgb(random.pick([0xc0_3a2c, 0xa8_6c40, 0xe4_d4b8, 0xc8_8c4c]));
    let spots: Vec<Point> =
        (0..8).map(|_| at(random.wobble(34.0), random.between(62.0, 94.0))).collect();
    Still::boxed(96.0, 104.0, move |painter| {
        let pale = Coat::plain(rgb(0xee_e4d0), Texture::Sleek, 0.0);
        let stem = [ring(0.0, 8.0, 15.0), ring(0.0, 30.0, 12.0), ring(0.0, 56.0, 11.0)];
        skin::body(painter, &stem, &pale);
        painter.canvas.fill(&oval(at(0.0, 56.0), at(45.0, 8.0)), painter.facing(rgb(0xc4_b498)));
        let dome = [
            ring(-18.0, 68.0, 13.0),
            ring(-9.0, 74.0, 27.0),
            ring(9.0, 74.0, 27.0),
            ring(18.0, 68.0, 13.0),
        ];
        let brim = rounded(&[
            at(-48.0, 57.0),
            at(-34.0, 84.0),
            at(0.0, 102.0),
            at(34.0, 84.0),
            at(48.0, 57.0),
            at(0.0, 54.0),
        ]);
        painter.canvas.fill(&brim, painter.facing(cap).lit(0.92));
        skin::body(painter, &dome, &Coat::plain(cap, Texture::Sleek, 0.0));
        for spot in &spots {
            let half = at(5.5, 4.0);
            painter.canvas.fill(&oval(*spot, half), painter.facing(cap.mix(WHITE, 0.75)));
        }
    })
}

/// Flowers in a clump.
pub(crate) fn flowers(random: &mut Random) -> Box<dyn Figure> {
    let petal = rgb(random.pick([0xe8_5a5a, 0xf4_d04c, 0xd8_7cc8, 0xf4_f0f0, 0x70_7ce0]));
    let blossoms: Vec<Point> =
        (0..9).map(|_| at(random.wobble(50.0), random.between(16.0, 44.0))).collect();
    Still::boxed(110.0, 50.0, move |painter| {
        for place in &blossoms {
            let green = painter.facing(rgb(GREENS[0]));
            painter.canvas.line(&[at(place.x * 0.85, 0.0), *place], 1.6, green);
            let colour = painter.facing(petal);
            for turn in 0u8..5 {
                let step = heading(f32::from(turn) * TAU / 5.0) * 4.0;
                painter.canvas.disc(*place + step, 3.2, colour);
            }
            painter.canvas.disc(*place, 2.6, painter.facing(rgb(0xe8_b03c)));
        }
    })
}

fn trunk(painter: &mut Painter, height: f32, half: f32) {
    let bark = Coat::plain(rgb(0x70_543c), Texture::Short, half * 0.5);
    let trunk = [
        ring(0.0, 0.0, half * 1.3),
        ring(half * 0.3, height * 0.5, half),
        ring(0.0, height, half * 0.8),
    ];
    skin::body(painter, &trunk, &bark);
}

/// A mass of leaves.
fn foliage(painter: &mut Painter, centre: Point, half: Point, colour: Colour) {
    let size = (half.x.min(half.y) * 0.17).min(4.5 * painter.canvas.pixel());
    let count = ((half.x * half.y / (size * size)) * 8.0).clamp(160.0, 900.0) as u16;
    for leaf in 0..count {
        // The later a leaf is drawn, the closer it is to the viewer, the middle and the light.
        let layer = f32::from(leaf) / f32::from(count);
        let reach = painter.random.unit().sqrt() * (1.0 - 0.25 * layer);
        let lean = heading(painter.random.between(0.0, TAU)) * reach;
        let strength = painter.brightness(lean * 0.9) * (0.78 + 0.24 * layer);
        let shade = colour.varied(&mut painter.random, 0.10).lit(strength);
        let place = centre + at(lean.x * half.x, lean.y * half.y);
        let blade = at(1.0, 0.8) * (size * painter.random.between(0.7, 1.4));
        painter.canvas.fill(&oval(place, blade), shade);
    }
}
