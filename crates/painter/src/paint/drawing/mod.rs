//! Drawing: shapes, colors, light, and round bodies with a coat.

pub(crate) mod canvas;
pub(crate) mod coat;
pub(crate) mod colour;
pub(crate) mod geometry;
pub(crate) mod hair;
pub(crate) mod painter;
pub(crate) mod skin;
pub(crate) mod tube;
