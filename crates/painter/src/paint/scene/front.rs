//! Occluders between the camera and the subject.

use super::ground::{Cover, Ground, blade};
use super::prop::Make;
use super::{MARGIN, View};
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::{Point, Side, at, oval};
use crate::paint::drawing::painter::Painter;
use crate::paint::thing::{plant, yard};

/// An occluder that hides a part of the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Nothing,
    TallGrass,
    Fence,
    Rock,
    Bush,
    Flowers,
}

/// The screens, with the number of images out of a hundred.
pub(crate) const SCREENS: [(Screen, u32); 6] = [
    (Screen::Nothing, 62),
    (Screen::TallGrass, 12),
    (Screen::Fence, 10),
    (Screen::Rock, 5),
    (Screen::Bush, 5),
    (Screen::Flowers, 6),
];

/// Draws `screen` along the bottom of the image.
pub(crate) fn draw(painter: &mut Painter, view: &View, screen: Screen) {
    match screen {
        Screen::Nothing => {}
        Screen::TallGrass => tall_grass(painter, view),
        Screen::Fence => fence(painter, view),
        Screen::Rock => thing(painter, view, yard::rock, 0.26),
        Screen::Bush => thing(painter, view, plant::bush, 0.32),
        Screen::Flowers => {
            for _ in 0..3 {
                thing(painter, view, plant::flowers, 0.17);
            }
        }
    }
}

fn tall_grass(painter: &mut Painter, view: &View) {
    const BLADES: u8 = 170;
    let ground = view.setting.ground();
    let colour = match ground.cover {
        Cover::Grass => ground.near,
        Cover::Earth | Cover::Sand => rgb(0xb4_a468),
        Cover::Snow => rgb(0xb8_ac84),
        Cover::Straw | Cover::Boards => rgb(0xcc_b070),
    };
    let length = view.size.y * painter.random.between(0.12, 0.24);
    for step in 0..BLADES {
        let x = painter.random.between(-MARGIN, view.size.x + MARGIN);
        let y = view.size.y + 12.0 - 10.0 * f32::from(step) / f32::from(BLADES);
        blade(painter, at(x, y), length, colour);
    }
}

fn fence(painter: &mut Painter, view: &View) {
    let wood = rgb(painter.random.pick(yard::WOODS));
    let scale = view.size.y * painter.random.between(0.30, 0.42) / yard::FENCE_HEIGHT;
    let drop = view.size.y * painter.random.between(0.0, 0.08);
    let width = (view.size.x + 2.0 * MARGIN) / scale;
    let posts = painter.random.pick([2, 3, 4]);
    let foot = at(view.size.x * 0.5, view.size.y + drop);
    painter.within(Placement::standing(foot, scale, Side::Right), |painter| {
        yard::rails_and_posts(painter, width, posts, wood);
    });
}

/// Draws a thing near the bottom edge, as high as `share` of the image.
fn thing(painter: &mut Painter, view: &View, make: Make, share: f32) {
    let figure = make(&mut painter.random);
    let scale = view.size.y * share / figure.bounds().size().y;
    let x = view.size.x * painter.random.between(0.05, 0.95);
    let y = view.size.y * painter.random.between(1.0, 1.06);
    let placement = Placement::standing(at(x, y), scale, Side::Right);
    painter.within(placement, |painter| figure.draw(painter));
}

/// Draws the ground cover that reaches over the feet of something `width` wide at `foot`.
pub(crate) fn at_feet(painter: &mut Painter, view: &View, foot: Point, width: f32) {
    let Ground { cover, far, near } = view.setting.ground();
    let colour = far.mix(near, (foot.y / view.size.y).clamp(0.0, 1.0));
    let size = (width * 0.06).clamp(2.0, 9.0);
    for _ in 0..70 {
        let aside = painter.random.wobble(width * 0.65);
        let place = foot + at(aside, painter.random.between(-0.1, 0.6) * size);
        wisp(painter, cover, place, size, colour);
    }
}

/// Draws a tuft of the ground cover.
fn wisp(painter: &mut Painter, cover: Cover, place: Point, size: f32, colour: Colour) {
    match cover {
        Cover::Grass => blade(painter, place, size, colour),
        Cover::Snow => {
            painter.canvas.fill(&oval(place, at(0.7, 0.2) * size), colour.alpha(0.5));
        }
        Cover::Straw => {
            let way = at(painter.random.wobble(0.9), painter.random.wobble(0.3)) * size;
            let shade = colour.varied(&mut painter.random, 0.2);
            painter.canvas.line(&[place, place + way], 0.7, shade);
        }
        Cover::Earth | Cover::Sand => {
            let shade = colour.varied(&mut painter.random, 0.1).alpha(0.35);
            painter.canvas.fill(&oval(place, at(0.4, 0.1) * size), shade);
        }
        Cover::Boards => {}
    }
}
