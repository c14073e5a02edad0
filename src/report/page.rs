//! An HTML page about one run or several.

use std::fmt::Write as _;

use super::{Place, Report, measures, sections};
use crate::base::text::{self, escape};
use crate::run_dir::html;
use crate::run_dir::plot::sheet::{self, Tile};

/// Renders the page about a run.
pub fn render(report: &Report) -> String {
    let name = &report.manifest.name;
    let body = format!("<h1>{}</h1>\n{}", escape(name), about(report));
    html::document(&title(report), &body)
}

/// The title of a page: of several that are open or sent, it is the one thing that is seen.
fn title(report: &Report) -> String {
    let (name, seed) = (&report.manifest.name, report.manifest.seed);
    let result = measures::title(&report.measured.metrics);
    match &report.place {
        Some(Place { finished, .. }) => {
            format!("{} ({result}), {finished}", report.directory)
        }
        None => format!("{name}, seed {seed} ({result})"),
    }
}

/// Renders a page about several runs: their metrics side by side and `comparison`, a section of
/// HTML, then each run folded.
pub fn render_all(reports: &[Report], comparison: &str) -> String {
    if let [report] = reports {
        return render(report);
    }
    let names = reports.iter().map(|report| report.directory.clone());
    let title = text::join(names, "and");
    let mut body = format!("<h1>{}</h1>\n", escape(&title));
    body.push_str(&sections::comparison(reports));
    body.push_str(comparison);
    body.push_str(&html::heading("Runs"));
    for (number, report) in reports.iter().enumerate() {
        let name = escape(&report.directory);
        // Addresses of headings are those of one run. Text has no quotes that are not escaped.
        let about = about(report)
            .replace("<h2 id=\"", &format!("<h2 id=\"run-{}-", number + 1))
            .replace("<a href=\"#", &format!("<a href=\"#run-{}-", number + 1));
        let _ =
            writeln!(body, "<details class=\"run\"><summary>{name}</summary>\n{about}</details>");
    }
    html::document(&title, &body)
}

/// The images of the page as SVG contact sheets, by file name.
pub fn sheets(report: &Report) -> Vec<(&'static str, String)> {
    let mistakes: Vec<Tile> = report
        .losses
        .iter()
        .filter(|loss| !loss.is_right)
        .map(|loss| Tile {
            data: html::jpeg(&loss.image),
            lines: [
                match loss.probability {
                    Some(probability) => format!("{probability:.2} {}", loss.predicted),
                    None => loss.predicted.clone(),
                },
                format!("true: {}", loss.label),
            ],
            title: loss.path.clone(),
        })
        .collect();
    let metrics = &report.measured.metrics;
    let of = text::count(metrics.n_images(), "validation image");
    let (title, summary) = match measures::n_wrong(metrics) {
        Some(n_wrong) => {
            let shown = mistakes.len();
            let summary = format!("{shown} of {n_wrong} errors on {of}, highest loss first");
            ("Misclassified images", summary)
        }
        None => ("Largest errors", format!("{} of {of}, largest error first", mistakes.len())),
    };
    let changed = "as the network sees them, after augmentation";
    vec![
        ("mistakes.svg", sheet::render(title, &summary, &mistakes)),
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
