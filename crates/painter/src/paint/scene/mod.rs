//! Scenes: a place at an hour, with things in it, behind and in front of the subject.

pub(crate) mod front;
pub(crate) mod ground;
pub(crate) mod hour;
pub(crate) mod indoor;
pub(crate) mod prop;
pub(crate) mod ridge;
pub(crate) mod setting;
pub(crate) mod shadow;
pub(crate) mod sky;
pub(crate) mod weather;

use hour::Hour;
use setting::Setting;

use crate::paint::drawing::geometry::{Point, Side};
use crate::paint::drawing::painter::Painter;
use crate::paint::random::Random;

/// How far a scene reaches beyond the edges of the image, so that the image can be tilted.
pub(crate) const MARGIN: f32 = 24.0;

/// Where the camera stands and what it looks at.
pub(crate) struct View {
    /// The width and height of the image.
    pub(crate) size: Point,
    /// How far down the horizon lies.
    pub(crate) horizon: f32,
    pub(crate) setting: Setting,
    pub(crate) hour: Hour,
    /// The side the light comes from.
    pub(crate) light_side: Side,
}

impl View {
    /// A view of `setting` at `hour`.
    pub(crate) fn new(size: Point, setting: Setting, hour: Hour, random: &mut Random) -> Self {
        let horizon = size.y * random.between(0.24, 0.58);
        Self { size, horizon, setting, hour, light_side: Side::either(random) }
    }

    /// How far down the ground begins.
    pub(crate) fn ground_start(&self) -> f32 {
        let sea = if self.setting == Setting::Beach { self.size.y * 0.09 } else { 0.0 };
        self.horizon + sea
    }
}

/// Draws everything behind the subject.
pub(crate) fn backdrop(painter: &mut Painter, view: &View) {
    if view.setting.is_outdoors() {
        sky::draw(painter, view);
        let ridges = view.setting.ridges();
        for (index, ridge) in ridges.iter().enumerate() {
            let distance = 1.0 - (index as f32 + 1.0) / ridges.len() as f32;
            ridge.draw(painter, view, distance);
        }
    } else {
        indoor::draw(painter, view);
    }
    ground::draw(painter, view);
    prop::scatter(painter, view);
}
