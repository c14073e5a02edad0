//! The average of the weights of the best epochs of a stage: a greedy model soup (Wortsman et al.
//! 2022, arXiv 2203.05482, recipe 1).

use std::collections::BTreeMap;

use super::evaluate::{self, Evaluation};
use super::readout::Readout;
use super::schedule::is_better;
use super::state::{Best, Ranked};
use super::{FeatureSource, TrainError};
use crate::base::tensor::Tensor;
use crate::engine::{Trainer, TrainerState};
use crate::event::EpochMetrics;
use crate::model::weights::Weights;
use crate::spec::BestBy;

/// Adds an epoch to the `n` best ones, unless it is worse than all of them.
pub(super) fn rank(ranked: &mut Vec<Ranked>, epoch: Ranked, by: BestBy, n: usize) {
    let at = ranked.iter().position(|other| is_better(&epoch.metrics, &other.metrics, by));
    ranked.insert(at.unwrap_or(ranked.len()), epoch);
    ranked.truncate(n);
}

/// Averages the weights of the best epochs of a stage and of others, from the best to the worst: begins
/// with the best one of the stage, and adds each further one that does not make the average worse on
/// the validation images. `None` if none can be added. The trainer is left as it was.
///
/// # Errors
/// When a batch cannot be prepared, or an engine fails.
pub(super) fn make(
    (ranked, others): (&[Ranked], &[Ranked]),
    trainer: &mut dyn Trainer,
    source: &mut dyn FeatureSource,
    readout: Readout,
    by: BestBy,
) -> Result<Option<Best>, TrainError> {
    let Some((first, own)) = ranked.split_first() else { return Ok(None) };
    let mut all = own.to_vec();
    for one in others {
        rank(&mut all, one.clone(), by, usize::MAX);
    }
    let before = trainer.state();
    let mut sum = Sum::of(&first.weights);
    let mut soup = vec![first.name.clone()];
    let mut best: Option<Best> = None;
    let mut reached = first.metrics;
    for Ranked { name, metrics: _, weights } in &all {
        let mut more = sum.clone();
        more.add(weights);
        let average = more.mean();
        set(trainer, &before, &average);
        let Evaluation { evaluated, predictions } =
            evaluate::evaluate(trainer, source.validation(), readout)?;
        let further = evaluate::further(&predictions);
        let found = EpochMetrics { validation: evaluated, further, ..first.metrics };
        if is_better(&reached, &found, by) {
            continue;
        }
        soup.push(name.clone());
        (sum, reached) = (more, found);
        best =
            Some(Best { metrics: found, soup: Some(soup.clone()), weights: average, predictions });
    }
    trainer.restore(before);
    Ok(best)
}

/// Gives a trainer other weights to predict with.
fn set(trainer: &mut dyn Trainer, state: &TrainerState, weights: &Weights) {
    let average = state.average.as_ref().map(|_| weights.clone());
    trainer.restore(TrainerState { weights: weights.clone(), average, ..state.clone() });
}

/// A sum of weights in double precision, added in order.
#[derive(Clone, Debug)]
struct Sum {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    n: usize,
}

impl Sum {
    fn of(weights: &Weights) -> Self {
        let tensors = weights.iter().map(|(name, tensor)| {
            let values = tensor.values().iter().map(|&value| f64::from(value)).collect();
            (name.to_owned(), (tensor.shape().to_vec(), values))
        });
        Self { tensors: tensors.collect(), n: 1 }
    }

    fn add(&mut self, weights: &Weights) {
        for (name, (_, sum)) in &mut self.tensors {
            let values = weights.get(name).values();
            sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        self.n += 1;
    }

    fn mean(&self) -> Weights {
        let n = self.n as f64;
        let tensors = self.tensors.iter().map(|(name, (shape, sum))| {
            let values = sum.iter().map(|sum| (sum / n) as f32).collect();
            (name.clone(), Tensor::new(shape, values))
        });
        tensors.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::batch::Visit;
    use crate::base::ingredient::Ingredient;
    use crate::base::target::Target;
    use crate::engine::{EngineError, Features, Objective, StepRandomness, StepTimes};
    use crate::event::{Evaluated, Further, Score};
    use crate::train::{FeatureBatch, FeatureBatches};

    /// A network of one number, which is its output for every image.
    struct OneNumber(TrainerState);

    fn one(value: f32) -> Weights {
        [("x".to_owned(), Tensor::new(&[1], vec![value]))].into_iter().collect()
    }

    impl Trainer for OneNumber {
        fn predict(&mut self, _: Features) -> Result<Tensor, EngineError> {
            Ok(Tensor::new(&[1, 1], self.0.weights.get("x").values().to_vec()))
        }

        fn step(
            &mut self,
            _: Features,
            _: &StepRandomness,
            _: &mut Objective<'_>,
            _: f64,
        ) -> Result<StepTimes, EngineError> {
            unreachable!("a soup is not trained")
        }

        fn weights(&self) -> Weights {
            self.0.weights.clone()
        }

        fn state(&self) -> TrainerState {
            self.0.clone()
        }

        fn restore(&mut self, state: TrainerState) {
            self.0 = state;
        }
    }

    /// One image of the second class.
    struct OneImage;

    impl FeatureSource for OneImage {
        fn training(&mut self, _: usize, _: usize) -> FeatureBatches<'_> {
            unreachable!("a soup is not trained")
        }

        fn validation(&mut self) -> FeatureBatches<'_> {
            Box::new(std::iter::once(Ok(FeatureBatch {
                features: Features { values: vec![] },
                targets: vec![Target::Class(1)],
                visits: vec![Visit::from(0)],
                mixed: None,
                waiting: Duration::ZERO,
                frozen: Duration::ZERO,
            })))
        }
    }

    fn epoch(number: usize, loss: f64, value: f32) -> Ranked {
        let evaluated = Evaluated { loss, score: Score::Accuracy(0.5) };
        let metrics = EpochMetrics {
            epoch: number,
            train: evaluated,
            validation: evaluated,
            further: Further::None {},
            learning_rate: 0.0,
        };
        Ranked { name: Ingredient::Epoch(number), metrics, weights: one(value) }
    }

    #[test]
    fn the_best_epochs_are_ranked_and_the_first_of_equals_stays_first() {
        let mut ranked = vec![];
        for (number, loss) in [(1, 0.5), (2, 0.3), (3, 0.5), (4, 0.9), (5, 0.4)] {
            rank(&mut ranked, epoch(number, loss, 0.0), BestBy::ValidationLoss, 3);
        }
        let numbers: Vec<usize> = ranked.iter().map(|ranked| ranked.metrics.epoch).collect();
        assert_eq!(numbers, [2, 5, 1]);
    }

    /// The higher the logit, the lower the loss.
    #[test]
    fn an_epoch_that_makes_the_average_worse_is_left_out() {
        let before = TrainerState { weights: one(9.0), ..TrainerState::default() };
        let mut trainer = OneNumber(before.clone());
        let mut made = |ranked: &[Ranked], others: &[Ranked]| {
            let all = (ranked, others);
            make(all, &mut trainer, &mut OneImage, Readout::Softmax, BestBy::ValidationLoss)
                .unwrap()
        };
        let loss = |logit: f64| (1.0 + (-logit).exp()).ln();
        let first = epoch(4, loss(1.0), 1.0);
        let [worse, better] = [epoch(2, loss(0.9), 0.5), epoch(7, loss(0.8), 3.0)];
        let soup = made(&[first.clone(), worse.clone(), better.clone()], &[]).unwrap();
        assert_eq!(soup.soup, Some(vec![Ingredient::Epoch(4), Ingredient::Epoch(7)]));
        assert_eq!(soup.weights, one(2.0));
        assert!((soup.metrics.validation.loss - loss(2.0)).abs() < 1e-9);
        assert_eq!(soup.metrics.epoch, 4);
        assert_eq!(soup.predictions.len(), 1);
        assert!(made(&[first.clone(), worse.clone()], &[]).is_none());
        assert!(made(std::slice::from_ref(&first), &[]).is_none());
        assert!(made(&[], std::slice::from_ref(&better)).is_none());
        // The best weights of another stage come in the order of their loss, after the stage's own best.
        let other =
            Ranked { name: Ingredient::Stage("other".to_owned()), ..epoch(9, loss(2.0), 5.0) };
        let soup = made(&[first, worse, better], std::slice::from_ref(&other)).unwrap();
        assert_eq!(soup.soup, Some(vec![Ingredient::Epoch(4), other.name, Ingredient::Epoch(7)]));
        assert_eq!((soup.weights, soup.metrics.epoch), (one(3.0), 4));
        assert_eq!(trainer.0, before);
    }
}
