//! One page about one run, or about several.

use std::fmt::Write as _;

use super::{Report, sections};
use crate::base::text::{self, escape};
use crate::run_dir::html;
use crate::run_dir::plot::sheet::{self, Tile};

/// The page about a run.
pub fn render(report: &Report) -> String {
    let name = &report.manifest.name;
    let body = format!("<h1>{}</h1>\n{}", escape(name), about(report));
    html::document(name, &body)
}

/// A page about several runs: their figures side by side, then each by itself.
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

/// The pictures of the page as sheets, by file name.
pub fn sheets(report: &Report) -> Vec<(&'static str, String)> {
    let mistakes: Vec<Tile> = report
        .losses
        .iter()
        .filter(|loss| !loss.is_right())
        .map(|loss| Tile {
            data: html::jpeg(&loss.picture),
            lines: [
                format!("{:.2} {}", loss.probability, loss.predicted),
                format!("is {}", loss.label),
            ],
            title: loss.path.clone(),
        })
        .collect();
    let metrics = &report.measured.metrics;
    let n_wrong = metrics.n_images - metrics.confusion_matrix.n_correct();
    let of = text::count(metrics.n_images, "validation picture");
    let summary = format!("{} of {n_wrong} mistakes on {of}, the worst first", mistakes.len());
    let changed = "training pictures as a network sees them";
    vec![
        ("mistakes.svg", sheet::render("Mistakes", &summary, &mistakes)),
        ("augmented.svg", sheet::render("Augmented pictures", changed, &report.augmented)),
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
