//! The models that stages learn from, and whether they fit the dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::classes::{self, OtherClasses};
use super::overlap::RunImages;
use crate::base::digest::Digest;
use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::dataset::examine::Dataset;
use crate::dataset::part::{Part, Split};
use crate::dataset::pixels::PixelRoom;
use crate::dataset::scan::Listing;
use crate::exec::error::RunError;
use crate::spec::problem::{Code, Problem};
use crate::spec::{DatasetSource, ImageSize, PipelineSpec, TargetSpec};

/// A model that can predict for the images of a dataset.
pub trait Teach: Send + Sync {
    /// The outputs for some images, in their order: the probability of each of its classes, or the
    /// number.
    ///
    /// # Errors
    /// When an image changed or the model cannot be run.
    fn outputs(&self, images: &ToTeach<'_>) -> Result<Vec<Vec<f64>>, RunError>;
}

/// Images that a teacher predicts for, as they are.
#[derive(Clone, Copy)]
pub struct ToTeach<'a> {
    /// The dataset.
    pub dataset: &'a Arc<Dataset>,
    /// Positions of the images in it.
    pub positions: &'a [usize],
    /// The cache of decoded images.
    pub room: &'a PixelRoom,
    /// Number of threads.
    pub n_threads: usize,
}

/// An opened teacher.
#[derive(Clone)]
pub struct Teacher {
    /// The digest of everything that decides its outputs: weights, network, classes and preprocessing,
    /// or the bytes of a file.
    pub digest: Digest,
    /// The names of its outputs.
    pub classes: Vec<String>,
    /// What it predicts.
    pub target: TargetSpec,
    /// The size of the images that it was trained on. `None` for a file, which resizes any image.
    pub image_size: Option<ImageSize>,
    /// The images that it was trained on, as far as they are recorded.
    pub seen: Arc<RunImages>,
    /// The model.
    pub model: Arc<dyn Teach>,
}

/// The teachers of stages, by the names of the stages.
pub type Teachers = BTreeMap<String, Teacher>;

impl Teacher {
    /// The outputs for some images, in the order of the `classes` of the dataset, which are its own.
    pub(crate) fn outputs_for(
        &self,
        classes: &[String],
        images: &ToTeach<'_>,
    ) -> Result<Vec<Vec<f32>>, RunError> {
        let places = classes::places(classes, &self.classes)
            .expect("teachers are checked against the classes of the dataset");
        let in_order = |outputs: Vec<f64>| places.iter().map(|&at| outputs[at] as f32).collect();
        Ok(self.model.outputs(images)?.into_iter().map(in_order).collect())
    }

    /// A warning if it was trained on images that are not in the training set.
    pub(crate) fn warning(&self, stage: &str, dataset: &Dataset, split: &Split) -> Option<String> {
        let of_part = |part: Part| {
            let positions = split.positions(part);
            let n = self.seen.n_trained_on(dataset, &positions);
            (n > 0).then(|| {
                let all = text::count(positions.len(), "image");
                format!("{} of {all} of the {} set", text::thousands(n), part.name())
            })
        };
        let parts: Vec<String> =
            [Part::Validation, Part::Test].into_iter().filter_map(of_part).collect();
        (!parts.is_empty()).then(|| {
            format!(
                "the teacher of stage {stage} was trained on {}, so metrics on them are too optimistic \
                 for new images",
                text::join(parts, "and")
            )
        })
    }
}

/// The digest of each teacher.
pub(crate) fn digests(teachers: &Teachers) -> BTreeMap<String, Digest> {
    teachers.iter().map(|(stage, teacher)| (stage.clone(), teacher.digest)).collect()
}

/// The value of a pipeline that names the teacher of a stage.
pub fn place(stage: &str) -> KeyPath {
    KeyPath::of(&["stages", stage, "train", "teacher", "model"])
}

/// Reports teachers that do not fit the dataset.
pub(super) fn check_teachers(
    spec: &PipelineSpec,
    listing: &Listing,
    teachers: &Teachers,
    problems: &mut Vec<Problem>,
) {
    let misfit =
        |stage: &str, message: String| Problem::new(Code::TeacherMismatch, place(stage), message);
    for (stage, teacher) in teachers {
        let wanted = spec.dataset.target;
        if teacher.target != wanted {
            let [theirs, ours] = [teacher.target, wanted].map(words);
            let message = format!("the teacher predicts {theirs}, but the dataset has {ours}");
            problems.push(misfit(stage, message).hint("name a model with the same kind of target"));
            continue;
        }
        if let Err(other) = classes::places(&listing.classes, &teacher.classes) {
            let OtherClasses { missing, more } = other;
            let parts = [("it lacks ", missing), ("it also has ", more)];
            let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
            let parts = parts.map(|(verb, names)| format!("{verb}{names}"));
            let message = format!(
                "the teacher does not have the classes of the dataset: {}",
                text::join(parts, "and")
            );
            let hint = "name a model that was trained on the same classes, in any order";
            problems.push(misfit(stage, message).hint(hint));
        }
        let is_drawn = matches!(spec.dataset.source, DatasetSource::Generator { .. });
        if is_drawn && teacher.image_size.is_some_and(|size| size != spec.dataset.image_size) {
            let message = "the images are drawn for this pipeline, and the teacher was trained on images \
                           of another size";
            let hint = "use the `image_size` of the teacher, or export it and name the file";
            problems.push(misfit(stage, message.to_owned()).hint(hint));
        }
    }
}

/// A target in words.
fn words(target: TargetSpec) -> &'static str {
    match target {
        TargetSpec::Class => "one class an image",
        TargetSpec::Classes => "several labels an image",
        TargetSpec::Number => "a number an image",
    }
}
