//! Objects in a yard or a field: rocks, bales, fences, balls and buckets.

use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{at, oval, points, rectangle};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::ring;
use crate::paint::figure::{Figure, Still};
use crate::paint::random::Random;

/// A rock with a lit side and cracks.
pub(crate) fn rock(random: &mut Random) -> Box<dyn Figure> {
    let width = random.between(70.0, 150.0);
    let height = width * random.between(0.45, 0.7);
    let grey = rgb(random.pick([0x8c_8880, 0x78_7470, 0xa0_9484, 0x9a_7c60]));
    let skew = random.wobble(0.2);
    Still::boxed(width, height, move |painter| {
        let on = |x: f32, y: f32| at((x + skew * y) * width * 0.5, y * height);
        let outline = [
            on(-1.0, 0.0),
            on(-0.9, 0.45),
            on(-0.5, 0.85),
            on(0.1, 1.0),
            on(0.6, 0.8),
            on(0.95, 0.35),
            on(1.0, 0.0),
        ];
        painter.canvas.fill(&outline, painter.facing(grey).lit(0.85));
        let side = painter.lit_side();
        let face = [
            on(side * 0.9, 0.4),
            on(side * 0.5, 0.83),
            on(-side * 0.1, 0.95),
            on(0.0, 0.5),
            on(side * 0.4, 0.3),
        ];
        painter.canvas.fill(&face, painter.facing(grey).lit(1.15));
        let crack = [on(-0.2, 0.9), on(0.0, 0.5), on(-0.3, 0.2)];
        painter.canvas.line(&crack, width * 0.012, painter.facing(grey).lit(0.6));
        for _ in 0..14 {
            let spot = on(painter.random.wobble(0.8), painter.random.between(0.05, 0.7));
            let tone = painter.facing(grey).lit(painter.random.between(0.75, 1.2));
            painter.canvas.fill(&oval(spot, at(width * 0.03, height * 0.03)), tone);
        }
    })
}

/// A round bale of hay.
pub(crate) fn bale(random: &mut Random) -> Box<dyn Figure> {
    let hay = rgb(0xd0_b060).varied(random, 0.1);
    Still::boxed(150.0, 122.0, move |painter| {
        let coat = Coat::plain(hay, Texture::Short, 6.0);
        let roll = [ring(-14.0, 60.0, 60.0), ring(14.0, 60.0, 60.0)];
        skin::body(painter, &roll, &coat);
        let face = painter.facing(hay);
        painter.canvas.fill(&oval(at(22.0, 60.0), at(48.0, 58.0)), face.lit(0.92));
        for turn in [44.0, 32.0, 20.0, 9.0] {
            let coil = oval(at(22.0, 60.0), at(turn * 0.83, turn));
            painter.canvas.line(&coil, 2.2, face.lit(0.74));
        }
    })
}

/// How high a fence is.
pub(crate) const FENCE_HEIGHT: f32 = 112.0;

/// The colors of fences.
pub(crate) const WOODS: [u32; 4] = [0x8c_7050, 0xa8_9880, 0xe4_dccc, 0x68_5440];

/// A stretch of wooden fence.
pub(crate) fn fence(random: &mut Random) -> Box<dyn Figure> {
    let wood = rgb(random.pick(WOODS));
    let posts = random.pick([4, 5, 6, 7]);
    let width = f32::from(posts) * 120.0;
    Still::boxed(width, FENCE_HEIGHT, move |painter| rails_and_posts(painter, width, posts, wood))
}

/// Two rails on posts along `width`.
pub(crate) fn rails_and_posts(painter: &mut Painter, width: f32, posts: u8, wood: Colour) {
    let wood = painter.facing(wood);
    let half = width / 2.0;
    for y in [88.0, 54.0] {
        painter.canvas.fill(&rectangle(at(-half, y), at(half, y + 11.0)), wood.lit(0.95));
        painter.canvas.line(&[at(-half, y), at(half, y)], 2.5, wood.lit(0.7));
    }
    for post in 0..posts {
        let x = -half + width * (f32::from(post) + 0.5) / f32::from(posts);
        let top = at(x + painter.random.wobble(3.0), FENCE_HEIGHT);
        let thick = at(6.0, 0.0);
        let foot = at(x, 0.0);
        painter.canvas.fill(&[foot - thick, top - thick, top + thick, foot + thick], wood);
        painter.canvas.line(&[foot + thick, top + thick], 2.5, wood.lit(0.72));
    }
}

/// A ball with a stripe or with spots.
pub(crate) fn ball(random: &mut Random) -> Box<dyn Figure> {
    let first = rgb(random.pick([0xd8_4838, 0x3c_70c0, 0xf0_ece4, 0xe8_b838, 0x60_a050]));
    let second = rgb(random.pick([0xf4_f0e8, 0x30_3034, 0xf0_d060]));
    let plain = Coat::plain(first, Texture::Sleek, 0.0);
    let coat = if random.chance(0.6) {
        plain.marked(at(0.0, 50.0), at(200.0, 15.0), second)
    } else {
        points([(-20.0, 70.0), (24.0, 62.0), (0.0, 30.0), (-40.0, 34.0), (38.0, 22.0)])
            .into_iter()
            .fold(plain, |coat, spot| coat.marked(spot, at(11.0, 11.0), second))
    };
    Still::boxed(100.0, 100.0, move |painter| {
        skin::body(painter, &[ring(-0.5, 50.0, 49.5), ring(0.5, 50.0, 49.5)], &coat);
        let glint = oval(at(18.0 * painter.lit_side(), 70.0), at(9.0, 7.0));
        painter.canvas.fill(&glint, WHITE.alpha(0.45));
    })
}

/// A bucket.
pub(crate) fn bucket(random: &mut Random) -> Box<dyn Figure> {
    let colour = rgb(random.pick([0x3c_74b8, 0xb8_3c34, 0x90_9898, 0x38_3838]));
    Still::boxed(40.0, 44.0, move |painter| {
        let shade = painter.facing(colour);
        let side = painter.lit_side();
        painter
            .canvas
            .fill(&points([(-14.0, 0.0), (-19.0, 36.0), (19.0, 36.0), (14.0, 0.0)]), shade);
        let sheen =
            [(4.0, 1.0), (5.0, 35.0), (15.0, 35.0), (12.0, 1.0)].map(|(x, y)| at(x * side, y));
        painter.canvas.fill(&sheen, shade.lit(1.2));
        painter.canvas.fill(&oval(at(0.0, 36.0), at(19.0, 5.0)), shade.lit(0.6));
        let handle =
            points([(-19.0, 36.0), (-12.0, 27.0), (0.0, 23.0), (12.0, 27.0), (19.0, 36.0)]);
        painter.canvas.line(&handle, 1.5, painter.facing(rgb(0xb0_b0b0)));
    })
}
