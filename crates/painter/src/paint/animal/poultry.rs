//! Hens and geese.

use super::bird::Bird;
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::rgb;
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A hen.
pub(crate) fn hen(random: &mut Random) -> Bird {
    let (colour, _) = wool::colours(random);
    let feathers = Coat::plain(colour, Texture::Feathers, 4.5);
    Bird {
        body: vec![
            ring(-14.0, 25.0, 7.0),
            ring(-6.0, 22.0, 11.5),
            ring(6.0, 21.0, 11.5),
            ring(12.0, 24.0, 8.5),
        ],
        neck_root: at(12.0, 27.0),
        neck_length: 14.0,
        neck_half: [6.5, 4.2],
        head: 4.8,
        beak: 4.4,
        beak_colour: rgb(0xe0_a840),
        comb: Some(rgb(0xc8_3430)),
        leg_length: 9.0,
        leg_half: 1.2,
        leg_colour: rgb(0xd8_a040),
        tail: 16.0,
        down: feathers.clone(),
        feathers,
    }
}

/// A goose.
pub(crate) fn goose(random: &mut Random) -> Bird {
    let colour = rgb(random.pick([0xf4_f0e8, 0xa8_9c8c, 0xd8_d0c0, 0x78_6c60]));
    let feathers = Coat::plain(colour, Texture::Feathers, 5.0);
    Bird {
        body: vec![
            ring(-24.0, 32.0, 6.0),
            ring(-12.0, 28.0, 13.0),
            ring(6.0, 26.0, 13.5),
            ring(16.0, 29.0, 9.0),
        ],
        neck_root: at(17.0, 34.0),
        neck_length: 38.0,
        neck_half: [6.0, 3.6],
        head: 5.0,
        beak: 8.0,
        beak_colour: rgb(0xe8_9030),
        comb: None,
        leg_length: 11.0,
        leg_half: 1.7,
        leg_colour: rgb(0xe0_8c34),
        tail: 10.0,
        down: feathers.trimmed(Texture::Short, 2.0),
        feathers,
    }
}
