//! The result of a cross-validation as an HTML page.

use std::fmt::Write as _;

use super::text::{folds, title};
use super::{CrossValidation, METRICS};
use crate::base::text::{self, escape};
use crate::metrics::Scored;
use crate::report::tables::{self, four, interval};
use crate::run_dir::html;
use crate::run_dir::measured::PredictionRow;
use crate::run_dir::plot;

/// Most images that are shown.
const MOST_IMAGES: usize = 48;
/// The longest side of an image in pixels: twice the displayed size, for HiDPI screens.
const THUMBNAIL: u32 = 320;

/// Renders the page. `name` is that of the pipeline; `image` gives the image at a path as a JPEG
/// file that fits into a square of the given side.
pub fn render(
    name: &str,
    found: &CrossValidation,
    image: &dyn Fn(&str, u32) -> Option<Vec<u8>>,
) -> String {
    let pooled = &found.out_of_fold;
    let head = format!("{name}, {}", text::count(found.folds.len(), "fold"));
    let mut body = format!("<h1>{}</h1>\n", escape(&head));
    let _ = writeln!(
        body,
        "<p>Each of {} was predicted by a model that was not trained on it: accuracy <b>{}</b> (95 % \
         interval {}).</p>",
        text::count(pooled.n_images, "image"),
        four(pooled.accuracy),
        interval(pooled.accuracy_interval)
    );
    body.push_str(&html::heading("Metrics over the folds"));
    let (heads, means) = means(found);
    body.push_str(&html::table(&heads, &means, &[1, 2, 3]));
    body.push_str(
        "<p class=\"faint\">The intervals of the mean take into account that the training sets of the \
         folds overlap (Nadeau and Bengio 2003).</p>\n",
    );
    let names: Vec<&'static str> = METRICS.iter().map(|(name, _)| *name).collect();
    let (heads, rows) = folds(found, &names);
    body.push_str(&html::table(&heads, &rows, &[1, 2, 3, 4, 5, 6, 7, 8]));
    body.push_str(&html::heading("Classes"));
    let (heads, rows) = tables::classes(pooled);
    body.push_str(&html::table(&heads, &rows, &[1, 2, 3, 4, 5, 6, 7]));
    body.push_str(&html::heading("Plots"));
    let scored: Vec<Scored<'_>> = found.predictions.iter().map(PredictionRow::scored).collect();
    let plots = plot::measured::render_all(pooled, &scored).into_iter().map(|(_, svg)| svg);
    let _ = writeln!(body, "<div class=\"plots\">\n{}</div>", plots.collect::<String>());
    body.push_str(&html::heading("Largest errors"));
    body.push_str(&errors(found, image));
    html::document(&head, &body)
}

/// Each metric with its mean, spread and interval.
fn means(found: &CrossValidation) -> (Vec<String>, Vec<Vec<String>>) {
    let heads = ["metric", "mean", "standard deviation", "95 % interval of the mean"];
    let rows = found.metrics.iter().map(|metric| {
        let interval = metric.interval.map_or_else(|| "–".to_owned(), interval);
        vec![title(metric.name), four(metric.mean), four(metric.deviation), interval]
    });
    (heads.map(str::to_owned).to_vec(), rows.collect())
}

/// The images whose label is least probable.
fn errors(found: &CrossValidation, image: &dyn Fn(&str, u32) -> Option<Vec<u8>>) -> String {
    let mut wrong: Vec<&PredictionRow> =
        found.predictions.iter().filter(|row| row.label != row.predicted).collect();
    wrong.sort_by(|a, b| a.probabilities[a.label].total_cmp(&b.probabilities[b.label]));
    if wrong.is_empty() {
        return "<p>All images are predicted correctly.</p>\n".to_owned();
    }
    let class = |class: usize| escape(&found.out_of_fold.classes[class].name);
    let mut body = "<div class=\"images\">\n".to_owned();
    for row in wrong.into_iter().take(MOST_IMAGES) {
        let PredictionRow { path, label, predicted, probabilities } = row;
        let shown = match image(path, THUMBNAIL) {
            Some(bytes) => format!("<img alt=\"{}\" src=\"{}\">", escape(path), html::jpeg(&bytes)),
            None => "<div class=\"none\">no image</div>".to_owned(),
        };
        let _ = writeln!(
            body,
            "<figure>{shown}<figcaption>predicted {} {:.2}<br>true {} {:.2}<br>{}</figcaption></figure>",
            class(*predicted),
            probabilities[*predicted],
            class(*label),
            probabilities[*label],
            html::image_name(path),
        );
    }
    body.push_str("</div>\n");
    body
}
