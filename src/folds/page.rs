//! The result of a cross-validation as an HTML page.

use std::fmt::Write as _;

use super::text::{folds, headline, title};
use super::{CrossValidation, averaged};
use crate::base::target::Target;
use crate::base::text::{self, escape};
use crate::metrics::{Measures, several};
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
    let (what, value, of) = headline(pooled);
    let _ = writeln!(
        body,
        "<p>Each of {} was predicted by a model that was not trained on it: {what} <b>{}</b> (95 % \
         interval {}).</p>",
        text::count(pooled.n_images(), "image"),
        four(value),
        interval(of)
    );
    body.push_str(&html::heading("Metrics over the folds"));
    let (heads, means) = means(found);
    body.push_str(&html::table(&heads, &means, &[1, 2, 3]));
    body.push_str(
        "<p class=\"faint\">The intervals of the mean take into account that the training sets of the \
         folds overlap (Nadeau and Bengio 2003).</p>\n",
    );
    let names: Vec<&'static str> = averaged(pooled).into_iter().map(|(name, _)| name).collect();
    let (heads, rows) = folds(found, &names);
    let right = |heads: &[String]| (1..heads.len()).collect::<Vec<usize>>();
    body.push_str(&html::table(&heads, &rows, &right(&heads)));
    let classes = match pooled {
        Measures::Class(metrics) => Some(tables::classes(metrics)),
        Measures::Several(metrics) => Some(tables::several(metrics)),
        Measures::Number(_) => None,
    };
    if let Some((heads, rows)) = classes {
        body.push_str(&html::heading("Classes"));
        body.push_str(&html::table(&heads, &rows, &right(&heads)));
    }
    body.push_str(&html::heading("Plots"));
    let plots = plot::measured::render_all(pooled, &found.predictions);
    let plots = plots.into_iter().map(|(_, svg)| svg);
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

/// A wrong prediction: how wrong, and what is written below its image.
struct Wrong<'a> {
    row: &'a PredictionRow,
    loss: f64,
    caption: String,
}

/// The wrong prediction of an image; `None` if it is right. A number always has an error.
fn judge<'a>(row: &'a PredictionRow, classes: &[String]) -> Option<Wrong<'a>> {
    let outputs = &row.outputs;
    let class = |class: usize| escape(&classes[class]);
    let (loss, caption) = match &row.target {
        Target::Class(label) => {
            let predicted = row.predicted();
            let said = format!(
                "predicted {} {:.2}<br>true {} {:.2}",
                class(predicted),
                outputs[predicted],
                class(*label),
                outputs[*label]
            );
            (predicted != *label).then_some((-outputs[*label], said))?
        }
        Target::Classes(labels) => {
            let listed = |classes: Vec<String>| {
                if classes.is_empty() { "no label".to_owned() } else { classes.join(", ") }
            };
            let given = several::given(outputs, several::THRESHOLD).into_iter().map(class);
            let labels = labels.iter().map(|label| class(*label as usize));
            let (given, labels) = (listed(given.collect()), listed(labels.collect()));
            let scored = row.several();
            let said = format!("predicted {given}<br>true {labels}");
            (!scored.is_exact()).then(|| (scored.log_loss(), said))?
        }
        Target::Number(number) => {
            let error = row.number().error();
            (error.abs(), format!("estimate {:.4}<br>true {number}", outputs[0]))
        }
    };
    Some(Wrong { row, loss, caption })
}

/// The images that are predicted worst.
fn errors(found: &CrossValidation, image: &dyn Fn(&str, u32) -> Option<Vec<u8>>) -> String {
    let predictions = &found.predictions;
    let rows = predictions.rows.iter();
    let mut wrong: Vec<Wrong<'_>> =
        rows.filter_map(|row| judge(row, &predictions.classes)).collect();
    wrong.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    if wrong.is_empty() {
        return "<p>All images are predicted correctly.</p>\n".to_owned();
    }
    let mut body = "<div class=\"images\">\n".to_owned();
    for Wrong { row: PredictionRow { path, .. }, caption, .. } in
        wrong.into_iter().take(MOST_IMAGES)
    {
        let shown = match image(path, THUMBNAIL) {
            Some(bytes) => format!("<img alt=\"{}\" src=\"{}\">", escape(path), html::jpeg(&bytes)),
            None => "<div class=\"none\">no image</div>".to_owned(),
        };
        let _ = writeln!(
            body,
            "<figure>{shown}<figcaption>{caption}<br>{}</figcaption></figure>",
            html::image_name(path),
        );
    }
    body.push_str("</div>\n");
    body
}
