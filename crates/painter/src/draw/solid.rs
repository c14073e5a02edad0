//! Objects of a few rounded parts, seen from any side.

use alpaca_random::Generator;

use super::body::{self, Light, Part, rotation};
use super::canvas::Canvas;
use super::colour;
use super::scene;

const TAU: f32 = std::f32::consts::TAU;

pub(super) fn draw(canvas: &mut Canvas, of_class: &mut Generator, own: &mut Generator) {
    let n_parts = 1 + (of_class.uniform() * 5.0) as usize;
    let wool = (of_class.between(0.0, 0.8) * of_class.uniform(), of_class.between(2.0, 12.0));
    let (spots, spot_scale) = (of_class.between(0.0, 0.7), of_class.between(0.8, 5.0));
    let colours = [colour::any(own), colour::any(own)];
    let mut parts: Vec<Part> = (0..n_parts)
        .map(|_| {
            let radii = [(); 3].map(|()| of_class.between(0.12, 0.6));
            let middle = [(); 3].map(|()| of_class.between(-0.5, 0.5));
            let angles = [(); 3].map(|()| of_class.between(0.0, TAU));
            let axes = rotation(angles[0], angles[1], angles[2]);
            Part { middle, radii, axes, colours, spots, spot_scale, wool }
        })
        .collect();
    let behind = own.uniform();
    if behind < 0.5 {
        scene::landscape(canvas, own);
    } else {
        scene::ground(canvas, own);
    }
    let view = rotation(own.between(0.0, TAU), own.between(-0.9, 0.9), own.between(-0.5, 0.5));
    let scale = own.between(0.6, 1.1);
    let place = [own.between(-0.3, 0.3), own.between(-0.3, 0.3)];
    for part in &mut parts {
        *part = part.turned(view).placed(scale, place);
    }
    let light = Light::any(own);
    body::paint(canvas, &parts, light, own.next_u32());
}
