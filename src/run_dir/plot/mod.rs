//! SVG plots, for light and dark pages. The same numbers give the same bytes.

mod calibration;
pub mod check;
mod confusion;
mod curves;
mod estimates;
pub mod measured;
pub mod overlay;
pub mod parallel;
mod palette;
mod ranking;
mod rate;
pub mod rates;
mod scale;
pub mod sheet;
mod several;
pub(super) mod short;
mod square;
mod svg;

pub use confusion::is_wide as is_wide_matrix;

use super::history::History;

/// The plots by epoch of a run, by file name.
pub fn of_epochs(history: &History) -> Vec<(&'static str, String)> {
    let rate = ("learning_rate.svg", rate::render(history));
    curves::render_all(history).chain([rate]).collect()
}
