//! Plots as SVG: the same bytes for the same numbers, readable on light and dark pages.

mod calibration;
pub mod check;
mod confusion;
pub mod curves;
pub mod measured;
pub mod overlay;
mod palette;
mod ranking;
mod rate;
mod scale;
pub mod sheet;
mod short;
mod square;
mod svg;
