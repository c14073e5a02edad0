//! The result of a cross-validation as an HTML page.

use std::fmt::Write as _;

use super::text::{folds, mean, title};
use super::{CrossValidation, METRICS};
use crate::base::text::{self, escape};
use crate::metrics::Scored;
use crate::report::tables::{self, four, interval};
use crate::run_dir::html;
use crate::run_dir::measured::PredictionRow;
use crate::run_dir::plot;

/// Most images that are listed.
const MOST_IMAGES: usize = 50;

/// Renders the page. `name` is that of the pipeline.
pub fn render(name: &str, found: &CrossValidation) -> String {
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
    let means: Vec<Vec<String>> =
        found.metrics.iter().map(|metric| vec![title(metric.name), mean(metric)]).collect();
    let heads = ["metric", "mean ± standard deviation (interval of the mean)"].map(str::to_owned);
    body.push_str(&html::table(&heads, &means, &[]));
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
    for (_, svg) in plot::measured::render_all(pooled, &scored) {
        let _ = writeln!(body, "<figure>{svg}</figure>");
    }
    body.push_str(&html::heading("Largest errors"));
    body.push_str(&errors(found));
    html::document(&head, &body)
}

/// The images whose label is least probable.
fn errors(found: &CrossValidation) -> String {
    let mut wrong: Vec<&PredictionRow> =
        found.predictions.iter().filter(|row| row.label != row.predicted).collect();
    wrong.sort_by(|a, b| a.probabilities[a.label].total_cmp(&b.probabilities[b.label]));
    if wrong.is_empty() {
        return "<p>All images are predicted correctly.</p>\n".to_owned();
    }
    let class = |class: usize| found.out_of_fold.classes[class].name.clone();
    let rows: Vec<Vec<String>> = wrong
        .iter()
        .take(MOST_IMAGES)
        .map(|row| {
            let of_label = four(row.probabilities[row.label]);
            vec![row.path.clone(), class(row.label), class(row.predicted), of_label]
        })
        .collect();
    let heads = ["image", "label", "predicted", "probability of the label"].map(str::to_owned);
    html::table(&heads, &rows, &[3])
}
