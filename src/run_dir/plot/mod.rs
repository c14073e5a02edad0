//! Plots as SVG: the same bytes for the same numbers, readable on light and dark pages.

pub mod curves;
pub mod overlay;
mod scale;
mod svg;
