//! Props behind the subject, the same for every class of images.

use super::setting::Setting;
use super::{View, shadow};
use crate::paint::animal::{dog, poultry, sheep};
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::geometry::{Point, Side, at};
use crate::paint::drawing::painter::Painter;
use crate::paint::figure::{Figure, Stance};
use crate::paint::random::Random;
use crate::paint::thing::{building, person, plant, plush, vehicle, yard};

/// How a prop is made.
pub(crate) type Make = fn(&mut Random) -> Box<dyn Figure>;

/// Outdoor props; one that is listed twice is drawn twice as often.
const OUTDOORS: [Make; 18] = [
    plant::tree,
    plant::tree,
    plant::tree,
    plant::fir,
    plant::bush,
    plant::bush,
    plant::flowers,
    yard::rock,
    yard::bale,
    yard::fence,
    yard::fence,
    building::house,
    building::barn,
    vehicle::tractor,
    vehicle::car,
    person::person,
    grazing_sheep,
    standing_hen,
];

/// Indoor props.
const INDOORS: [Make; 7] = [
    yard::bale,
    yard::bucket,
    yard::bucket,
    yard::ball,
    plush::teddy,
    standing_hen,
    person::person,
];

/// Props for barren places.
const BARREN: [Make; 8] = [
    yard::rock,
    yard::rock,
    plant::cactus,
    plant::bush,
    person::person,
    vehicle::car,
    walking_dog,
    building::house,
];

fn grazing_sheep(random: &mut Random) -> Box<dyn Figure> {
    sheep::sheep(random).posed(Stance::Grazing, random)
}

fn walking_dog(random: &mut Random) -> Box<dyn Figure> {
    dog::dog(random).posed(Stance::Walking, random)
}

fn standing_hen(random: &mut Random) -> Box<dyn Figure> {
    poultry::hen(random).posed(Stance::Standing, random)
}

/// Draws a few props, the farthest first.
pub(crate) fn scatter(painter: &mut Painter, view: &View) {
    let random = &mut painter.random;
    let count = random.below(5);
    let mut feet: Vec<Point> = (0..count)
        .map(|_| {
            let depth = (view.size.y - view.ground_start()) * random.between(0.04, 0.36);
            at(random.between(-6.0, view.size.x + 6.0), view.ground_start() + depth)
        })
        .collect();
    feet.sort_by(|one, other| one.y.total_cmp(&other.y));
    for foot in feet {
        let make = choose(&mut painter.random, view.setting);
        let figure = make(&mut painter.random);
        let scale = scale_at(view, foot);
        shadow::draw(painter, view, foot, figure.bounds().size() * scale);
        let placement = Placement::standing(foot, scale, Side::either(&mut painter.random));
        painter.within(placement, |painter| figure.draw(painter));
    }
}

fn choose(random: &mut Random, setting: Setting) -> Make {
    match setting {
        Setting::Stable | Setting::Studio => random.pick(INDOORS),
        Setting::Desert | Setting::Beach | Setting::Highland => random.pick(BARREN),
        Setting::Snowfield if random.chance(0.25) => plush::snowman,
        _ => random.pick(OUTDOORS),
    }
}

/// Pixels for each centimeter of something that stands at `foot`.
fn scale_at(view: &View, foot: Point) -> f32 {
    let depth = foot.y - view.horizon;
    if view.setting.is_outdoors() { (depth / 130.0).max(0.03) } else { 0.30 + depth * 0.006 }
}
