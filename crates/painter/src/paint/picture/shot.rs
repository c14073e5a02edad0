//! How the subject stands in the frame: its stance, its size and its place.

use super::deal::Deal;
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::geometry::{Bounds, Side, at, mix};
use crate::paint::figure::{Figure, Stance};
use crate::paint::random::Random;
use crate::paint::scene::View;

/// A way to frame a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shot {
    /// All of the subject.
    Whole(Stance),
    /// Its head and a part of its neck.
    Portrait(Stance),
    /// An edge of the image cuts off its hind part.
    Cut(Stance),
}

/// The shots, with the number of images out of a hundred.
pub(crate) const SHOTS: [(Shot, u32); 13] = [
    (Shot::Whole(Stance::Standing), 15),
    (Shot::Whole(Stance::Walking), 10),
    (Shot::Whole(Stance::Turned), 14),
    (Shot::Whole(Stance::Frontal), 9),
    (Shot::Whole(Stance::Grazing), 11),
    (Shot::Whole(Stance::Lying), 6),
    (Shot::Whole(Stance::LyingTurned), 6),
    (Shot::Portrait(Stance::Standing), 9),
    (Shot::Portrait(Stance::Frontal), 8),
    (Shot::Portrait(Stance::Turned), 4),
    (Shot::Cut(Stance::Standing), 3),
    (Shot::Cut(Stance::Turned), 3),
    (Shot::Cut(Stance::Lying), 2),
];

impl Shot {
    /// The stance of the subject.
    pub(crate) fn stance(self) -> Stance {
        match self {
            Self::Whole(stance) | Self::Portrait(stance) | Self::Cut(stance) => stance,
        }
    }

    /// The placement of `figure`.
    pub(crate) fn placement(
        self,
        deal: &Deal<'_>,
        view: &View,
        figure: &dyn Figure,
        random: &mut Random,
    ) -> Placement {
        let share = deal.share("size");
        let side = Side::either(random);
        match self {
            Self::Whole(_) => {
                let scale = scale_to_cover(view, figure.bounds(), mix(0.24, 0.80, share), 0.96);
                let room = (view.size.x - figure.bounds().size().x * scale) * 0.5;
                let x = view.size.x * 0.5 + random.wobble(room.max(4.0));
                grounded(view, figure.bounds(), x, scale, side, share + random.wobble(0.3))
            }
            Self::Cut(_) => {
                let scale = scale_to_cover(view, figure.bounds(), mix(0.55, 0.95, share), 1.5);
                let inset = figure.bounds().size().x * scale * (0.5 - random.between(0.08, 0.22));
                let x = match side {
                    Side::Right => inset,
                    Side::Left => view.size.x - inset,
                };
                grounded(view, figure.bounds(), x, scale, side, share + random.wobble(0.3))
            }
            Self::Portrait(_) => {
                let focus = figure.focus();
                let height = view.size.y * mix(0.55, 1.0, share);
                let scale = height / focus.size().y.max(focus.size().x * 0.8);
                let x = view.size.x * (0.5 + random.wobble(0.14));
                let y = view.size.y * (0.5 + random.wobble(0.07));
                let middle = at(focus.centre().x * side.sign(), -focus.centre().y);
                Placement::standing(at(x, y) - middle * scale, scale, side)
            }
        }
    }
}

/// The scale at which a figure covers `share` of the image but at most `most` of its sides.
fn scale_to_cover(view: &View, bounds: Bounds, share: f32, most: f32) -> f32 {
    let size = bounds.size();
    let by_area = share * (view.size.x * view.size.y / (size.x * size.y)).sqrt();
    by_area.min(view.size.x * most / size.x).min(view.size.y * most.min(1.05) / size.y)
}

/// Puts the middle of a figure at `x` on the ground, the closer to the viewer the closer `near` is
/// to one.
fn grounded(view: &View, bounds: Bounds, x: f32, scale: f32, side: Side, near: f32) -> Placement {
    let height = bounds.high.y * scale;
    let lowest = view.size.y * 0.97;
    let highest = (view.ground_start() + view.size.y * 0.10).max(height + 3.0).min(lowest);
    let y = mix(highest, lowest, near.clamp(0.0, 1.0));
    Placement::standing(at(x - bounds.centre().x * scale * side.sign(), y), scale, side)
}
