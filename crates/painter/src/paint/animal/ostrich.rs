//! The ostrich: shaggy feathers on long bare legs, and a long thin neck.

use super::bird::Bird;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::rgb;
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// An ostrich.
pub(crate) fn ostrich(random: &mut Random) -> Bird {
    let feathers = rgb(random.pick([0x38_3230, 0x78_6a5c, 0x5a_5048, 0xa8_9c8c]));
    let down = rgb(random.pick([0xd8_b8a4, 0xc0_a494]));
    Bird {
        body: vec![
            ring(-34.0, 104.0, 14.0),
            ring(-16.0, 104.0, 27.0),
            ring(10.0, 102.0, 26.0),
            ring(26.0, 104.0, 16.0),
        ],
        neck_root: at(26.0, 108.0),
        neck_length: 88.0,
        neck_half: [6.0, 3.2],
        head: 6.2,
        beak: 11.0,
        beak_colour: rgb(0xb8_9070),
        comb: None,
        leg_length: 74.0,
        leg_half: 4.6,
        leg_colour: rgb(0xcc_a890),
        tail: 22.0,
        feathers: Coat::plain(feathers, Texture::Locks, 15.0),
        down: Coat::plain(down, Texture::Shaggy, 2.2),
    }
}
