//! The learning rate over the epochs of all stages.

use super::curves::{Axes, frame};
use super::scale;
use crate::run_dir::history::History;

/// Draws the learning rate at the end of each epoch.
pub(super) fn render(history: &History) -> String {
    let epochs = history.stages.iter().flat_map(|stage| &stage.epochs);
    let most = epochs.map(|epoch| epoch.learning_rate).fold(0.0, f64::max);
    let summary = format!("at the end of each epoch; the highest is {most}");
    let marks = scale::marks(0.0, if most > 0.0 { most } else { 1.0 }, 5);
    let (mut svg, axes) = frame(history, "Learning rate", &summary, &marks);
    if let Some(Axes { x, y }) = axes {
        for stage in &history.stages {
            let at = |epoch: usize, rate: f64| (x.place(epoch as f64), y.place(rate));
            let points: Vec<(f64, f64)> =
                stage.epochs.iter().map(|epoch| at(epoch.epoch, epoch.learning_rate)).collect();
            svg.path("line plain", &points);
            for epoch in &stage.epochs {
                let said =
                    format!("{}, epoch {}: {}", stage.name, epoch.epoch, epoch.learning_rate);
                svg.circle("dot plain", at(epoch.epoch, epoch.learning_rate), 2.25, &said);
            }
        }
    }
    svg.finish()
}
