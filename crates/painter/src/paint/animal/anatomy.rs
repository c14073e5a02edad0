//! The anatomy of a four-legged animal: lengths in centimeters, seen from its right side with y up.

use crate::paint::drawing::coat::Coat;
use crate::paint::drawing::colour::Colour;
use crate::paint::drawing::geometry::Point;
use crate::paint::drawing::tube::Ring;

/// A four-legged animal that stands on the line y = 0 and looks along the x axis.
pub(crate) struct Quadruped {
    /// From the rump to the chest.
    pub(crate) torso: Vec<Ring>,
    /// The humps on the back.
    pub(crate) humps: Vec<Vec<Ring>>,
    pub(crate) neck: Neck,
    pub(crate) head: Head,
    pub(crate) face: Face,
    pub(crate) fore: Leg,
    pub(crate) hind: Leg,
    pub(crate) rest: Rest,
    pub(crate) tail: Tail,
    pub(crate) coats: Coats,
}

impl Quadruped {
    /// The last ring of the torso.
    pub(crate) fn chest(&self) -> Ring {
        self.torso[self.torso.len() - 1]
    }

    /// How high the belly is.
    pub(crate) fn belly(&self) -> f32 {
        self.torso.iter().map(|ring| ring.centre.y - ring.half).fold(f32::MAX, f32::min)
    }

    /// Half the height of the torso where it is highest.
    pub(crate) fn girth(&self) -> f32 {
        self.torso.iter().map(|ring| ring.half).fold(0.0, f32::max)
    }
}

/// A neck, from the last ring of the torso to the head.
pub(crate) struct Neck {
    pub(crate) length: f32,
    /// Half its width where it leaves the torso and where it meets the head.
    pub(crate) half: [f32; 2],
    /// The angle above the horizon when the animal looks around.
    pub(crate) rise: f32,
    /// How far the middle bends to the front.
    pub(crate) bow: f32,
    pub(crate) mane: Mane,
}

/// Hair along the top of the neck.
pub(crate) enum Mane {
    Absent,
    Falling { coat: Coat, half: f32 },
}

/// A head seen from the side; the origin is where it sits on the neck, x points to the nose.
pub(crate) struct Head {
    /// From the back of the skull to the nose.
    pub(crate) skull: Vec<Ring>,
    pub(crate) eye: Point,
    pub(crate) eye_size: f32,
    /// The color of an eye with an upright pupil; other eyes are dark.
    pub(crate) iris: Option<Colour>,
    pub(crate) nostril: Point,
    /// The two ends of the mouth.
    pub(crate) mouth: [Point; 2],
    /// The last part of the skull, in another color.
    pub(crate) muzzle: Colour,
    pub(crate) halter: Option<Colour>,
    pub(crate) ear_root: Point,
    /// Turn of the ear from straight up, positive to the back.
    pub(crate) ear_lean: f32,
    pub(crate) ear: Ear,
    pub(crate) crown: Crown,
    pub(crate) crown_root: Point,
    /// Angle of the face below the horizon when the animal looks around.
    pub(crate) pitch: f32,
}

/// A head seen from the front; the origin is between the eyes.
pub(crate) struct Face {
    /// From the top of the skull to the chin.
    pub(crate) skull: Vec<Ring>,
    /// The right eye as the viewer sees it.
    pub(crate) eye: Point,
    pub(crate) muzzle: Point,
    pub(crate) muzzle_half: Point,
    pub(crate) nose: Nose,
    pub(crate) ear_root: Point,
    /// Turn of the ear from straight up, positive away from the middle.
    pub(crate) ear_lean: f32,
    pub(crate) crown_root: Point,
}

/// The tip of a muzzle seen from the front.
#[derive(Clone, Copy)]
pub(crate) enum Nose {
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
pub(crate) struct Ear {
    pub(crate) shape: EarShape,
    pub(crate) length: f32,
    pub(crate) half: f32,
    pub(crate) inside: Colour,
}

/// The shape of an ear.
#[derive(Clone, Copy)]
pub(crate) enum EarShape {
    /// Straight with a point.
    Spear,
    /// Long and bent inward.
    Banana,
    /// Hanging and round at the end.
    Floppy,
    Round,
}

/// The growth on top of a head.
pub(crate) enum Crown {
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
pub(crate) struct Leg {
    /// Where it leaves the torso.
    pub(crate) hip: Point,
    /// Half its width at the hip, the middle joint and the ankle.
    pub(crate) half: [f32; 3],
    /// The distance of the middle joint in front of the straight line; negative if behind it.
    pub(crate) bend: f32,
    /// How far down the coat of the thigh reaches, as a share of the leg.
    pub(crate) sleeve: f32,
    pub(crate) foot: Foot,
}

/// The foot of a leg.
#[derive(Clone, Copy)]
pub(crate) enum Foot {
    /// Two toes with a soft sole.
    Toes,
    Hoof,
    Paw,
}

/// How an animal lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// With its legs folded under it.
    Folded,
    /// With its forelegs in front of it.
    Stretched,
}

/// A tail that starts at `root` and points in the direction `fall`.
pub(crate) struct Tail {
    pub(crate) root: Point,
    pub(crate) length: f32,
    pub(crate) half: f32,
    /// Angle from pointing straight back, positive upward.
    pub(crate) lift: f32,
    pub(crate) tuft: Option<Coat>,
}

/// The hair of each part.
pub(crate) struct Coats {
    pub(crate) body: Coat,
    pub(crate) neck: Option<Coat>,
    pub(crate) head: Coat,
    /// The upper leg.
    pub(crate) thigh: Coat,
    /// The lower leg.
    pub(crate) shank: Coat,
}

impl Coats {
    /// Every coat.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Coat> {
        let Self { body, neck, head, thigh, shank } = self;
        [body, head, thigh, shank].into_iter().chain(neck)
    }
}

impl Head {
    /// Half its height where it is highest.
    pub(crate) fn size(&self) -> f32 {
        self.skull.iter().map(|ring| ring.half).fold(0.0, f32::max)
    }

    /// The same head, `by` times as large.
    pub(crate) fn enlarged(mut self, by: f32) -> Self {
        self.skull.iter_mut().for_each(|ring| *ring = ring.enlarged(by));
        self.eye = self.eye * by;
        self.eye_size *= by;
        self.nostril = self.nostril * by;
        self.mouth = self.mouth.map(|end| end * by);
        self.ear_root = self.ear_root * by;
        self.ear.length *= by;
        self.ear.half *= by;
        self.crown_root = self.crown_root * by;
        match &mut self.crown {
            Crown::Bare => {}
            Crown::Topknot { half, .. } => *half = *half * by,
            Crown::BentHorns { length }
            | Crown::SideHorns { length }
            | Crown::Antlers { length } => *length *= by,
        }
        self
    }
}

impl Face {
    /// The same face, `by` times as large.
    pub(crate) fn enlarged(mut self, by: f32) -> Self {
        self.skull.iter_mut().for_each(|ring| *ring = ring.enlarged(by));
        let Self { eye, muzzle, muzzle_half, ear_root, crown_root, .. } = &mut self;
        for place in [eye, muzzle, muzzle_half, ear_root, crown_root] {
            *place = *place * by;
        }
        self
    }
}
