//! The recipe of an image: a scene, a subject in it, and the camera effects.

pub(crate) mod blur;
pub(crate) mod camera;
pub(crate) mod deal;
pub(crate) mod shot;
pub(crate) mod subject;

use camera::Camera;
use deal::Deal;
use shot::Shot;
use subject::Class;

use crate::paint::Painting;
use crate::paint::drawing::canvas::{Canvas, Placement};
use crate::paint::drawing::geometry::{Side, at};
use crate::paint::drawing::painter::Painter;
use crate::paint::figure::{Figure, Stance};
use crate::paint::random::Random;
use crate::paint::scene::front::Screen;
use crate::paint::scene::{self, View, front, hour, setting, shadow, weather};

/// Widths and heights, with the number of images out of ten.
const SIZES: [((u32, u32), u32); 3] = [((192, 192), 7), ((208, 156), 2), ((156, 208), 1)];

/// The size of an image.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// In pixels.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The pixels per unit. Images of all sizes show the same area, 192 by 192 units.
    pub(crate) fineness: f32,
}

impl Frame {
    /// A frame of this many pixels.
    pub(crate) fn of(width: u32, height: u32) -> Self {
        let fineness = (width as f32 * height as f32).sqrt() / 192.0;
        Self { width, height, fineness }
    }
}

/// Draws the image numbered `index` of `class`.
pub(crate) fn draw(class: &Class, index: u32, seed: u64) -> Painting {
    let deal = Deal { seed, class: class.folder, index, count: class.count() };
    let (width, height) = deal.choose("frame", &SIZES);
    let make = deal.choose("subject", class.subjects);
    let frame = Frame { width, height, fineness: 1.0 };
    take(&deal, frame, make.as_ref().map(|make| make as &Making<'_>))
}

/// How a subject is made for one image.
pub(crate) type Making<'a> = dyn Fn(Stance, &mut Random) -> Box<dyn Figure> + 'a;

/// Draws an image of a subject, or of a scene without one.
pub(crate) fn take(deal: &Deal<'_>, frame: Frame, make: Option<&Making<'_>>) -> Painting {
    let Frame { width, height, fineness } = frame;
    let size = at(width as f32, height as f32) * (1.0 / fineness);
    let setting = deal.choose("setting", &setting::SETTINGS);
    let hour = deal.choose("hour", &hour::HOURS);
    let view = View::new(size, setting, hour, &mut deal.random("view"));
    let mut painter = Painter {
        canvas: Canvas::new(width, height, fineness),
        light: hour.light(view.light_side),
        random: deal.random("paint"),
    };
    // A third of the images are tilted around their middle, and enlarged to fill the corners.
    let tilt = if deal.share("tilt") < 0.3 { deal.random("lean").wobble(0.07) } else { 0.0 };
    let zoom = 1.0 + tilt.abs() * 0.9;
    let tilted = Placement { origin: size * 0.5, scale: at(zoom, zoom), turn: tilt };
    painter.within(tilted, |painter| {
        let corner = Placement::moved(size * -0.5);
        painter.within(corner, |painter| compose(painter, &view, deal, make));
    });
    if deal.share("focus") > 0.88 {
        blur::apply(&mut painter.canvas, 0.5);
    }
    let mut random = deal.random("camera");
    Camera::new(hour, &mut random).develop(&mut painter.canvas, &mut random)
}

/// Draws the scene with the subject in it.
fn compose(painter: &mut Painter, view: &View, deal: &Deal<'_>, make: Option<&Making<'_>>) {
    let shot = deal.choose("shot", &shot::SHOTS);
    scene::backdrop(painter, view);
    let depth = deal.share("depth");
    let radius = match shot {
        Shot::Portrait(_) => 1.0 + depth * 2.0,
        Shot::Whole(_) | Shot::Cut(_) => (depth - 0.45).max(0.0) * 2.4,
    };
    blur::apply(&mut painter.canvas, radius);
    if let Some(make) = make {
        subjects(painter, view, deal, make, shot);
    }
    let screen = match (deal.choose("screen", &front::SCREENS), shot.stance()) {
        // Ground cover would hide a lowered head.
        (Screen::TallGrass | Screen::Rock | Screen::Bush, Stance::Grazing) => Screen::Nothing,
        (screen, _) => screen,
    };
    front::draw(painter, view, screen);
    weather::draw(painter, view, deal.choose("weather", &weather::WEATHERS));
}

/// Draws the subject, sometimes with one or two of its kind beside it.
fn subjects(painter: &mut Painter, view: &View, deal: &Deal<'_>, make: &Making<'_>, shot: Shot) {
    let mut random = deal.random("pose");
    let figure = make(shot.stance(), &mut random);
    let placement = shot.placement(deal, view, figure.as_ref(), &mut random);
    let companions = match shot {
        Shot::Whole(_) => deal.choose("company", &[(0, 78), (1, 13), (2, 9)]),
        Shot::Portrait(_) | Shot::Cut(_) => 0,
    };
    for _ in 0..companions {
        companion(painter, view, make, placement, &mut random);
    }
    stand(painter, view, figure.as_ref(), placement);
}

/// Draws another of the same kind a little farther away.
fn companion(
    painter: &mut Painter,
    view: &View,
    make: &Making<'_>,
    lead: Placement,
    random: &mut Random,
) {
    let stance = random.pick([Stance::Standing, Stance::Walking, Stance::Grazing, Stance::Turned]);
    let figure = make(stance, random);
    let scale = lead.scale.y.abs() * random.between(0.62, 0.88);
    let aside = figure.bounds().size().x * scale * random.between(0.55, 0.95);
    let back = (lead.origin.y - view.ground_start()) * random.between(0.12, 0.35);
    let foot = lead.origin + at(aside * Side::either(random).sign(), -back);
    let placement = Placement::standing(foot, scale, Side::either(random));
    stand(painter, view, figure.as_ref(), placement);
}

/// Draws `figure` with its shadow, and the ground cover over its feet.
fn stand(painter: &mut Painter, view: &View, figure: &dyn Figure, placement: Placement) {
    let bounds = figure.bounds();
    let foot = placement.origin + at(bounds.centre().x * placement.scale.x, 0.0);
    let size = bounds.size() * placement.scale.y.abs();
    shadow::draw(painter, view, foot, size);
    painter.within(placement, |painter| figure.draw(painter));
    front::at_feet(painter, view, foot, size.x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_depends_on_its_class_number_and_seed_alone() {
        let [_, others] = &subject::CLASSES;
        let first = draw(others, 7, 1);
        draw(others, 8, 1);
        assert_eq!(first.pixels, draw(others, 7, 1).pixels);
        assert_ne!(first.pixels, draw(others, 7, 2).pixels);
    }
}
