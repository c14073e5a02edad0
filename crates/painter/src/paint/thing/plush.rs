//! Toys and clouds that look woolly: teddy bears, snowmen and low clouds.

use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{at, oval, points};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::ring;
use crate::paint::figure::{Figure, Still};
use crate::paint::random::Random;

/// A teddy bear that sits.
pub(crate) fn teddy(random: &mut Random) -> Box<dyn Figure> {
    let hex = random.pick([0xc0_8a50, 0xe4_cca0, 0x8a_5a38, 0xf0_e8dc, 0xa8_a4a4]);
    let colour = rgb(hex).varied(random, 0.06);
    let ribbon = rgb(random.pick([0xc8_3c3c, 0x3c_68b0, 0xd8_a840]));
    Still::boxed(100.0, 132.0, move |painter| {
        let coat = Coat::plain(colour, Texture::Fluffy, 3.0);
        let pale = colour.mix(WHITE, 0.4);
        for side in [-1.0_f32, 1.0] {
            let arm = [ring(side * 24.0, 66.0, 10.0), ring(side * 40.0, 42.0, 10.5)];
            skin::body(painter, &arm, &coat);
        }
        let belly = [ring(0.0, 34.0, 31.0), ring(0.0, 56.0, 26.0)];
        skin::body(painter, &belly, &coat);
        painter.canvas.fill(&oval(at(0.0, 42.0), at(17.0, 19.0)), painter.facing(pale).alpha(0.7));
        for side in [-1.0_f32, 1.0] {
            let foot = [ring(side * 26.0, 16.0, 15.0), ring(side * 34.0, 17.0, 16.0)];
            skin::body(painter, &foot, &coat);
            painter.canvas.fill(&oval(at(side * 36.0, 17.0), at(9.0, 10.0)), painter.facing(pale));
        }
        teddy_head(painter, &coat, pale);
        for side in [-1.0, 1.0] {
            let bow = [at(0.0, 73.0), at(side * 16.0, 80.0), at(side * 16.0, 66.0)];
            painter.canvas.fill(&bow, painter.facing(ribbon));
        }
        painter.canvas.disc(at(0.0, 73.0), 4.0, painter.facing(ribbon).lit(0.8));
    })
}

fn teddy_head(painter: &mut Painter, coat: &Coat, pale: Colour) {
    for side in [-1.0, 1.0] {
        let ear = [ring(side * 22.0, 118.0, 10.0), ring(side * 23.0, 120.0, 10.0)];
        skin::body(painter, &ear, coat);
        painter.canvas.disc(at(side * 22.0, 118.0), 5.5, painter.facing(pale));
    }
    let head = [ring(-4.0, 99.0, 26.0), ring(4.0, 99.0, 26.0)];
    skin::body(painter, &head, coat);
    painter.canvas.fill(&oval(at(0.0, 91.0), at(13.0, 10.5)), painter.facing(pale));
    let dark = rgb(0x22_1a16);
    painter.canvas.fill(&oval(at(0.0, 96.0), at(5.0, 3.6)), dark);
    painter.canvas.line(&[at(-5.0, 86.0), at(0.0, 84.0), at(5.0, 86.0)], 1.4, dark);
    for side in [-10.0, 10.0] {
        painter.canvas.disc(at(side, 104.0), 3.2, dark);
        painter.canvas.disc(at(side + 1.0, 105.2), 1.0, WHITE);
    }
}

/// A snowman with a hat.
pub(crate) fn snowman(random: &mut Random) -> Box<dyn Figure> {
    let scarf = rgb(random.pick([0xc0_3838, 0x38_60b0, 0x50_8848]));
    Still::boxed(90.0, 178.0, move |painter| {
        let snow = Coat::plain(rgb(0xf2_f4f8), Texture::Sleek, 0.0);
        for (height, radius) in [(38.0, 42.0), (96.0, 30.0), (138.0, 21.0)] {
            let ball = [ring(-0.5, height, radius), ring(0.5, height, radius)];
            skin::body(painter, &ball, &snow);
        }
        let dark = painter.facing(rgb(0x28_2624));
        let eyes_and_buttons =
            points([(-7.0, 143.0), (7.0, 143.0), (0.0, 108.0), (0.0, 96.0), (0.0, 84.0)]);
        for spot in eyes_and_buttons {
            painter.canvas.disc(spot, 2.8, dark);
        }
        let nose = [at(0.0, 139.0), at(20.0, 134.0), at(0.0, 133.0)];
        painter.canvas.fill(&nose, painter.facing(rgb(0xe0_8030)));
        let cloth = painter.facing(scarf);
        let around = points([(-19.0, 122.0), (0.0, 117.0), (19.0, 122.0)]);
        painter.canvas.line(&around, 9.0, cloth);
        painter.canvas.line(&points([(12.0, 119.0), (17.0, 94.0)]), 8.0, cloth.lit(0.9));
        painter.canvas.fill(&oval(at(0.0, 156.0), at(24.0, 4.0)), dark);
        let hat = [at(-14.0, 156.0), at(-14.0, 178.0), at(14.0, 178.0), at(14.0, 156.0)];
        painter.canvas.fill(&hat, dark);
    })
}

/// A low cloud or a heap of wool.
pub(crate) fn woolly_cloud(random: &mut Random) -> Box<dyn Figure> {
    let hex = random.pick([0xf4_f0e8, 0xe8_dcc4, 0xc8_c4c0, 0xd0_b48c]);
    let colour = rgb(hex).varied(random, 0.04);
    let humps: Vec<(f32, f32, f32)> = (0..9)
        .map(|_| (random.wobble(58.0), random.between(22.0, 62.0), random.between(18.0, 30.0)))
        .collect();
    Still::boxed(150.0, 88.0, move |painter| {
        let coat = Coat::plain(colour, Texture::Fluffy, 6.0);
        for &(x, y, half) in &humps {
            let y = (y * (1.0 - (x / 90.0).powi(2))).max(half * 0.9);
            let puff = [ring(x - 6.0, y, half), ring(x + 6.0, y, half)];
            skin::body(painter, &puff, &coat);
        }
    })
}
