//! Flips: images for which two runs predict different classes.

use serde::Serialize;

use super::images::common;
use super::run::{FinishedRun, Prediction};

/// An image for which two runs predict different classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// The path relative to the dataset directory.
    pub path: String,
    /// The true class, or the true classes as tables have them.
    pub label: String,
    /// What each of the two runs predicts, with its probability; of several classes, the geometric
    /// mean of the probabilities.
    pub predicted: [(String, f64); 2],
    /// The probability of the truth in each of the two runs.
    pub own: [f64; 2],
}

impl Flip {
    /// `better`, `worse`, or `other` where both are wrong.
    pub fn verdict(&self) -> &'static str {
        match self.predicted.each_ref().map(|(class, _)| *class == self.label) {
            [false, true] => "better",
            [true, false] => "worse",
            _ => "other",
        }
    }
}

/// The shared validation images that flipped. Images that got worse come first, then those with
/// the largest change in the probability of the true class.
pub(super) fn flips(first: &FinishedRun, second: &FinishedRun) -> Vec<Flip> {
    let mut flips: Vec<Flip> = common(first, second)
        .filter_map(|path| {
            let both = [first, second].map(|run| &run.predictions[path]);
            // Estimates of a number hardly ever are the same.
            let is_number = matches!(both[0], Prediction::Number { .. });
            let predicted = both.map(Prediction::predicted);
            let flips = both[0].is_like(both[1]) && !is_number && predicted[0] != predicted[1];
            flips.then(|| Flip {
                path: path.to_owned(),
                label: both[0].truth(),
                predicted: both.map(|said| (said.predicted(), said.confidence())),
                own: both.map(Prediction::of_truth),
            })
        })
        .collect();
    flips.sort_by(|a, b| {
        rank(a).cmp(&rank(b)).then(change(b).total_cmp(&change(a))).then(a.path.cmp(&b.path))
    });
    flips
}

fn rank(flip: &Flip) -> u8 {
    match flip.verdict() {
        "worse" => 0,
        "better" => 1,
        _ => 2,
    }
}

fn change(flip: &Flip) -> f64 {
    (flip.own[1] - flip.own[0]).abs()
}
