//! The natural colors of animals that are kept for wool or come in many colors.

use crate::paint::drawing::coat::Coat;
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::random::Random;

const WHITES: [u32; 3] = [0xf4_ebd8, 0xfa_f4e8, 0xee_e0c4];
const FAWNS: [u32; 3] = [0xd9_b27c, 0xc6_935c, 0xe0_c496];
const BROWNS: [u32; 3] = [0x8a_552f, 0x70_4024, 0x5a_3826];
const DARKS: [u32; 3] = [0x3a_302c, 0x46_3a34, 0x2e_2a2c];
const GREYS: [u32; 3] = [0xa8_a29c, 0x80_7a78, 0xc4_beb6];

/// A main color, and a second one for patches; drawn alike for every animal that uses it.
pub(crate) fn colours(random: &mut Random) -> (Colour, Colour) {
    let shades = random.pick([WHITES, WHITES, FAWNS, FAWNS, BROWNS, BROWNS, DARKS, GREYS]);
    let colour = rgb(random.pick(shades)).varied(random, 0.05);
    let second = if colour.brightness() > 0.7 { random.pick(BROWNS) } else { random.pick(WHITES) };
    (colour, rgb(second))
}

/// `coat` with two patches of `second` on the body.
pub(crate) fn patched(coat: Coat, second: Colour, random: &mut Random) -> Coat {
    let middle = at(random.between(-30.0, 20.0), random.between(65.0, 95.0));
    let half = at(random.between(14.0, 26.0), random.between(12.0, 22.0));
    let other = at(middle.x + random.between(30.0, 50.0), middle.y + random.between(10.0, 50.0));
    coat.marked(middle, half, second).marked(other, half * random.between(0.6, 1.2), second)
}

/// The color of a halter, for the few animals that wear one.
pub(crate) fn halter(random: &mut Random) -> Option<Colour> {
    let colour = rgb(random.pick([0xb8_3434, 0x30_58a8, 0x38_8048, 0x58_3c80, 0x90_5c30]));
    random.chance(0.18).then_some(colour)
}
