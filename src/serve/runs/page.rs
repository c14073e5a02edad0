//! The files of the page, which are part of this program.

use crate::serve::reply::Asset;

/// A file by its path in the directory of the page.
macro_rules! asset {
    ($path:literal) => {
        Asset { path: concat!("/", $path), text: include_str!(concat!("page/", $path)) }
    };
}

/// All files; the page itself is at `/`.
pub(super) const ASSETS: [Asset; 30] = [
    Asset { path: "/", text: include_str!("page/page.html") },
    asset!("page.css"),
    asset!("js/address.js"),
    asset!("js/api.js"),
    asset!("js/axes.js"),
    asset!("js/axes_chart.js"),
    asset!("js/axes_model.js"),
    asset!("js/chunks.js"),
    asset!("js/columns.js"),
    asset!("js/compare.js"),
    asset!("js/curves.js"),
    asset!("js/dom.js"),
    asset!("js/epochs.js"),
    asset!("js/flips.js"),
    asset!("js/format.js"),
    asset!("js/history.js"),
    asset!("js/images.js"),
    asset!("js/main.js"),
    asset!("js/measured.js"),
    asset!("js/overlay.js"),
    asset!("js/predictions.js"),
    asset!("js/run.js"),
    asset!("js/runs.js"),
    asset!("js/runs_table.js"),
    asset!("js/scale.js"),
    asset!("js/selection.js"),
    asset!("js/settings.js"),
    asset!("js/store.js"),
    asset!("js/table.js"),
    asset!("js/thumbnail.js"),
];
