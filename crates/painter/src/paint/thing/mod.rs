//! Things that are not animals: plants, buildings, vehicles, people and toys.

pub(crate) mod building;
pub(crate) mod person;
pub(crate) mod plant;
pub(crate) mod plush;
pub(crate) mod vehicle;
pub(crate) mod yard;
