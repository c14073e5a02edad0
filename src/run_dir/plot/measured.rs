//! The plots of an evaluation.

use super::ranking::{self, Ranked};
use super::{calibration, confusion, estimates, several as classes};
use crate::metrics::ranking::Ranking;
use crate::metrics::{Measures, Metrics, Scored, several};
use crate::run_dir::measured::{PredictionRow, Predictions};

/// A plot: its file name and SVG.
type Plot = (&'static str, String);

/// All plots of an evaluation, by file name.
pub fn render_all(measures: &Measures, predictions: &Predictions) -> Vec<Plot> {
    let rows = &predictions.rows;
    match measures {
        Measures::Class(metrics) => {
            let scored: Vec<Scored<'_>> = rows.iter().map(PredictionRow::scored).collect();
            of_class(metrics, &scored)
        }
        Measures::Several(metrics) => {
            let scored: Vec<_> = rows.iter().map(PredictionRow::several).collect();
            of_several(metrics, &scored)
        }
        Measures::Number(metrics) => vec![
            ("estimates.svg", estimates::scatter(metrics, rows)),
            ("errors.svg", estimates::histogram(metrics, rows)),
        ],
    }
}

fn of_class(metrics: &Metrics, scored: &[Scored<'_>]) -> Vec<Plot> {
    let names: Vec<&str> = metrics.classes.iter().map(|class| class.name.as_str()).collect();
    let ranked = Ranked {
        names: &names,
        ranking: &|class| Ranking::of_class(class, scored),
        is_choice_of_two: names.len() == 2,
    };
    vec![
        ("confusion_matrix.svg", confusion::render(metrics)),
        ("roc.svg", ranking::roc(&ranked, metrics.roc_auc)),
        ("precision_recall.svg", ranking::precision_recall(&ranked, metrics.average_precision)),
        ("calibration.svg", calibration::render(metrics)),
        ("probabilities.svg", calibration::histogram(metrics, scored)),
    ]
}

fn of_several(metrics: &several::Metrics, scored: &[several::Scored<'_>]) -> Vec<Plot> {
    let names: Vec<&str> = metrics.classes.iter().map(|class| class.name.as_str()).collect();
    let ranked = Ranked {
        names: &names,
        ranking: &|class| several::ranking(class, scored),
        is_choice_of_two: false,
    };
    vec![
        ("classes.svg", classes::render(metrics)),
        ("roc.svg", ranking::roc(&ranked, metrics.roc_auc)),
        ("precision_recall.svg", ranking::precision_recall(&ranked, metrics.average_precision)),
    ]
}
