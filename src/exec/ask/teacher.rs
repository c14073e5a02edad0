//! Finished runs and exported files as teachers of a stage.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::json;

use super::ensemble::{Ensemble, Member};
use super::evaluate::EvaluationImages;
use super::exported_model::FileClassifier;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::tally::Tally;
use crate::dataset::pixels::Pixels;
use crate::exec::error::RunError;
use crate::exec::prepare::overlap::RunImages;
use crate::exec::prepare::teacher::{Teach, Teacher, ToTeach};
use crate::onnx::Size;
use crate::onnx::exported::{Exported, ExportedError};
use crate::train::readout::Readout;

/// Models of finished runs, whose outputs are averaged.
struct OfRuns(Ensemble);

impl Teach for OfRuns {
    fn outputs(&self, images: &ToTeach<'_>) -> Result<Vec<Vec<f64>>, RunError> {
        let ToTeach { dataset, positions, room, n_threads } = *images;
        let pixels = Pixels::new(self.0.first().spec.dataset.pixels(), room.clone());
        let images = EvaluationImages::new(
            Arc::clone(dataset),
            Arc::new(pixels),
            positions.to_vec(),
            &Tally::default(),
        );
        let found = self.0.predictions(&images, room, n_threads)?;
        Ok(found.into_iter().map(|prediction| prediction.outputs).collect())
    }
}

/// An exported file.
struct OfFile(FileClassifier);

impl Teach for OfFile {
    fn outputs(&self, images: &ToTeach<'_>) -> Result<Vec<Vec<f64>>, RunError> {
        let samples = &images.dataset.samples;
        images.positions.par_iter().map(|&position| self.0.of_sample(&samples[position])).collect()
    }
}

/// A file that cannot be a teacher.
#[derive(Debug, thiserror::Error)]
pub enum TeacherFileError {
    /// It is not a classifier of this program.
    #[error(transparent)]
    Exported(#[from] ExportedError),
    /// It takes images of one size only.
    #[error("the file takes only images of {}x{} pixels (height x width)", .0.height, .0.width)]
    FixedSize(Size),
}

impl TeacherFileError {
    /// Hints on how to fix it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Exported(error) => error.hints(),
            Self::FixedSize(_) => {
                vec!["export it without `--size`, or name its run directory".to_owned()]
            }
        }
    }
}

/// The average of finished runs as a teacher. `seen` are the images of their datasets.
pub fn of_runs(ensemble: Ensemble, seen: RunImages) -> Teacher {
    let parts: Vec<Digest> = ensemble.members.iter().map(digest).collect();
    let first = ensemble.first();
    Teacher {
        digest: Digest::of_written(|text| write!(text, "{parts:?}")),
        classes: first.trained.classes.clone(),
        target: ensemble.target(),
        image_size: Some(first.spec.dataset.image_size),
        seen: Arc::new(seen),
        model: Arc::new(OfRuns(ensemble)),
    }
}

/// An exported file as a teacher. It does not record the images that it was trained on.
///
/// # Errors
/// When the file cannot be read or run, was written by another program, or is for images of one size.
pub fn of_file(path: &Path) -> Result<Teacher, TeacherFileError> {
    let exported = Exported::open(path)?;
    let digest = Digest::of(&fs::read(path).map_err(ExportedError::from)?);
    let (classes, target) = (exported.classes.clone(), exported.target);
    let classifier = FileClassifier::new(exported);
    if let Some(size) = classifier.only_size() {
        return Err(TeacherFileError::FixedSize(size));
    }
    let (seen, model) = (Arc::new(RunImages::none()), Arc::new(OfFile(classifier)));
    Ok(Teacher { digest, classes, target, image_size: None, seen, model })
}

/// The digest of everything that decides the outputs of a model.
fn digest(Member { spec, trained, .. }: &Member) -> Digest {
    let network = &trained.network;
    let mut model = serde_json::to_value(&spec.model).expect("a spec is plain data");
    // The place of a file; its content is below.
    if let Some(entries) = model.as_object_mut() {
        entries.remove("weights");
        if let Some(base) = entries.get_mut("base").and_then(|base| base.as_object_mut()) {
            base.remove("onnx");
        }
    }
    let standard = match trained.readout {
        Readout::Number(standard) => Some([standard.mean, standard.deviation]),
        Readout::Softmax | Readout::Sigmoids => None,
    };
    let document = json!({
        "model": model,
        "pixels": spec.dataset.pixels(),
        "convention": network.convention.name(),
        "base": network.backbone.as_ref().map(|backbone| Digest::of(&backbone.file)),
        "classes": trained.classes,
        "target": trained.readout.target(),
        "standard": standard,
        "weights": trained.weights.digests_except(&[]),
    });
    Digest::of(document.to_string().as_bytes())
}
