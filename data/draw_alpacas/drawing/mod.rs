//! Drawing: shapes, colours, light, and round bodies with a coat.

pub mod canvas;
pub mod coat;
pub mod colour;
pub mod geometry;
pub mod hair;
pub mod painter;
pub mod skin;
pub mod tube;
