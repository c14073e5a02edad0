//! A contact sheet: a grid of images with captions.

use super::short::short;
use super::svg::{MARGIN, Svg};

const COLUMNS: usize = 6;
/// The side of an image, in pixels.
const SIDE: f64 = 112.0;
const GAP: f64 = 12.0;
const TOP: f64 = 56.0;
/// The maximum characters of a caption line.
const MOST_CHARACTERS: usize = 17;
/// The height of a caption.
const CAPTION: f64 = 36.0;

const STYLE: &str = ".bad{fill:#cf222e}@media(prefers-color-scheme:dark){.bad{fill:#f85149}}";

/// An image on a contact sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The image as a `data:` URL.
    pub data: String,
    /// The two caption lines.
    pub lines: [String; 2],
    /// The tooltip.
    pub title: String,
}

/// Renders a contact sheet as SVG.
pub fn render(title: &str, summary: &str, tiles: &[Tile]) -> String {
    let columns = COLUMNS.min(tiles.len().max(4));
    let rows = tiles.len().div_ceil(columns).max(1);
    let width = 2.0 * MARGIN + columns as f64 * (SIDE + GAP) - GAP;
    let height = TOP + rows as f64 * (SIDE + CAPTION + GAP);
    let mut svg = Svg::with_style(width, height, title, summary, STYLE);
    svg.titles(title, summary);
    for (position, tile) in tiles.iter().enumerate() {
        let (row, column) = (position / columns, position % columns);
        let left = MARGIN + column as f64 * (SIDE + GAP);
        let top = TOP + row as f64 * (SIDE + CAPTION + GAP);
        svg.image((left, top), (SIDE, SIDE), &tile.data, &tile.title);
        for (line, text) in tile.lines.iter().enumerate() {
            let class = if line == 0 { "" } else { "faint" };
            svg.text(
                class,
                (left, top + SIDE + 14.0 + 14.0 * line as f64),
                &short(text, MOST_CHARACTERS),
            );
        }
    }
    svg.finish()
}
