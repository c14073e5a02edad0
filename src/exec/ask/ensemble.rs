//! Several trained models as one, whose outputs are averaged.

use super::evaluate::{self, EvaluationImages};
use super::trained::Trained;
use crate::dataset::pixels::{PixelRoom, Pixels};
use crate::exec::error::{EnsembleError, RunError};
use crate::exec::prepare::classes::{self, OtherClasses};
use crate::spec::{PipelineSpec, TargetSpec, TestTimeAugmentation};
use crate::train::evaluate::Prediction;
use crate::train::readout::Readout;

/// A trained model of an ensemble.
pub struct Member {
    /// The name of its run for messages.
    pub name: String,
    /// Its pipeline.
    pub spec: PipelineSpec,
    /// The model.
    pub trained: Trained,
}

/// One or several models. Their outputs are averaged, and those for the views of an image.
pub struct Ensemble {
    /// The models. The first one decides the order of the outputs.
    pub members: Vec<Member>,
    /// For each model, the place of each of the first one's outputs among its own.
    pub(super) places: Vec<Vec<usize>>,
    /// The views of an image.
    pub views: TestTimeAugmentation,
}

impl Ensemble {
    /// Combines models.
    ///
    /// # Errors
    /// When they do not predict the same classes, or the same number.
    ///
    /// # Panics
    /// When there are none.
    pub fn new(members: Vec<Member>, views: TestTimeAugmentation) -> Result<Self, EnsembleError> {
        let first = &members[0];
        let places: Result<_, _> = members.iter().map(|other| places(first, other)).collect();
        Ok(Self { places: places?, members, views })
    }

    /// The same models as an exported file computes them, in single precision.
    #[must_use]
    pub fn in_f32(self) -> Self {
        let members = self.members.into_iter();
        let members = members.map(|member| Member { trained: member.trained.in_f32(), ..member });
        Self { members: members.collect(), ..self }
    }

    /// The first model.
    pub fn first(&self) -> &Member {
        &self.members[0]
    }

    /// The names of the outputs.
    pub fn classes(&self) -> &[String] {
        &self.first().trained.classes
    }

    /// What the models predict.
    pub fn target(&self) -> TargetSpec {
        self.first().trained.readout.target()
    }

    /// Whether it is one model, for one view of an image.
    pub fn is_single(&self) -> bool {
        self.members.len() == 1 && self.views.is_none()
    }

    /// The mean predictions for images. Each model gets them resized as it was trained.
    ///
    /// # Errors
    /// When an image changed, an engine fails, or drawn images have the size of another model.
    pub fn predictions(
        &self,
        images: &EvaluationImages,
        room: &PixelRoom,
        n_threads: usize,
    ) -> Result<Vec<Prediction>, RunError> {
        let size = self.first().spec.dataset.image_size;
        let is_drawn = images.dataset.samples.iter().any(|one| one.candidate.drawn().is_some());
        let mut mean: Vec<Prediction> = vec![];
        for (at, Member { name, spec, trained }) in self.members.iter().enumerate() {
            if is_drawn && spec.dataset.image_size != size {
                return Err(EnsembleError::Drawn { other: name.clone() }.into());
            }
            let mut own = images.clone();
            if at > 0 {
                own.pixels = Pixels::new(spec.dataset.pixels(), room.clone()).into();
            }
            let views = self.views;
            let found = evaluate::predictions_of_views(trained, &own, spec, views, n_threads)?;
            let in_order = found.into_iter().map(|prediction| Prediction {
                outputs: in_order(&prediction.outputs, &self.places[at]),
                ..prediction
            });
            if at == 0 {
                mean = in_order.collect();
            } else {
                mean.iter_mut()
                    .zip(in_order)
                    .for_each(|(sum, one)| add(&mut sum.outputs, &one.outputs));
            }
        }
        let n = self.members.len();
        mean.iter_mut().for_each(|prediction| divide(&mut prediction.outputs, n));
        Ok(mean)
    }
}

/// Outputs of a model in the order of the first one.
pub(super) fn in_order(outputs: &[f64], places: &[usize]) -> Vec<f64> {
    places.iter().map(|&place| outputs[place]).collect()
}

/// Adds the outputs of a model to those of others.
pub(super) fn add(sum: &mut [f64], outputs: &[f64]) {
    sum.iter_mut().zip(outputs).for_each(|(sum, output)| *sum += output);
}

/// Makes the mean of `n` models of their sum.
pub(super) fn divide(sum: &mut [f64], n: usize) {
    sum.iter_mut().for_each(|sum| *sum /= n as f64);
}

/// The place of each of the first model's outputs among those of another.
fn places(first: &Member, other: &Member) -> Result<Vec<usize>, EnsembleError> {
    let runs = || [first.name.clone(), other.name.clone()];
    let targets = [first, other].map(words);
    if targets[0] != targets[1] {
        return Err(EnsembleError::Target { runs: runs(), targets });
    }
    let [wanted, there] = [first, other].map(|member| &member.trained.classes[..]);
    classes::places(wanted, there).map_err(|OtherClasses { missing, more }| {
        EnsembleError::Classes { runs: runs(), missing, more }
    })
}

/// What a model predicts, in words.
fn words(Member { trained, .. }: &Member) -> String {
    match trained.readout {
        Readout::Softmax => "one class an image".to_owned(),
        Readout::Sigmoids => "several labels an image".to_owned(),
        Readout::Number(_) => format!("the number `{}`", trained.classes[0]),
    }
}
