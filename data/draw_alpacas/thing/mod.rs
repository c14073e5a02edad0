//! Things that are not animals: plants, buildings, vehicles, people and toys.

pub mod building;
pub mod person;
pub mod plant;
pub mod plush;
pub mod vehicle;
pub mod yard;
