//! The comparison as a self-contained HTML page.

use std::fmt::Write as _;

use super::text::{self, Style, Table};
use super::{Diff, Flip, Pair, picture_file, render_svg};
use crate::base::text::escape;
use crate::dataset::thumbnail;
use crate::run_dir::html;

/// The longest side of a thumbnail in pixels: twice the displayed size, for HiDPI screens.
const THUMBNAIL: u32 = 320;
/// The maximum number of flipped images per pair.
const MOST_PICTURES: usize = 200;

/// Renders the page.
pub fn render_html(diff: &Diff, style: Style) -> String {
    let labels = text::labels(diff);
    let mut body = format!("<h1>{}</h1>\n", escape(&labels.join(" and ")));
    let places: Vec<String> = diff.runs.iter().map(|run| escape(run)).collect();
    let _ = writeln!(body, "<p class=\"faint\">Runs {}</p>", places.join(", "));
    if diff.is_same {
        body.push_str("<p>No difference affects the results: pipeline, images, program, metrics, predictions and weights are the same.</p>\n");
    }
    for pair in &diff.pairs {
        if let Some(chance) = &pair.chance {
            let said = text::about(pair, diff, chance);
            let _ = writeln!(body, "<pre>{}</pre>", escape(&said));
        }
    }
    table(&mut body, "Pipeline", &text::values(diff, style));
    table(&mut body, "Environment", &text::environment(diff, style));
    for pair in &diff.pairs {
        let said = text::pictures(pair, style);
        if !said.is_empty() {
            let _ = writeln!(body, "<h2>Images</h2>\n<pre>{}</pre>", escape(&said.join("\n")));
        }
    }
    table(&mut body, "Metrics", &text::metrics(diff, style));
    let _ = writeln!(body, "<h2>Curves</h2>\n{}", render_svg(diff));
    for pair in &diff.pairs {
        flips(&mut body, pair, diff, &labels);
    }
    html::document(&labels.join(" and "), &body)
}

fn table(body: &mut String, title: &str, Table { heads, rows }: &Table) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(body, "<h2>{title}</h2>\n{}", html::table(heads, rows, &[]));
}

fn flips(body: &mut String, pair: &Pair, diff: &Diff, labels: &[String]) {
    if pair.flips.is_empty() {
        return;
    }
    let other = diff.runs.iter().position(|run| *run == pair.other).unwrap_or(1);
    let _ = writeln!(
        body,
        "<h2>Predictions changed from {} to {}</h2>\n<div class=\"pictures\">",
        escape(&labels[0]),
        escape(&labels[other])
    );
    for flip in pair.flips.iter().take(MOST_PICTURES) {
        figure(body, flip, diff);
    }
    body.push_str("</div>\n");
    if pair.flips.len() > MOST_PICTURES {
        let _ = writeln!(body, "<p>… and {} more</p>", pair.flips.len() - MOST_PICTURES);
    }
}

fn figure(body: &mut String, flip: &Flip, diff: &Diff) {
    let Flip { path, label, predicted, .. } = flip;
    let picture = picture_file(diff, path).and_then(|file| thumbnail::thumbnail(&file, THUMBNAIL));
    let picture = match picture {
        Some(bytes) => {
            format!("<img alt=\"{}\" src=\"{}\">", escape(path), html::jpeg(&bytes))
        }
        None => "<div class=\"none\">not found</div>".to_owned(),
    };
    let [before, now] = predicted.each_ref().map(|(class, p)| format!("{} {p:.2}", escape(class)));
    let verdict = flip.verdict();
    let _ = writeln!(
        body,
        "<figure>{picture}<figcaption><span class=\"{verdict}\">{verdict}</span>: {before} → {now}<br>\
         true {}<br><span class=\"faint\">{}</span></figcaption></figure>",
        escape(label),
        escape(path)
    );
}
