//! The sections of a page, as HTML.

use std::fmt::Write as _;

use super::measures;
use super::tables::{self, four};
use super::{Loss, Place, Report};
use crate::base::text::{self, escape};
use crate::metrics::{Measures, Metrics};
use crate::run_dir::manifest::{BestRecord, StageRecord};
use crate::run_dir::measured::Measured;
use crate::run_dir::plot::{self, sheet::Tile};
use crate::run_dir::{html, layout};

/// Up to this many classes, only so many of the most confused pairs are listed.
const FEW: (usize, usize) = (30, 10);
/// Listed pairs for more classes, where the confusion matrix is too large to read.
const MOST_PAIRS: usize = 500;

/// The accuracy with its confidence interval and the majority-class baseline.
pub(super) fn headline(report: &Report) -> String {
    let Report { setup, measured: Measured { metrics, .. }, .. } = report;
    let classes: Vec<&str> = setup.classes.iter().map(|(name, _)| name.as_str()).collect();
    let n_images: usize = report.manifest.dataset.split.values().sum();
    let classes = match &classes[..] {
        few if few.len() <= 4 => few.join(" / "),
        many => text::count(many.len(), "class"),
    };
    let mut body = format!(
        "<p class=\"faint\">{} · {} · {} · {} pixels · seed {}</p>\n",
        escape(&classes),
        text::count(n_images, "image"),
        escape(&setup.network),
        setup.image_size,
        report.manifest.seed,
    );
    if let Some(Place { finished, dataset, weights }) = &report.place {
        let _ = writeln!(
            body,
            "<p class=\"faint\">{} · finished {finished} · images: {} · weights: {}</p>",
            escape(&report.directory),
            escape(dataset),
            escape(weights),
        );
    }
    body.push_str(&measures::headline(metrics));
    body
}

/// The stages and their training curves.
pub(super) fn stages(report: &Report) -> String {
    let first = report.manifest.stages.first();
    let score = first.map_or("accuracy", |stage| stage.best.validation.score.words());
    let score = format!("validation {score}");
    let heads = [
        "stage",
        "from",
        "first trained layer",
        "trained weights",
        "epochs",
        "best epoch",
        &score,
        "validation loss",
    ];
    let rows: Vec<Vec<String>> = report
        .manifest
        .stages
        .iter()
        .map(|stage| {
            let epochs = report.setup.epochs.iter().find(|(name, _)| *name == stage.name);
            vec![
                stage.name.clone(),
                stage.from.clone().unwrap_or_else(|| "–".to_owned()),
                stage.first_trainable.clone(),
                text::thousands(stage.n_trainable),
                epochs.map(|(_, n)| n.to_string()).unwrap_or_default(),
                match &stage.soup {
                    Some(epochs) if epochs.len() > 1 => stage.best_in_words(),
                    _ => stage.best.epoch.to_string(),
                },
                four(stage.best.validation.score.value()),
                four(stage.best.validation.loss),
            ]
        })
        .collect();
    let mut body = html::heading("Training");
    body.push_str(&html::table(&heads.map(str::to_owned), &rows, &[3, 4, 5, 6, 7]));
    body.push_str(&best(report));
    let scores = ["accuracy.svg", "subset_accuracy.svg", "mae.svg"];
    body.push_str(&plots(report, &[&scores[..], &["loss.svg", "learning_rate.svg"]].concat()));
    body
}

/// Names the epoch of the best weights, and the later stages that did not improve on it.
fn best(report: &Report) -> String {
    let manifest = &report.manifest;
    let Some(BestRecord { stage, epoch, by }) = &manifest.best else { return String::new() };
    let record = manifest.best_stage();
    let of = record.map_or_else(|| format!("epoch {epoch}"), StageRecord::best_in_words);
    let mut text =
        format!("The best weights of the run are those of stage {stage}, {of} (best {by}).");
    let later = manifest.stages.iter().skip_while(|record| record.name != *stage).skip(1);
    let later: Vec<&str> = later.map(|record| record.name.as_str()).collect();
    if !later.is_empty() {
        let _ = write!(text, " No later stage ({}) improved on them.", later.join(", "));
    }
    format!("<p>{}</p>\n", escape(&text))
}

/// All metrics, with those of the pipeline's evaluations beside them.
pub(super) fn figures(report: &Report) -> String {
    let validation = ("validation".to_owned(), &report.measured);
    let others = report.evaluations.iter().map(|(name, measured)| (name.clone(), measured));
    let columns: Vec<(String, &Measured)> = std::iter::once(validation).chain(others).collect();
    let mut body = html::heading("Metrics");
    if let Some(sentence) = &report.setup.about_probabilities {
        let _ = writeln!(body, "<p>{}.</p>", escape(&text::upper_first(sentence)));
    }
    let of_classes = ["probabilities.svg", "calibration.svg", "roc.svg", "precision_recall.svg"];
    let drawn = plots(report, &[&of_classes[..], &["estimates.svg", "errors.svg"]].concat());
    let _ = writeln!(body, "<div class=\"beside\">\n{}{drawn}</div>", side_by_side(&columns));
    if !report.evaluations.is_empty() {
        let what = report.evaluations.iter().map(|(name, measured)| {
            let Measured { on, stage, weights, .. } = measured;
            format!("{name}: {weights} weights of {stage} on {on}")
        });
        let what: Vec<String> = what.collect();
        let _ = writeln!(body, "<p class=\"faint\">{}</p>", escape(&what.join("; ")));
    }
    for (task, reason) in &report.manifest.failed {
        let (task, reason) = (escape(task), escape(reason));
        let _ = writeln!(body, "<p><span class=\"worse\">{task} failed</span>: {reason}</p>");
    }
    body
}

/// The metrics of several runs side by side.
pub(super) fn comparison(reports: &[Report]) -> String {
    let columns: Vec<(String, &Measured)> =
        reports.iter().map(|report| (report.directory.clone(), &report.measured)).collect();
    side_by_side(&columns)
}

fn side_by_side(columns: &[(String, &Measured)]) -> String {
    let figures: Vec<Vec<(&'static str, String)>> =
        columns.iter().map(|(_, measured)| tables::figures(&measured.metrics)).collect();
    // Models of several kinds have different metrics.
    let mut names: Vec<&'static str> = vec![];
    for (name, _) in figures.iter().flatten() {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let rows = names.into_iter().map(|name| {
        let cells = figures.iter().map(|figures| {
            let found = figures.iter().find(|(figure, _)| *figure == name);
            found.map_or_else(|| "–".to_owned(), |(_, value)| value.clone())
        });
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<String>>()
    });
    let heads: Vec<String> = std::iter::once(String::new())
        .chain(columns.iter().map(|(name, _)| name.clone()))
        .collect();
    let right: Vec<usize> = (1..heads.len()).collect();
    html::table(&heads, &rows.collect::<Vec<_>>(), &right)
}

/// The metrics of each class; nothing for numbers.
pub(super) fn classes(report: &Report) -> String {
    match &report.measured.metrics {
        Measures::Class(metrics) => of_one_class(report, metrics),
        Measures::Several(metrics) => {
            let (heads, rows) = tables::several(metrics);
            let right: Vec<usize> = (1..heads.len()).collect();
            let mut body = html::heading("Classes");
            body.push_str(
                "<p>A class is given at a probability of 0.5. The best thresholds are those with the \
                 highest F1 on these images, so their F1 is too optimistic for others.</p>\n",
            );
            body.push_str(&html::long_table(&heads, &rows, &right, layout::METRICS_JSON));
            body.push_str(&plots(report, &["classes.svg"]));
            body
        }
        Measures::Number(_) => String::new(),
    }
}

/// The metrics of each class, and the most confused pairs of classes.
fn of_one_class(report: &Report, metrics: &Metrics) -> String {
    let (heads, rows) = tables::classes(metrics);
    let mut body = html::heading("Classes");
    let table = html::long_table(&heads, &rows, &[1, 2, 3, 4, 5, 6, 7], layout::METRICS_JSON);
    let matrix = ["confusion_matrix.svg"];
    if plot::is_wide_matrix(metrics.classes.len()) {
        // It scrolls on a narrow page.
        body.push_str(&table);
        body.push_str(&plots_in("class=\"full\" tabindex=\"0\"", report, &matrix));
    } else {
        let matrix = plots(report, &matrix);
        let _ = writeln!(body, "<div class=\"beside\">\n<div>{table}</div>{matrix}</div>");
    }
    let (few, n_pairs) = FEW;
    let n_pairs = if metrics.classes.len() > few { MOST_PAIRS } else { n_pairs };
    let name = |class: usize| metrics.classes[class].name.clone();
    let confused: Vec<Vec<String>> = metrics
        .confusion_matrix
        .most_confused(n_pairs)
        .into_iter()
        .map(|(label, given, n)| {
            let of = metrics.confusion_matrix.n_of(label);
            vec![name(label), name(given), format!("{n} of {of}")]
        })
        .collect();
    if !confused.is_empty() && metrics.classes.len() > 2 {
        body.push_str(&html::heading("Most confused"));
        let heads = ["true class", "predicted class", "images"].map(str::to_owned);
        body.push_str(&html::long_table(&heads, &confused, &[2], layout::PREDICTIONS));
    }
    body
}

/// The misclassified validation images with the highest loss, and the correct ones that are nearest to
/// an error.
pub(super) fn losses(report: &Report) -> String {
    let mut body = html::heading("Largest errors");
    if let Some(reason) = &report.no_losses {
        let _ = writeln!(body, "<p class=\"faint\">{}</p>", escape(reason));
        return body;
    }
    let has_maps = report.losses.iter().any(|loss| loss.map.is_some());
    let metrics = &report.measured.metrics;
    let maps = match (has_maps, report.maps_use_gradients) {
        (true, false) => format!(
            "Each has a class activation map (Zhou et al. 2016): the areas that support {} are orange.",
            measures::supported(metrics)
        ),
        (true, true) => format!(
            "Each has a class activation map (Grad-CAM, Selvaraju et al. 2017): the areas that \
             support {} are orange.",
            measures::supported(metrics)
        ),
        (false, _) => {
            "This base model averages its features over the whole image, so there are no class \
             activation maps."
                .to_owned()
        }
    };
    let (right, wrong): (Vec<&Loss>, Vec<&Loss>) =
        report.losses.iter().partition(|loss| loss.is_right);
    if wrong.is_empty() {
        body.push_str("<p>All validation images are classified correctly.</p>\n");
    } else {
        let what = measures::worst(metrics);
        let _ = writeln!(body, "<p>{what} {maps}</p>");
        body.push_str(&images(&wrong, metrics));
    }
    if !right.is_empty() {
        body.push_str(&html::heading("Least certain"));
        body.push_str(
            "<p>Correctly classified validation images with the lowest probability of their class.</p>\n",
        );
        body.push_str(&images(&right, metrics));
    }
    body
}

fn images(losses: &[&Loss], metrics: &Measures) -> String {
    let is_number = matches!(metrics, Measures::Number(_));
    let mut body = "<div class=\"images pairs\">\n".to_owned();
    for loss in losses {
        let Loss { path, label, support, loss: surprise, image, map, .. } = loss;
        let map = match map {
            Some(map) => {
                let class = escape(support);
                format!("<img alt=\"areas that support {class}\" src=\"{}\">", html::jpeg(map))
            }
            None => String::new(),
        };
        let (class, said) = if loss.is_right { ("better", "correct") } else { ("worse", "wrong") };
        let mark = format!("<span class=\"{class}\">{said}</span>: predicted ");
        let (mark, what) =
            if is_number { ("estimate ".to_owned(), "error") } else { (mark, "loss") };
        let _ = writeln!(
            body,
            "<figure><div class=\"pair\"><img alt=\"{}\" src=\"{}\">{map}</div>\
             <figcaption>{mark}{}<br>\
             true {}, {what} {surprise:.2}{}</figcaption></figure>",
            escape(path),
            html::jpeg(image),
            escape(&loss.said()),
            escape(label),
            html::image_name(path),
        );
    }
    body.push_str("</div>\n");
    body
}

/// The dataset of the run: classes, split, skipped images and look-alikes.
pub(super) fn data(report: &Report) -> String {
    let Report { manifest, setup, .. } = report;
    let rows: Vec<Vec<String>> =
        setup.classes.iter().map(|(name, n)| vec![name.clone(), n.to_string()]).collect();
    let mut body = html::heading("Dataset");
    let is_number = matches!(report.measured.metrics, Measures::Number(_));
    let heads = [if is_number { "number" } else { "class" }, "images"].map(str::to_owned);
    body.push_str(&html::long_table(&heads, &rows, &[1], layout::SPLITS));
    let parts = manifest.dataset.split.iter().filter(|(_, n)| **n > 0);
    let parts: Vec<String> = parts.map(|(part, n)| format!("{part} {n}")).collect();
    let _ = writeln!(body, "<p>Split: {}.</p>", escape(&parts.join(", ")));
    let skipped = &manifest.dataset.skipped;
    if !skipped.is_empty() {
        let lines: Vec<String> =
            skipped.iter().map(|(path, reason)| format!("{path}: {reason}")).collect();
        let n = text::count(lines.len(), "image");
        let lines = text::first_lines(&lines, 20);
        let _ = writeln!(body, "<p>{n} skipped:</p>\n<pre>{}</pre>", escape(&lines));
    }
    body.push_str(&look_alikes(report));
    if !report.augmented.is_empty() {
        body.push_str(
            "<p>Training images as the network sees them, after augmentation:</p>\n<div class=\"images\">\n",
        );
        for Tile { data, lines: [label, _], title } in &report.augmented {
            let _ = writeln!(
                body,
                "<figure><img alt=\"{}\" src=\"{data}\"><figcaption>{}</figcaption></figure>",
                escape(title),
                escape(label)
            );
        }
        body.push_str("</div>\n");
    }
    body
}

/// A warning and a table of validation and test images that look like training images.
fn look_alikes(report: &Report) -> String {
    const MOST: usize = 50;
    let found = &report.look_alikes;
    if found.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .take(MOST)
        .map(|alike| vec![alike.path.clone(), alike.part.to_owned(), alike.training.clone()])
        .collect();
    let heads = ["image", "split", "similar training image"].map(str::to_owned);
    let more = match found.len() {
        n if n > MOST => format!("<p>… and {} more</p>\n", n - MOST),
        _ => String::new(),
    };
    let verb = if found.len() == 1 { "looks" } else { "look" };
    format!(
        "<p class=\"worse\">{} outside the training set {verb} like a training image, so the metrics \
         above may be too optimistic:</p>\n{}{more}",
        text::count(found.len(), "image"),
        html::table(&heads, &rows, &[])
    )
}

/// The seed, digests, versions and command that reproduce the run.
pub(super) fn reproduction(report: &Report) -> String {
    let Report { manifest, directory, .. } = report;
    let mut rows = vec![
        ("seed", manifest.seed.to_string()),
        ("dataset digest", manifest.dataset.fingerprint.to_string()),
        ("weights", report.setup.weights.clone()),
    ];
    if let Some(digest) = &manifest.weights.digest {
        rows.push(("weights digest", digest.to_string()));
    }
    if let Some(unlabeled) = &manifest.dataset.unlabeled {
        let n = text::count(unlabeled.n_images, "image");
        rows.push(("unlabeled images", format!("{n}, digest {}", unlabeled.fingerprint)));
    }
    for stage in &manifest.stages {
        let digest = stage.teacher.map(|digest| format!("{digest} (stage {})", stage.name));
        rows.extend(digest.map(|digest| ("teacher digest", digest)));
    }
    if let Some(url) = &manifest.weights.url {
        rows.push(("weights URL", url.clone()));
    }
    rows.extend(manifest.versions.iter().map(|(name, version)| (name.as_str(), version.clone())));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    let mut body = html::heading("Reproduce this run");
    let _ = writeln!(
        body,
        "<p><code>alpaca-run reproduce {}</code> repeats the run from its run directory and reports whether \
         every byte is the same. <code>pipeline.resolved.yaml</code> in the directory lists every value.</p>",
        escape(directory)
    );
    body.push_str(&html::table(&[String::new(), String::new()], &rows, &[]));
    body
}

/// Plots in a grid.
fn plots(report: &Report, names: &[&str]) -> String {
    plots_in("class=\"plots\"", report, names)
}

/// Plots in a `div` with these attributes; nothing if the run has none of them.
fn plots_in(attributes: &str, report: &Report, names: &[&str]) -> String {
    let found = names.iter().filter_map(|name| report.plots.iter().find(|(file, _)| file == name));
    let drawn: String = found.map(|(_, svg)| svg.as_str()).collect();
    if drawn.is_empty() { String::new() } else { format!("<div {attributes}>\n{drawn}</div>\n") }
}
