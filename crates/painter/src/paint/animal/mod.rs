//! Animals, each in a file of its own, and the anatomy they share.

pub(crate) mod alpaca;
pub(crate) mod anatomy;
pub(crate) mod bear;
pub(crate) mod bird;
pub(crate) mod camel;
pub(crate) mod cat;
pub(crate) mod cow;
pub(crate) mod crown;
pub(crate) mod deer;
pub(crate) mod dog;
pub(crate) mod ear;
pub(crate) mod eye;
pub(crate) mod face;
pub(crate) mod front;
pub(crate) mod goat;
pub(crate) mod head;
pub(crate) mod horse;
pub(crate) mod leg;
pub(crate) mod llama;
pub(crate) mod lying;
pub(crate) mod nose;
pub(crate) mod ostrich;
pub(crate) mod pose;
pub(crate) mod poultry;
pub(crate) mod sheep;
pub(crate) mod side;
pub(crate) mod wool;

use self::anatomy::Quadruped;
use self::front::Front;
use self::side::SideView;
use super::figure::{Figure, Stance};
use super::random::Random;

impl Quadruped {
    /// The animal in the given stance.
    pub(crate) fn posed(self, stance: Stance, random: &mut Random) -> Box<dyn Figure> {
        if stance == Stance::Frontal {
            Box::new(Front::new(self, random))
        } else {
            Box::new(SideView::new(self, stance, random))
        }
    }
}
