//! Backgrounds: plain or clouded, and landscapes with a sky.

use alpaca_random::Generator;

use super::canvas::Canvas;
use super::colour::{self, Colour, hsv, mix};
use super::noise::layered;

/// A background for abstract figures.
pub(super) fn ground(canvas: &mut Canvas, own: &mut Generator) {
    let colours: [Colour; 2] = [(); 2].map(|()| colour::any(own));
    let kind = own.uniform();
    let (scale, seed) = (own.between(1.0, 6.0), own.next_u32());
    let angle = own.between(0.0, std::f32::consts::TAU);
    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
    canvas.paint(|x, y, _| {
        let share = if kind < 0.2 {
            0.0
        } else if kind < 0.5 {
            (x * cos + y * sin) * 0.4 + 0.5
        } else {
            layered(x * scale, y * scale, seed, 4)
        };
        mix(colours[0], colours[1], share.clamp(0.0, 1.0))
    });
}

/// A landscape: a sky above a horizon, hills or trees on it, and ground with grain. Gives the
/// height of the horizon.
pub(super) fn landscape(canvas: &mut Canvas, own: &mut Generator) -> f32 {
    let horizon = own.between(-0.2, 0.7);
    let sky = sky(own);
    let hue = if own.uniform() < 0.6 { own.between(0.18, 0.38) } else { own.between(0.05, 0.14) };
    let near = hsv(hue, own.between(0.2, 0.7), own.between(0.2, 0.75));
    let far = hsv(hue + own.between(-0.05, 0.05), own.between(0.1, 0.6), own.between(0.25, 0.85));
    let trees = hsv(own.between(0.2, 0.42), own.between(0.2, 0.7), own.between(0.08, 0.4));
    let (tree_height, tree_scale) = (own.between(0.0, 0.5), own.between(1.0, 5.0));
    let (grain, contrast) = (own.between(4.0, 20.0), own.between(0.1, 0.9));
    let [cloud_seed, tree_seed, ground_seed] = [(); 3].map(|()| own.next_u32());
    let cloud_scale = own.between(0.6, 2.5);
    canvas.paint(|x, y, _| {
        let above = y - horizon;
        let top = tree_height * layered(x * tree_scale + 9.0, 0.5, tree_seed, 4);
        if above > top {
            let clouds = layered(x * cloud_scale, y * cloud_scale * 2.0, cloud_seed, 4);
            mix(sky[0], sky[1], ((clouds - 0.35) * 2.0 + above * 0.3).clamp(0.0, 1.0))
        } else if above > 0.0 {
            let leaves = layered(x * 12.0, y * 12.0, tree_seed ^ 1, 3);
            colour::lit(trees, 0.5 + leaves)
        } else {
            // Nearer ground has a coarser grain.
            let depth = 1.0 / (0.3 - above);
            let blades = layered(x * grain * depth.sqrt(), y * grain * depth, ground_seed, 4);
            let ground = mix(far, near, (-above).clamp(0.0, 1.0));
            colour::lit(ground, 1.0 + contrast * (blades - 0.5) * 2.0)
        }
    });
    horizon
}

/// The colors of a sky, or of a wall.
fn sky(own: &mut Generator) -> [Colour; 2] {
    if own.uniform() < 0.7 {
        let blue = hsv(own.between(0.54, 0.62), own.between(0.1, 0.6), own.between(0.6, 1.0));
        [blue, hsv(0.1, own.between(0.0, 0.1), own.between(0.75, 1.0))]
    } else {
        let any = colour::any(own);
        [any, colour::lit(any, own.between(0.6, 1.1))]
    }
}
