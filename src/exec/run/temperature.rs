//! Calibrates the head of a stage: fits a temperature to the validation images.

use super::audience::Audience;
use super::features::StageFeatures;
use super::stage::Start;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::engine::Trainer;
use crate::event::{BeforeAndAfter, Event, EventSink as _, TemperatureFacts};
use crate::exec::error::RunError;
use crate::metrics::calibration;
use crate::metrics::scores::Scores;
use crate::metrics::{Scored, several};
use crate::model::weights::Weights;
use crate::spec::{FitMethod, TemperatureSpec};
use crate::train::evaluate::{self, Prediction};
use crate::train::head::temperature::{self, Found, RANGE, Temperature};
use crate::train::readout::Readout;
use crate::train::{FeatureSource as _, TrainError};

/// Fits a temperature to the outputs of `trainer` for the validation images. Says so if the loss has no
/// minimum.
pub(super) fn fit(
    start: &Start<'_>,
    readout: Readout,
    trainer: &mut dyn Trainer,
    features: &mut StageFeatures<'_>,
    audience: &mut Audience<'_>,
) -> Result<f64, RunError> {
    let stage = &start.stage.name;
    let (outputs, targets) = evaluate::outputs(trainer, features.validation())?;
    let fitted = temperature::fit(&outputs, &targets, readout, start.ranks.agreed());
    let Temperature { value, found } = fitted.ok_or_else(|| TrainError::Cancelled {
        stage: stage.clone(),
        epoch: start.n_epochs_before + 1,
    })?;
    let message = match found {
        Found::Minimum => return Ok(value),
        Found::Separable => format!(
            "stage {stage}: the temperature stays 1, since every validation image is classified \
             correctly: the lower the temperature, the better it would fit them"
        ),
        Found::OutOfRange => format!(
            "stage {stage}: the temperature {value} is an end of the range from {} to {}; the \
             validation images are too few, or the model does not fit them",
            RANGE[0], RANGE[1],
        ),
    };
    audience.receive(&Event::Warning { message })?;
    Ok(value)
}

/// The weights of the last layer, divided by a temperature: the outputs are linear in them. Layers
/// before it keep theirs.
pub(super) fn divided(start: &Start<'_>, temperature: f64) -> Weights {
    let last = start.network.graph.layers().len() - 1;
    let mut weights = Weights::default();
    for parameter in start.network.trainable_parameters(last) {
        let of_stage = start.weights.get(&parameter.name);
        let values = of_stage.values().iter();
        let values = values.map(|value| (f64::from(*value) / temperature) as f32).collect();
        weights.insert(parameter.name.clone(), Tensor::new(of_stage.shape(), values));
    }
    weights
}

/// What a temperature changed, by the predictions for the validation images before and after.
pub(super) fn facts(
    temperature: f64,
    before: &[Prediction],
    after: &[Prediction],
) -> TemperatureFacts {
    let both = |metric: fn(&[Prediction]) -> f64| BeforeAndAfter {
        before: metric(before),
        after: metric(after),
    };
    TemperatureFacts {
        method: FitMethod::Temperature(TemperatureSpec {}).name().to_owned(),
        temperature,
        n_images: after.len(),
        log_loss: both(log_loss),
        calibration_error: both(calibration_error),
    }
}

/// The mean log loss, in nats; of several labels its mean over them.
fn log_loss(predictions: &[Prediction]) -> f64 {
    let losses = predictions.iter().map(|one| Scores::of(&one.target, &one.outputs).loss);
    losses.sum::<f64>() / predictions.len() as f64
}

/// The expected calibration error. Where an image may have several labels, each pair of an image and a
/// label counts as one of two classes.
fn calibration_error(predictions: &[Prediction]) -> f64 {
    let mut rows: Vec<(usize, usize, Vec<f64>)> = vec![];
    for one in predictions {
        match &one.target {
            Target::Classes(_) => rows.extend(one.outputs.iter().enumerate().map(|(class, p)| {
                let is_given = *p >= several::THRESHOLD;
                let has = one.target.has(class);
                (usize::from(has), usize::from(is_given), vec![1.0 - p, *p])
            })),
            target => rows.push((target.class(), one.predicted(), one.outputs.clone())),
        }
    }
    let scored = rows.iter().map(|(label, predicted, probabilities)| Scored {
        label: *label,
        predicted: *predicted,
        probabilities,
    });
    calibration::error(&scored.collect::<Vec<_>>())
}
