//! An HTML page about one run or several.

use std::fmt::Write as _;

use super::{Report, sections};
use crate::base::text::{self, escape};
use crate::run_dir::html;
use crate::run_dir::plot::sheet::{self, Tile};

/// Renders the page about a run.
pub fn render(report: &Report) -> String {
    let name = &report.manifest.name;
    let body = format!("<h1>{}</h1>\n{}", escape(name), about(report));
    html::document(name, &body)
}

/// Renders a page about several runs: their metrics side by side, then each run in turn.
pub fn render_all(reports: &[Report]) -> String {
    if let [report] = reports {
        return render(report);
    }
    let title = format!("{} runs", reports.len());
    let mut body = format!("<h1>{title}</h1>\n{}", sections::comparison(reports));
    for report in reports {
        let name = escape(&report.directory);
        let _ = write!(body, "<hr>\n<h1>{name}</h1>\n{}", about(report));
    }
    html::document(&title, &body)
}

/// The images of the page as SVG contact sheets, by file name.
pub fn sheets(report: &Report) -> Vec<(&'static str, String)> {
    let mistakes: Vec<Tile> = report
        .losses
        .iter()
        .filter(|loss| !loss.is_right())
        .map(|loss| Tile {
            data: html::jpeg(&loss.picture),
            lines: [
                format!("{:.2} {}", loss.probability, loss.predicted),
                format!("true: {}", loss.label),
            ],
            title: loss.path.clone(),
        })
        .collect();
    let metrics = &report.measured.metrics;
    let n_wrong = metrics.n_images - metrics.confusion_matrix.n_correct();
    let of = text::count(metrics.n_images, "validation image");
    let summary = format!("{} of {n_wrong} errors on {of}, highest loss first", mistakes.len());
    let changed = "as the network sees them, after augmentation";
    vec![
        ("mistakes.svg", sheet::render("Misclassified images", &summary, &mistakes)),
        ("augmented.svg", sheet::render("Training images", changed, &report.augmented)),
    ]
}

fn about(report: &Report) -> String {
    [
        sections::headline(report),
        sections::stages(report),
        sections::figures(report),
        sections::classes(report),
        sections::losses(report),
        sections::data(report),
        sections::reproduction(report),
    ]
    .concat()
}
