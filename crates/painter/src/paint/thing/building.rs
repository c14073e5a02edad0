//! Houses and barns.

use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::{Point, at, rectangle};
use crate::paint::drawing::painter::Painter;
use crate::paint::figure::{Figure, Still};
use crate::paint::random::Random;

/// A house with windows and a chimney.
pub(crate) fn house(random: &mut Random) -> Box<dyn Figure> {
    let wall = rgb(random.pick([0xec_e0c8, 0xd8_b890, 0xc8_d0d0, 0xe0_c0a8, 0xf0_f0e8]));
    let roof = rgb(random.pick([0xa0_4a38, 0x6a_5448, 0x58_5c68, 0x8c_6040]));
    let half = random.between(150.0, 210.0);
    let height = random.between(180.0, 230.0);
    Still::boxed(half * 2.2, height + 130.0, move |painter| {
        shell(painter, half, height, wall, roof);
        let chimney = rectangle(at(half * 0.4, height + 60.0), at(half * 0.55, height + 135.0));
        painter.canvas.fill(&chimney, painter.facing(roof).lit(0.8));
        let door = rectangle(at(-24.0, 0.0), at(24.0, 105.0));
        painter.canvas.fill(&door, painter.facing(roof).lit(0.85));
        for x in [-half * 0.62, half * 0.62] {
            window(painter, at(x, height * 0.55), 26.0);
        }
    })
}

/// A barn of upright boards with a wide gate.
pub(crate) fn barn(random: &mut Random) -> Box<dyn Figure> {
    let wall = rgb(random.pick([0xa0_3a30, 0x88_6444, 0x74_6a60, 0xb0_9470]));
    let roof = rgb(random.pick([0x60_5c5c, 0x78_5040, 0x48_4848]));
    let half = random.between(190.0, 260.0);
    let height = random.between(190.0, 240.0);
    Still::boxed(half * 2.2, height + 150.0, move |painter| {
        shell(painter, half, height, wall, roof);
        for board in 1u8..14 {
            let x = -half + half * 2.0 * f32::from(board) / 14.0;
            painter.canvas.line(&[at(x, 0.0), at(x, height)], 3.0, painter.facing(wall).lit(0.8));
        }
        let gate = rectangle(at(-70.0, 0.0), at(70.0, 150.0));
        painter.canvas.fill(&gate, painter.facing(rgb(0x3c_3028)));
        let trim = painter.facing(rgb(0xe8_e0d4));
        let frame = [at(-70.0, 0.0), at(-70.0, 150.0), at(70.0, 150.0), at(70.0, 0.0)];
        painter.canvas.line(&frame, 9.0, trim);
    })
}

/// Walls under a gabled roof that is seen from the side.
fn shell(painter: &mut Painter, half: f32, height: f32, wall: Colour, roof: Colour) {
    let wall = painter.facing(wall);
    let side = painter.lit_side();
    let ink = Ink::Along {
        from: (at(-half * side, 0.0), wall.lit(0.82)),
        to: (at(half * side, 0.0), wall.lit(1.04)),
    };
    painter.canvas.fill(&rectangle(at(-half, 0.0), at(half, height)), ink);
    let eaves = half * 1.1;
    let gable = [
        at(-eaves, height - 6.0),
        at(-half * 0.72, height + 120.0),
        at(half * 0.72, height + 120.0),
        at(eaves, height - 6.0),
    ];
    let roof = painter.facing(roof);
    let ink = Ink::Along {
        from: (at(0.0, height), roof.lit(0.9)),
        to: (at(0.0, height + 120.0), roof.lit(1.1)),
    };
    painter.canvas.fill(&gable, ink);
    let shadow = rectangle(at(-half, height - 18.0), at(half, height - 6.0));
    painter.canvas.fill(&shadow, wall.lit(0.7).alpha(0.7));
}

fn window(painter: &mut Painter, centre: Point, half: f32) {
    let reach = at(half, half * 1.25);
    let frame = painter.facing(rgb(0xf0_ece4));
    painter.canvas.fill(&rectangle(centre - reach * 1.18, centre + reach * 1.18), frame);
    painter.canvas.fill(&rectangle(centre - reach, centre + reach), painter.facing(rgb(0x50_6478)));
    painter.canvas.line(&[centre - at(0.0, reach.y), centre + at(0.0, reach.y)], 5.0, frame);
    painter.canvas.line(&[centre - at(reach.x, 0.0), centre + at(reach.x, 0.0)], 5.0, frame);
}
