//! Scenes: a place at an hour, with things in it, behind and in front of the subject.

pub mod front;
pub mod ground;
pub mod hour;
pub mod indoor;
pub mod prop;
pub mod ridge;
pub mod setting;
pub mod shadow;
pub mod sky;
pub mod weather;

use crate::drawing::geometry::{Point, Side};
use crate::drawing::painter::Painter;
use crate::random::Random;
use hour::Hour;
use setting::Setting;

/// How far a scene reaches beyond the edges of the picture, so that the picture can be tilted.
pub const MARGIN: f32 = 24.0;

/// Where the camera stands and what it looks at.
pub struct View {
    /// The width and height of the picture.
    pub size: Point,
    /// How far down the horizon lies.
    pub horizon: f32,
    pub setting: Setting,
    pub hour: Hour,
    /// The side the light comes from.
    pub light_side: Side,
}

impl View {
    /// A view of `setting` at `hour`.
    pub fn new(size: Point, setting: Setting, hour: Hour, random: &mut Random) -> Self {
        let horizon = size.y * random.between(0.24, 0.58);
        Self { size, horizon, setting, hour, light_side: Side::either(random) }
    }

    /// How far down the ground begins.
    pub fn ground_start(&self) -> f32 {
        let sea = if self.setting == Setting::Beach { self.size.y * 0.09 } else { 0.0 };
        self.horizon + sea
    }
}

/// Draws everything behind the subject.
pub fn backdrop(painter: &mut Painter, view: &View) {
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
