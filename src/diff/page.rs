//! The comparison as a self-contained HTML page.

use std::fmt::Write as _;

use super::metrics::{self, Verdict};
use super::text::{self, Style, Table};
use super::{Diff, Flip, MetricRow, Pair, render_panels};
use crate::base::text::{escape, lower_first};
use crate::dataset::thumbnail::Thumbnails;
use crate::run_dir::html::{self, Cell};
use crate::run_dir::layout;

/// The longest side of a thumbnail in pixels: twice the displayed size, for HiDPI screens.
const THUMBNAIL: u32 = 320;
/// The maximum number of flipped images per pair.
const MOST_IMAGES: usize = 200;

/// Renders the page: the result first, then what explains it.
pub fn render_html(diff: &Diff, style: Style) -> String {
    let labels = text::labels(diff);
    let title = labels.join(" and ");
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    let places: Vec<String> = diff.runs.iter().map(|run| escape(run)).collect();
    let _ = writeln!(body, "<p class=\"faint\">Runs {}</p>", places.join(", "));
    if diff.is_same {
        body.push_str("<p>No difference affects the results: pipeline, images, program, metrics, predictions and weights are the same.</p>\n");
    }
    sections(&mut body, diff, style);
    html::document(&title, &body)
}

/// Renders the comparison without its heading, as part of another page.
pub fn render_section(diff: &Diff) -> String {
    let mut body = String::new();
    sections(&mut body, diff, Style { markdown: false, all: false, precision: 4 });
    body
}

fn sections(body: &mut String, diff: &Diff, style: Style) {
    let labels = text::labels(diff);
    for warning in diff.pairs.iter().filter_map(text::warnings) {
        let _ = writeln!(body, "<p class=\"worse\">{}</p>", escape(&warning));
    }
    for pair in &diff.pairs {
        if let Some(chance) = &pair.chance {
            let said = text::about(pair, diff, chance);
            let _ = writeln!(body, "<pre>{}</pre>", escape(&said));
        }
    }
    let drawn = format!("<div class=\"plots\">\n{}</div>\n", render_panels(diff).concat());
    let (heads, rows) = metric_cells(diff, style);
    body.push_str(&html::heading("Curves"));
    body.push_str(&drawn);
    if !rows.is_empty() {
        let right: Vec<usize> = (1..heads.len()).collect();
        body.push_str(&html::heading("Changed metrics"));
        body.push_str(&html::table_of_cells(&heads, &rows, &right));
    }
    table(body, "Pipeline", text::values(diff, style));
    table(body, "Environment", text::environment(diff, style));
    for pair in &diff.pairs {
        let said = text::images(pair, style);
        if !said.is_empty() {
            body.push_str(&html::heading("Images"));
            let _ = writeln!(body, "<pre>{}</pre>", escape(&said.join("\n")));
        }
    }
    let has_flips = diff.pairs.iter().any(|pair| !pair.flips.is_empty());
    let dataset = diff.dataset.as_ref().filter(|_| has_flips);
    let images = dataset.map(|dataset| Thumbnails::of(dataset, None));
    for pair in &diff.pairs {
        flips(body, pair, diff, &labels, images.as_ref());
    }
}

/// The table of metrics, with aligned decimals, and the change marked as better or worse. Without
/// `all`, of the rows that differ.
fn metric_cells(diff: &Diff, style: Style) -> (Vec<String>, Vec<Vec<Cell>>) {
    let has_change = diff.runs.len() == 2;
    let heads = std::iter::once("metric".to_owned()).chain(text::labels(diff));
    let heads = heads.chain(has_change.then(|| "change".to_owned())).collect();
    let plain = |text: String| Cell { text, class: "" };
    // Of the whole validation set first, then epoch by epoch.
    let (of_epochs, of_all): (Vec<&MetricRow>, Vec<&MetricRow>) =
        diff.metrics.iter().partition(|row| row.path == layout::METRICS);
    let rows = of_all.into_iter().chain(of_epochs).filter(|row| row.differs || style.all);
    let rows = rows.map(|row| {
        let mut cells = vec![plain(row.metric.clone())];
        cells
            .extend(row.values.iter().map(|value| plain(text::figure(*value, &row.metric, style))));
        if has_change {
            let class = match row
                .change
                .and_then(|change| metrics::verdict(&row.metric, change))
                .filter(|_| text::can_compare(diff))
            {
                Some(Verdict::Better) => "better",
                Some(Verdict::Worse) => "worse",
                None => "",
            };
            cells.push(Cell { text: text::change(row, diff, style), class });
        }
        cells
    });
    (heads, rows.collect())
}

/// A table without the column of the file that its rows are from.
fn table(body: &mut String, title: &str, Table { heads, rows, .. }: Table) {
    if rows.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row[1..].to_vec()).collect();
    // The names of runs stay as they are.
    let heads: Vec<String> =
        std::iter::once(lower_first(&heads[1])).chain(heads[2..].iter().cloned()).collect();
    body.push_str(&html::heading(title));
    body.push_str(&html::table(&heads, &rows, &[]));
}

fn flips(
    body: &mut String,
    pair: &Pair,
    diff: &Diff,
    labels: &[String],
    images: Option<&Thumbnails>,
) {
    if pair.flips.is_empty() {
        return;
    }
    let other = diff.runs.iter().position(|run| *run == pair.other).unwrap_or(1);
    let _ = writeln!(
        body,
        "{}<div class=\"images\">",
        html::heading(&format!("Predictions changed from {} to {}", labels[0], labels[other]))
    );
    for flip in pair.flips.iter().take(MOST_IMAGES) {
        figure(body, flip, images);
    }
    body.push_str("</div>\n");
    if pair.flips.len() > MOST_IMAGES {
        let _ = writeln!(body, "<p>… and {} more</p>", pair.flips.len() - MOST_IMAGES);
    }
}

fn figure(body: &mut String, flip: &Flip, images: Option<&Thumbnails>) {
    let Flip { path, label, predicted, .. } = flip;
    let image = match images.and_then(|images| images.find(path, THUMBNAIL)) {
        Some(bytes) => {
            format!("<img alt=\"{}\" src=\"{}\">", escape(path), html::jpeg(&bytes))
        }
        None => "<div class=\"none\">not found</div>".to_owned(),
    };
    let [before, now] = predicted.each_ref().map(|(class, p)| format!("{} {p:.2}", escape(class)));
    let verdict = flip.verdict();
    let _ = writeln!(
        body,
        "<figure>{image}<figcaption><span class=\"{verdict}\">{verdict}</span>: {before} → {now}<br>\
         true {}{}</figcaption></figure>",
        escape(label),
        html::image_name(path)
    );
}
