//! A head seen from the side.

use super::anatomy::Head;
use super::crown::Aspect;
use super::{crown, ear, eye};
use crate::paint::drawing::canvas::{Ink, Placement};
use crate::paint::drawing::coat::Coat;
use crate::paint::drawing::colour::rgb;
use crate::paint::drawing::geometry::{Bounds, Point, Side, at, oval};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::Tube;

impl Head {
    /// The extent of the head in its own frame, with room for what stands on it.
    pub(crate) fn bounds(&self) -> Bounds {
        let reach = self.ear.length;
        let tip = self.ear_root + at(-libm::sinf(self.ear_lean), libm::cosf(self.ear_lean)) * reach;
        let crown = self.crown_root + at(0.0, self.crown.height());
        Tube::through(&self.skull).bounds().joined(Bounds::around([tip, crown]))
    }

    /// Draws the head where `placement` puts it.
    pub(crate) fn draw(&self, painter: &mut Painter, coat: &Coat, placement: Placement) {
        painter.within(placement, |painter| {
            let near_coat = ear::coat_of(coat);
            let far_coat = near_coat.dyed(near_coat.colour.lit(0.78));
            let near = ear::Stand {
                root: self.ear_root,
                lean: self.ear_lean,
                tip: Side::Right,
                shows: ear::Surface::Opening,
            };
            let far = ear::Stand {
                root: self.ear_root + at(self.ear.half * 1.1, 0.2),
                lean: self.ear_lean - 0.22,
                shows: ear::Surface::Back,
                ..near
            };
            ear::draw(painter, self.ear, &far_coat, far);
            let skull = Tube::through(&self.skull);
            skin::paint(painter, &skull, coat);
            self.muzzle(painter, &skull);
            self.halter(painter, &skull);
            crown::draw(painter, &self.crown, self.crown_root, Aspect::Profile);
            self.features(painter);
            ear::draw(painter, self.ear, &near_coat, near);
        });
    }

    /// Colors the tip of the skull.
    fn muzzle(&self, painter: &mut Painter, skull: &Tube) {
        painter.canvas.clip(&skull.silhouette());
        let tip = skull.spot(1.0, 0.0).place;
        let reach = skull.length() * 0.3;
        let colour = painter.facing(self.muzzle);
        let ink =
            Ink::Around { centre: tip, radius: reach, inner: colour, outer: colour.alpha(0.0) };
        painter.canvas.disc(tip, reach, ink);
        painter.canvas.unclip();
    }

    /// A band around the nose and a strap to the back of the head.
    fn halter(&self, painter: &mut Painter, skull: &Tube) {
        if let Some(colour) = self.halter {
            let colour = painter.facing(colour);
            let width = self.eye_size * 0.55;
            let band: Vec<Point> =
                [0.98, 0.4, -0.4, -0.98].map(|across| skull.spot(0.72, across).place).to_vec();
            painter.canvas.line(&band, width, colour);
            let strap = [
                skull.spot(0.72, -0.2).place,
                skull.spot(0.25, -0.55).place,
                skull.spot(0.12, 0.5).place,
            ];
            painter.canvas.line(&strap, width, colour.lit(0.9));
        }
    }

    fn features(&self, painter: &mut Painter) {
        let size = self.eye_size;
        let pixel = painter.canvas.pixel();
        eye::draw(painter, self.eye, size, self.iris);
        let dark = painter.facing(rgb(0x2a_211d));
        let lip = self.mouth[0].toward(self.mouth[1], 0.5) + at(0.0, -size * 0.18);
        let width = (size * 0.22).max(pixel * 0.5);
        painter.canvas.line(&[self.mouth[0], lip, self.mouth[1]], width, dark.alpha(0.75));
        let slit = oval(at(0.0, 0.0), at(size * 0.42, size * 0.22));
        let turned: Vec<Point> =
            slit.into_iter().map(|point| self.nostril + point.turned(0.7)).collect();
        painter.canvas.fill(&turned, dark.alpha(0.9));
    }
}
