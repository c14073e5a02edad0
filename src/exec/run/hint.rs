//! Whether a trained head is worse than the one that could have been fitted to the same features.

use super::head;
use super::sources::StageImages;
use super::stage::Start;
use crate::base::target::Target;
use crate::exec::plan::outcome::StageOutcome;
use crate::metrics::paired::{Differences, SIGNIFICANT};
use crate::metrics::scores::Scores;
use crate::spec::{FreezeSpec, SamplingSpec, StageSpec};
use crate::train::evaluate::Prediction;

/// The most training images for which a head is fitted just for a hint: it takes a second.
const MOST_IMAGES: usize = 2000;

/// A hint if the fitted head would have been better on the validation images by more than chance.
pub(super) fn of_stage(
    start: &Start<'_>,
    images: StageImages<'_>,
    outcome: &StageOutcome,
) -> Option<String> {
    // Only a head of one layer can be fitted.
    let is_single = start.network.trained_parameters(start.stage).len() == 2;
    if !is_single
        || !is_comparable(start.stage)
        || images.train.len() > MOST_IMAGES
        || start.network.is_opaque()
    {
        return None;
    }
    let plain = StageImages {
        changes: &[].into(),
        views: None,
        n_versions: Some(1),
        sampling: SamplingSpec::Shuffled,
        mixing: None,
        ..images
    };
    // A hint is not worth a failed run.
    let fitted = head::fitted_predictions(start, plain).ok()?;
    sentence(&start.stage.name, &outcome.facts.predictions, &fitted)
}

/// Whether a stage only trains the head, for the plain loss.
fn is_comparable(stage: &StageSpec) -> bool {
    let Some(train) = stage.train() else { return false };
    let is_plain = train.about_probabilities().is_none() && train.loss.gamma() == 0.0;
    train.freeze == FreezeSpec::All
        && is_plain
        && train.sampling == SamplingSpec::Shuffled
        && train.teacher.is_none()
}

/// What is said if the predictions of the fitted head are better.
fn sentence(stage: &str, trained: &[Prediction], fitted: &[Prediction]) -> Option<String> {
    let first = trained.first()?;
    let [scores, losses] = [score, loss].map(|of: fn(&Prediction) -> f64| {
        let pairs = trained.iter().zip(fitted);
        Differences::of(pairs.map(|(trained, fitted)| of(fitted) - of(trained)))
    });
    let is_sure = |found: &Differences| found.p_value < SIGNIFICANT;
    let is_better = (is_sure(&scores) && scores.mean > 0.0)
        || (is_sure(&losses) && losses.mean < 0.0 && scores.mean >= 0.0);
    if !is_better {
        return None;
    }
    let mean = |of: fn(&Prediction) -> f64, all: &[Prediction]| {
        all.iter().map(of).sum::<f64>() / all.len() as f64
    };
    let figures = |all: &[Prediction]| {
        let what = match first.target {
            Target::Class(_) => "accuracy",
            Target::Classes(_) => "subset accuracy",
            Target::Number(_) => return format!("mean absolute error {:.4}", -mean(score, all)),
        };
        format!("{what} {:.4}, loss {:.4}", mean(score, all), mean(loss, all))
    };
    Some(format!(
        "a fitted head would be better than stage {stage}: validation {} instead of {}; write \
         `fit: {{}}` in place of `train` (docs/heads.md)",
        figures(fitted),
        figures(trained)
    ))
}

/// Whether a prediction is right; for a number, how near it is.
fn score(Prediction { target, outputs, .. }: &Prediction) -> f64 {
    let Scores { accuracy, loss } = Scores::of(target, outputs);
    accuracy.unwrap_or(-loss)
}

/// The log loss of a prediction; for a number, its squared error.
fn loss(Prediction { target, outputs, .. }: &Prediction) -> f64 {
    let Scores { accuracy, loss } = Scores::of(target, outputs);
    if accuracy.is_some() { loss } else { loss * loss }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictions for images of the second class, with its probabilities.
    fn predictions(probabilities: &[f64]) -> Vec<Prediction> {
        let images = probabilities.iter().enumerate();
        images
            .map(|(sample, &p)| Prediction {
                sample,
                target: Target::Class(1),
                outputs: vec![1.0 - p, p],
            })
            .collect()
    }

    #[test]
    fn metrics_have_the_names_of_their_target() {
        let of = |target: &dyn Fn(usize) -> Target, output: &dyn Fn(usize) -> f64| {
            let one = |sample| Prediction {
                sample,
                target: target(sample),
                outputs: vec![output(sample)],
            };
            (0..20).map(one).collect::<Vec<_>>()
        };
        let labels = |_: usize| Target::Classes(vec![0].into());
        let [unsure, sure] = [0.2, 0.9].map(|p| of(&labels, &|_| p));
        let said = sentence("last", &unsure, &sure).unwrap();
        assert!(
            said.contains("validation subset accuracy 1.0000, loss 0.1054 instead of"),
            "{said}"
        );
        let numbers = |i: usize| Target::Number(i as f64);
        let [far, near] = [3.0, 0.0].map(|off| of(&numbers, &|i| i as f64 + off));
        let said = sentence("last", &far, &near).unwrap();
        assert!(said.contains("error 0.0000 instead of mean absolute error 3.0000"), "{said}");
    }

    #[test]
    fn only_what_is_more_than_chance_is_said() {
        let said = |trained: &[f64], fitted: &[f64]| {
            sentence("transfer", &predictions(trained), &predictions(fitted))
        };
        // Six more images of twenty are right, and none is wrong instead.
        let trained: Vec<f64> = (0..20).map(|i| if i < 6 { 0.4 } else { 0.9 }).collect();
        let found = said(&trained, &[0.9; 20]).unwrap();
        assert!(
            found.contains("accuracy 1.0000, loss 0.1054 instead of accuracy 0.7000, loss 0.3486"),
            "{found}"
        );
        assert_eq!(said(&[0.9; 20], &trained), None);
        // One more image is no more than chance.
        let one: Vec<f64> = (0..20).map(|i| if i < 1 { 0.4 } else { 0.9 }).collect();
        assert_eq!(said(&one, &[0.9; 20]), None);
        assert_eq!(said(&trained, &trained), None);
        // All images are a little more certain.
        let spread: Vec<f64> = (0..20).map(|i| 0.6 + 0.01 * f64::from(i)).collect();
        let surer: Vec<f64> = spread.iter().map(|p| p + 0.1).collect();
        assert!(said(&spread, &surer).is_some());
        assert_eq!(said(&[], &[]), None);
    }
}
