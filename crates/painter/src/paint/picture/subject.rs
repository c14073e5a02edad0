//! The subjects of each class. To add an animal, write it and list it here.

use crate::paint::animal::{
    alpaca, bear, camel, cat, cow, deer, dog, goat, horse, llama, ostrich, poultry, sheep,
};
use crate::paint::figure::{Figure, Stance};
use crate::paint::random::Random;
use crate::paint::thing::{building, plant, plush, vehicle, yard};

/// How a subject is made.
pub(crate) type Make = fn(Stance, &mut Random) -> Box<dyn Figure>;

/// A class of images.
pub(crate) struct Class {
    /// The name of its directory.
    pub(crate) folder: &'static str,
    /// The prefix of its file names.
    pub(crate) prefix: &'static str,
    /// Its subjects, with the number of images of each; some show nothing but a scene.
    pub(crate) subjects: &'static [(Option<Make>, u32)],
}

impl Class {
    /// The number of images.
    pub(crate) fn count(&self) -> u32 {
        self.subjects.iter().map(|subject| subject.1).sum()
    }
}

/// The two classes.
pub(crate) const CLASSES: [Class; 2] = [
    Class {
        folder: "alpaca",
        prefix: "alpaca",
        subjects: &[(Some(|stance, random| alpaca::alpaca(random).posed(stance, random)), 150)],
    },
    Class {
        folder: "not alpaca",
        prefix: "other",
        subjects: &[
            (Some(|stance, random| llama::llama(random).posed(stance, random)), 22),
            (Some(|stance, random| sheep::sheep(random).posed(stance, random)), 14),
            (Some(|stance, random| goat::goat(random).posed(stance, random)), 10),
            (Some(|stance, random| camel::camel(random).posed(stance, random)), 10),
            (Some(|stance, random| dog::poodle(random).posed(stance, random)), 8),
            (Some(|stance, random| dog::dog(random).posed(stance, random)), 9),
            (Some(|stance, random| horse::horse(random).posed(stance, random)), 8),
            (Some(|stance, random| cow::cow(random).posed(stance, random)), 7),
            (Some(|stance, random| deer::deer(random).posed(stance, random)), 7),
            (Some(|stance, random| cat::cat(random).posed(stance, random)), 6),
            (Some(|stance, random| bear::bear(random).posed(stance, random)), 5),
            (Some(|stance, random| ostrich::ostrich(random).posed(stance, random)), 6),
            (Some(|stance, random| poultry::hen(random).posed(stance, random)), 4),
            (Some(|stance, random| poultry::goose(random).posed(stance, random)), 3),
            (Some(|_, random| plush::teddy(random)), 4),
            (Some(|_, random| plush::woolly_cloud(random)), 3),
            (Some(|_, random| plush::snowman(random)), 2),
            (Some(|_, random| plant::cactus(random)), 3),
            (Some(|_, random| plant::bush(random)), 3),
            (Some(|_, random| plant::mushroom(random)), 3),
            (Some(|_, random| vehicle::car(random)), 2),
            (Some(|_, random| building::house(random)), 2),
            (Some(|_, random| yard::ball(random)), 2),
            (None, 7),
        ],
    },
];
