//! Rain, snow and fog.

use super::{MARGIN, View};
use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{WHITE, rgb};
use crate::paint::drawing::geometry::{at, rectangle};
use crate::paint::drawing::painter::Painter;

/// The weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Clear,
    Rain,
    Snowfall,
    Fog,
}

/// The weathers, with the number of images out of a hundred.
pub(crate) const WEATHERS: [(Weather, u32); 4] =
    [(Weather::Clear, 80), (Weather::Rain, 6), (Weather::Snowfall, 6), (Weather::Fog, 8)];

/// Draws the weather over everything; under a roof there is none.
pub(crate) fn draw(painter: &mut Painter, view: &View, weather: Weather) {
    if !view.setting.is_outdoors() {
        return;
    }
    match weather {
        Weather::Clear => {}
        Weather::Rain => {
            let slant = painter.random.wobble(3.0);
            for _ in 0..110 {
                let x = painter.random.between(-MARGIN, view.size.x + MARGIN);
                let y = painter.random.between(-MARGIN, view.size.y);
                let end = at(x + slant, y + painter.random.between(6.0, 12.0));
                painter.canvas.line(&[at(x, y), end], 0.5, rgb(0xdc_e4ec).alpha(0.4));
            }
        }
        Weather::Snowfall => {
            for _ in 0..130 {
                let x = painter.random.between(-MARGIN, view.size.x + MARGIN);
                let y = painter.random.between(-MARGIN, view.size.y + MARGIN);
                let size = painter.random.between(0.4, 1.5);
                painter.canvas.disc(at(x, y), size, WHITE.alpha(0.8));
            }
        }
        Weather::Fog => {
            let mist = rgb(0xd8_dcde);
            let ink = Ink::Along {
                from: (at(0.0, view.horizon * 0.5), mist.alpha(0.5)),
                to: (at(0.0, view.size.y), mist.alpha(0.12)),
            };
            let corner = at(view.size.x + MARGIN, view.size.y + MARGIN);
            painter.canvas.fill(&rectangle(at(-MARGIN, -MARGIN), corner), ink);
        }
    }
}
