//! How a four-legged animal is built: measures in centimetres, seen from its right side with y up.

use super::front::Front;
use super::side::SideView;
use crate::drawing::coat::Coat;
use crate::drawing::colour::Colour;
use crate::drawing::geometry::Point;
use crate::drawing::tube::Ring;
use crate::figure::{Figure, Stance};
use crate::random::Random;

/// A four-legged animal that stands on the line y = 0 and looks along the x axis.
pub struct Quadruped {
    /// From the rump to the chest.
    pub torso: Vec<Ring>,
    /// What rises from the back.
    pub humps: Vec<Vec<Ring>>,
    pub neck: Neck,
    pub head: Head,
    pub face: Face,
    pub fore: Leg,
    pub hind: Leg,
    pub rest: Rest,
    pub tail: Tail,
    pub coats: Coats,
}

impl Quadruped {
    /// The animal in the given stance.
    pub fn posed(self, stance: Stance, random: &mut Random) -> Box<dyn Figure> {
        if stance == Stance::Frontal {
            Box::new(Front::new(self, random))
        } else {
            Box::new(SideView::new(self, stance, random))
        }
    }

    /// The last ring of the torso.
    pub fn chest(&self) -> Ring {
        self.torso[self.torso.len() - 1]
    }

    /// How high the belly is.
    pub fn belly(&self) -> f32 {
        self.torso.iter().map(|ring| ring.centre.y - ring.half).fold(f32::MAX, f32::min)
    }

    /// Half the height of the torso where it is highest.
    pub fn girth(&self) -> f32 {
        self.torso.iter().map(|ring| ring.half).fold(0.0, f32::max)
    }
}

/// A neck, from the last ring of the torso to the head.
pub struct Neck {
    pub length: f32,
    /// Half its width where it leaves the torso and where it meets the head.
    pub half: [f32; 2],
    /// The angle above the horizon when the animal looks around.
    pub rise: f32,
    /// How far the middle bends to the front.
    pub bow: f32,
    pub mane: Mane,
}

/// Hair along the top of the neck.
pub enum Mane {
    Absent,
    Falling { coat: Coat, half: f32 },
}

/// A head seen from the side; the origin is where it sits on the neck, x points to the nose.
pub struct Head {
    /// From the back of the skull to the nose.
    pub skull: Vec<Ring>,
    pub eye: Point,
    pub eye_size: f32,
    /// The colour of an eye with an upright pupil; other eyes are dark.
    pub iris: Option<Colour>,
    pub nostril: Point,
    /// The two ends of the mouth.
    pub mouth: [Point; 2],
    /// The last part of the skull, in another colour.
    pub muzzle: Colour,
    pub halter: Option<Colour>,
    pub ear_root: Point,
    /// Turn of the ear from straight up, positive to the back.
    pub ear_lean: f32,
    pub ear: Ear,
    pub crown: Crown,
    pub crown_root: Point,
    /// Angle of the face below the horizon when the animal looks around.
    pub pitch: f32,
}

/// A head seen from the front; the origin lies between the eyes.
pub struct Face {
    /// From the top of the skull to the chin.
    pub skull: Vec<Ring>,
    /// The right eye as the viewer sees it.
    pub eye: Point,
    pub muzzle: Point,
    pub muzzle_half: Point,
    pub nose: Nose,
    pub ear_root: Point,
    /// Turn of the ear from straight up, positive away from the middle.
    pub ear_lean: f32,
    pub crown_root: Point,
}

/// The tip of a muzzle seen from the front.
#[derive(Clone, Copy)]
pub enum Nose {
    /// Two slits above a split lip.
    Split,
    /// A dark pad.
    Pad(f32),
    /// Two wide nostrils.
    Wide,
    /// A small pink nose between whiskers.
    Whiskered,
}

/// An ear, from its root to its tip.
#[derive(Clone, Copy)]
pub struct Ear {
    pub shape: EarShape,
    pub length: f32,
    pub half: f32,
    pub inside: Colour,
}

/// What an ear looks like.
#[derive(Clone, Copy)]
pub enum EarShape {
    /// Straight with a point.
    Spear,
    /// Long and bent inward.
    Banana,
    /// Hanging and round at the end.
    Floppy,
    Round,
}

/// What grows on top of a head.
pub enum Crown {
    Bare,
    /// A tuft of hair: half its width and height.
    Topknot {
        half: Point,
        coat: Coat,
    },
    /// Horns that bend to the back.
    BentHorns {
        length: f32,
    },
    /// Short horns to the sides.
    SideHorns {
        length: f32,
    },
    Antlers {
        length: f32,
    },
}

/// A leg.
pub struct Leg {
    /// Where it leaves the torso.
    pub hip: Point,
    /// Half its width at the hip, the middle joint and the ankle.
    pub half: [f32; 3],
    /// How far the middle joint lies in front of the straight line; negative for behind.
    pub bend: f32,
    /// How far down the coat of the thigh reaches, as a share of the leg.
    pub sleeve: f32,
    pub foot: Foot,
}

/// What a leg stands on.
#[derive(Clone, Copy)]
pub enum Foot {
    /// Two toes with a soft sole.
    Toes,
    Hoof,
    Paw,
}

/// How an animal lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// With its legs folded under it.
    Folded,
    /// With its forelegs in front of it.
    Stretched,
}

/// A tail that starts at `root` and points in the direction `fall`.
pub struct Tail {
    pub root: Point,
    pub length: f32,
    pub half: f32,
    /// Angle from pointing straight back, positive upward.
    pub lift: f32,
    pub tuft: Option<Coat>,
}

/// The hair of each part.
pub struct Coats {
    pub body: Coat,
    pub neck: Option<Coat>,
    pub head: Coat,
    /// The upper leg.
    pub thigh: Coat,
    /// The lower leg.
    pub shank: Coat,
}
