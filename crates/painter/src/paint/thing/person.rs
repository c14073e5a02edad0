//! People.

use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::{at, oval};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::ring;
use crate::paint::figure::{Figure, Still};
use crate::paint::random::Random;

/// Someone who stands and looks.
pub(crate) fn person(random: &mut Random) -> Box<dyn Figure> {
    let shirts = [0xb8_4a3c, 0x3c_6a9c, 0xe0_c070, 0x58_8a60, 0xe8_e4dc, 0x70_5a88];
    let shirt = rgb(random.pick(shirts));
    let trousers = rgb(random.pick([0x3c_4658, 0x54_4a40, 0x30_3034, 0x80_7458]));
    let tone = rgb(random.pick([0xe8_bc98, 0xc0_8a64, 0x8a_5a3c, 0xf0_ccb0]));
    let hair = rgb(random.pick([0x30_2420, 0x6a_4828, 0xc8_a060, 0x80_7c78]));
    let hat = random.chance(0.35).then_some(rgb(0xc8_a868));
    let stride = random.wobble(12.0);
    Still::boxed(60.0, 175.0, move |painter| {
        legs(painter, trousers, stride);
        let chest = [ring(0.0, 88.0, 15.0), ring(0.0, 112.0, 16.0), ring(0.0, 132.0, 17.0)];
        skin::body(painter, &chest, &cloth(shirt));
        arms(painter, shirt.lit(0.92), tone, stride);
        head(painter, tone, hair, hat);
    })
}

fn cloth(colour: Colour) -> Coat {
    Coat::plain(colour, Texture::Sleek, 0.0)
}

fn legs(painter: &mut Painter, trousers: Colour, stride: f32) {
    for side in [-1.0, 1.0] {
        let foot = side * (9.0 + stride * 0.6);
        let leg = [ring(side * 8.0, 84.0, 9.0), ring(foot, 45.0, 7.0), ring(foot, 8.0, 5.5)];
        skin::body(painter, &leg, &cloth(trousers));
        let shoe = oval(at(foot + 3.0, 4.0), at(9.0, 4.5));
        painter.canvas.fill(&shoe, painter.facing(rgb(0x34_2c28)));
    }
}

fn arms(painter: &mut Painter, sleeve: Colour, tone: Colour, stride: f32) {
    for side in [-1.0, 1.0] {
        let hand = at(side * 25.0 + stride * 0.5, 80.0);
        let (shoulder, elbow) = (ring(side * 17.0, 136.0, 6.5), ring(side * 24.0, 108.0, 5.5));
        skin::body(painter, &[shoulder, elbow, ring(hand.x, hand.y, 4.5)], &cloth(sleeve));
        painter.canvas.disc(hand - at(0.0, 5.0), 5.0, painter.facing(tone));
    }
}

fn head(painter: &mut Painter, tone: Colour, hair: Colour, hat: Option<Colour>) {
    skin::body(painter, &[ring(0.0, 152.0, 8.5), ring(0.0, 161.0, 10.0)], &cloth(tone));
    painter.canvas.fill(&oval(at(0.0, 168.0), at(10.8, 7.0)), painter.facing(hair));
    if let Some(hat) = hat {
        let straw = painter.facing(hat);
        painter.canvas.fill(&oval(at(0.0, 168.0), at(20.0, 3.5)), straw);
        painter.canvas.fill(&oval(at(0.0, 173.0), at(10.0, 6.0)), straw);
    }
    for eye in [-3.6, 3.6] {
        painter.canvas.disc(at(eye, 160.0), 1.3, rgb(0x22_1a16));
    }
}
