//! The plots of an evaluation.

use super::{calibration, confusion, ranking};
use crate::metrics::{Metrics, Scored};

/// All plots of an evaluation, by file name.
pub fn render_all(metrics: &Metrics, scored: &[Scored<'_>]) -> Vec<(&'static str, String)> {
    vec![
        ("confusion_matrix.svg", confusion::render(metrics)),
        ("roc.svg", ranking::roc(metrics, scored)),
        ("precision_recall.svg", ranking::precision_recall(metrics, scored)),
        ("calibration.svg", calibration::render(metrics)),
        ("probabilities.svg", calibration::histogram(metrics, scored)),
    ]
}
