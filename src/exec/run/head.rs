//! Runs a stage that fits the head to the features of all training images, or its temperature to the
//! validation images.

use std::collections::BTreeMap;
use std::time::Instant;

use super::audience::Audience;
use super::features::StageFeatures;
use super::ranks::Division;
use super::sources::StageImages;
use super::stage::{self, Parts, Start};
use super::temperature;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::dataset::split;
use crate::engine;
use crate::engine::autodiff::TrainerOptions;
use crate::event::{
    ComparedPenalty, EpochMetrics, EpochTimes, Evaluated, Event, EventSink as _, FitFacts,
    HeadFacts, OutOfFold,
};
use crate::exec::error::RunError;
use crate::exec::plan::outcome::StageOutcome;
use crate::model::weights::Weights;
use crate::run_dir::layout;
use crate::run_dir::recorder;
use crate::spec::{FitMethod, FitSpec, L2, PenaltySpec};
use crate::train::evaluate::{self, Evaluation, Prediction};
use crate::train::fit::Fitted;
use crate::train::head::{self, Examples, Head, Method, Rows};
use crate::train::readout::Readout;
use crate::train::state::{Best, FinishedEpoch};
use crate::train::{FeatureBatch, FeatureSource as _, TrainError};

/// Number of parts of the cross-validation that chooses the penalty.
const FOLDS: usize = 5;

/// What a stage finds.
enum Found {
    /// A head.
    Head(FoundHead),
    /// The temperature of a head.
    Temperature(f64),
}

/// A head, and the predictions for training images of heads that were not fitted to them.
struct FoundHead {
    head: Head,
    out_of_fold: Vec<Prediction>,
}

/// Runs the stage. It has one epoch.
pub(super) fn run(
    start: &Start<'_>,
    spec: &FitSpec,
    images: StageImages<'_>,
    audience: &mut Audience<'_>,
) -> Result<StageOutcome, RunError> {
    let Start { stage, network, weights, layers, n_epochs_before, .. } = *start;
    let parts = Parts::of(start);
    let extractor = engine::extractor(network, &parts.cut, weights)?;
    let mut features = parts.features(start, images, extractor.as_ref(), Division::Even)?;
    Parts::check_computed(start, &features, audience)?;
    let trainer =
        |weights: &Weights| start.trainer(&parts, weights, &TrainerOptions::asking(layers));
    let readout = images.readout;
    let mut unchanged = trainer(weights);
    let before = evaluate::evaluate(&mut unchanged, features.validation(), readout)?;
    let facts = stage::facts(start, parts.first, &images, before.evaluated);
    audience.receive(&Event::StageStarted(facts.clone()))?;
    let began = Instant::now();
    let mut times = EpochTimes::default();
    let method = match spec.method {
        FitMethod::Logistic(PenaltySpec { l2 }) | FitMethod::Ridge(PenaltySpec { l2 }) => {
            Some(Method::Penalized(l2))
        }
        FitMethod::Prototypes(_) => Some(Method::Prototypes),
        FitMethod::Temperature(_) => None,
    };
    let (head, found) = if let Some(method) = method {
        let method = (spec.augmentation_views.unwrap_or(1), method);
        let found = fit(start, method, images, &mut features, &mut times)?;
        (of_network(start, &parts.trained, &found.head), Found::Head(found))
    } else {
        let value = temperature::fit(start, readout, &mut unchanged, &mut features, audience)?;
        (temperature::divided(start, value), Found::Temperature(value))
    };
    times.optimizer = began.elapsed().saturating_sub(times.waiting + times.frozen);
    let all = stage::merged(weights, &head);
    let mut trainer = trainer(&all);
    let train = evaluate::evaluate(&mut trainer, features.training(1, 0), readout)?.evaluated;
    let began_validation = Instant::now();
    let validation = evaluate::evaluate(&mut trainer, features.validation(), readout)?;
    (times.validation, times.total) = (began_validation.elapsed(), began.elapsed());
    if let Some(directory) = audience.directory() {
        for name in [layout::BEST_WEIGHTS, layout::LAST_WEIGHTS] {
            recorder::write_weights(directory, &stage.name, name, &all, network.convention)?;
        }
    }
    let (how, out_of_fold) = match found {
        Found::Head(found) => found.facts(spec.method, readout),
        Found::Temperature(value) => {
            let facts = temperature::facts(value, &before.predictions, &validation.predictions);
            (FitFacts::Temperature(facts), vec![])
        }
    };
    let fitted = only_epoch(n_epochs_before + 1, (train, times), validation, head);
    let metrics = fitted.best.metrics;
    let name = || stage.name.clone();
    audience.receive(&Event::HeadFitted { stage: name(), fit: how.clone() })?;
    audience.receive(&Event::EpochFinished { stage: name(), metrics, is_best: true, times })?;
    let (soup, patience) = (None, None);
    audience.receive(&Event::StageFinished { stage: name(), best: metrics, soup, patience })?;
    Ok(parts.outcome(start, facts, fitted, Some(how))?.with_out_of_fold(out_of_fold))
}

/// The predictions for the validation images of the head that is fitted to the images of a stage.
pub(super) fn fitted_predictions(
    start: &Start<'_>,
    images: StageImages<'_>,
) -> Result<Vec<Prediction>, RunError> {
    let Start { network, weights, layers, .. } = *start;
    let parts = Parts::of(start);
    let extractor = engine::extractor(network, &parts.cut, weights)?;
    let mut features = parts.features(start, images, extractor.as_ref(), Division::Even)?;
    let times = &mut EpochTimes::default();
    let method = (1, Method::Penalized(L2::Auto));
    let fitted = fit(start, method, images, &mut features, times)?.head;
    let all = stage::merged(weights, &of_network(start, &parts.trained, &fitted));
    let options = TrainerOptions::asking(layers);
    let mut trainer = start.trainer(&parts, &all, &options);
    Ok(evaluate::evaluate(&mut trainer, features.validation(), images.readout)?.predictions)
}

/// The result of the stage as that of an epoch, with this number, and metrics and times of training.
fn only_epoch(
    epoch: usize,
    (train, times): (Evaluated, EpochTimes),
    Evaluation { evaluated: validation, predictions }: Evaluation,
    weights: Weights,
) -> Fitted {
    let further = evaluate::further(&predictions);
    let metrics = EpochMetrics { epoch, train, validation, further, learning_rate: 0.0 };
    let epochs = vec![FinishedEpoch { metrics, is_best: true, times }];
    let best = Best { metrics, soup: None, weights: weights.clone(), predictions };
    Fitted { epochs, best, last_weights: weights }
}

impl FoundHead {
    /// How it was fitted, and the out-of-fold predictions.
    fn facts(self, method: FitMethod, readout: Readout) -> (FitFacts, Vec<Prediction>) {
        let Self { head: Head { l2, compared, .. }, out_of_fold } = self;
        let compared = compared.into_iter().map(|(l2, loss)| ComparedPenalty { l2, loss });
        let metrics = evaluate::of_predictions(&out_of_fold, readout);
        let facts = HeadFacts {
            method: method.name().to_owned(),
            l2,
            compared: compared.collect(),
            out_of_fold: metrics.map(|metrics| OutOfFold { n_images: out_of_fold.len(), metrics }),
        };
        (FitFacts::Head(facts), out_of_fold)
    }
}

/// Fits the head to the features of all versions of the training images. Adds the times that these
/// took. Ranks compute the features together, and each of them fits the head.
fn fit(
    start: &Start<'_>,
    (n_versions, method): (usize, Method),
    images: StageImages<'_>,
    features: &mut StageFeatures<'_>,
    times: &mut EpochTimes,
) -> Result<FoundHead, RunError> {
    let canceled = || TrainError::Cancelled {
        stage: start.stage.name.clone(),
        epoch: start.n_epochs_before + 1,
    };
    let n = images.train.len();
    // Versions of an image, and images of a group, validate together.
    let n_folds = FOLDS.min(n).min(least_class(&images).max(2));
    let stream = start.stream().child("cross-validation");
    let mut fold_of = vec![0; images.dataset.samples.len()];
    let folds_of_images = split::parts(images.dataset, images.train, n_folds, stream);
    images.train.iter().zip(folds_of_images).for_each(|(&at, fold)| fold_of[at] = fold);
    let weights_of_images = images.dataset.weights();
    let mut rows: Option<Rows> = None;
    let (mut targets, mut weights, mut folds, mut samples) = (vec![], vec![], vec![], vec![]);
    let mut record = vec![];
    for version in 1..=n_versions {
        for batch in features.undivided(version) {
            let FeatureBatch { features, targets: of_batch, visits, waiting, frozen, .. } = batch?;
            times.waiting += waiting;
            times.frozen += frozen;
            let len = features.values.iter().map(|one| one.values().len() / visits.len()).sum();
            let rows = rows.get_or_insert_with(|| Rows::with_capacity(n * n_versions, len));
            record.resize(len, 0.0);
            for (at, visit) in visits.iter().enumerate() {
                features.write_record(at, &mut record);
                rows.push(&record);
                let weight = weights_of_images.as_ref().map_or(1.0, |all| all[visit.sample]);
                weights.push(f64::from(weight));
                folds.push(fold_of[visit.sample]);
                samples.push(visit.sample);
            }
            targets.extend(of_batch);
            if start.ranks.agreed().is_set() {
                return Err(canceled().into());
            }
        }
    }
    let rows = rows.expect("there are training images");
    let n_outputs = start.network.units.last().map_or(1, |unit| unit.output_shape[0]);
    let examples = Examples {
        rows,
        targets: &targets,
        weights: &weights,
        folds: &folds,
        n_folds,
        cancel: start.ranks.agreed(),
    };
    let mut head = head::fit(examples, n_outputs, images.readout, method).ok_or_else(canceled)?;
    let held_out = samples.into_iter().zip(std::mem::take(&mut head.held_out));
    let out_of_fold = out_of_fold(held_out, images);
    Ok(FoundHead { head, out_of_fold })
}

/// The predictions for training images by their outputs, one list for each version of an image: the mean
/// over its versions, in the order of the dataset.
fn out_of_fold(
    held_out: impl Iterator<Item = (usize, Option<Vec<f64>>)>,
    images: StageImages<'_>,
) -> Vec<Prediction> {
    let mut sums: BTreeMap<usize, (Vec<f64>, usize)> = BTreeMap::new();
    for (sample, logits) in held_out.filter_map(|(sample, logits)| Some((sample, logits?))) {
        let logits: Vec<f32> = logits.into_iter().map(|z| z as f32).collect();
        let outputs = images.readout.read(&logits);
        let (sum, n) = sums.entry(sample).or_insert_with(|| (vec![0.0; outputs.len()], 0));
        sum.iter_mut().zip(outputs).for_each(|(sum, output)| *sum += output);
        *n += 1;
    }
    let predictions = sums.into_iter().map(|(sample, (sum, n))| Prediction {
        sample,
        target: images.dataset.target(sample),
        outputs: sum.into_iter().map(|sum| sum / n as f64).collect(),
    });
    predictions.collect()
}

/// Number of training images of the smallest class, where an image has one; otherwise of all.
fn least_class(images: &StageImages<'_>) -> usize {
    let StageImages { dataset, train, .. } = images;
    let mut counts = BTreeMap::new();
    for &position in *train {
        if let Target::Class(class) = dataset.target(position) {
            *counts.entry(class).or_insert(0) += 1;
        }
    }
    counts.into_values().min().unwrap_or(train.len())
}

/// The weights of the last layer of the network.
fn of_network(start: &Start<'_>, names: &[String], head: &Head) -> Weights {
    let mut weights = Weights::default();
    for name in names {
        let shape = start.weights.get(name).shape().to_vec();
        let values = if shape.len() == 1 { &head.bias } else { &head.kernel };
        let values = values.iter().map(|value| *value as f32).collect();
        weights.insert(name.clone(), Tensor::new(&shape, values));
    }
    weights
}
