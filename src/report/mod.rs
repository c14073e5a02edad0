//! HTML pages for people: a finished run (what was done, the metrics with their confidence
//! intervals, the largest errors, how to reproduce it), and a dataset.
//!
//! A page contains everything it shows. It is made from plain data and needs no network.

mod measures;
mod page;
mod sections;
pub mod survey;
pub mod tables;

pub use page::{render, render_all, sheets};

use crate::dataset::copies::LookAlike;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::Measured;
use crate::run_dir::plot::sheet::Tile;

/// The contents of a page about a run.
pub struct Report {
    /// The run directory, as shown to the reader.
    pub directory: String,
    /// Where and when it ran; `None` on the page that a run writes itself, which is the same wherever
    /// it runs.
    pub place: Option<Place>,
    /// The manifest of the run. Its `volatile` part and its files are not shown.
    pub manifest: Manifest,
    /// The classes and the network.
    pub setup: Setup,
    /// The metrics on the validation set.
    pub measured: Measured,
    /// The metrics of the pipeline's evaluations, by the name of the evaluation.
    pub evaluations: Vec<(String, Measured)>,
    /// The plots of the run as file name and SVG.
    pub plots: Vec<(String, String)>,
    /// The validation images with the highest loss.
    pub losses: Vec<Loss>,
    /// Whether the maps of `losses` are weighted by gradients (Grad-CAM).
    pub maps_use_gradients: bool,
    /// The reason when `losses` cannot be shown.
    pub no_losses: Option<String>,
    /// Training images as a stage sees them, after augmentation.
    pub augmented: Vec<Tile>,
    /// Validation and test images that look like training images.
    pub look_alikes: Vec<LookAlike>,
}

/// Where and when a run was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When it finished.
    pub finished: String,
    /// The directory of its images, or how they were drawn.
    pub dataset: String,
    /// The origin of its weights.
    pub weights: String,
}

/// The classes and the network of a run.
pub struct Setup {
    /// The architecture with its width multiplier.
    pub network: String,
    /// The initial weights of the base model.
    pub weights: String,
    /// The input size, such as `160×160`.
    pub image_size: String,
    /// Each class with its number of images.
    pub classes: Vec<(String, usize)>,
    /// The number of epochs of each stage.
    pub epochs: Vec<(String, usize)>,
    /// A sentence on the probabilities of the best weights, if they are not calibrated to the
    /// frequencies of the classes.
    pub about_probabilities: Option<String>,
}

/// A validation image with a high loss.
pub struct Loss {
    /// The path relative to the dataset directory.
    pub path: String,
    /// Whether it is predicted correctly; of a number, always false.
    pub is_right: bool,
    /// The true class or classes, or the number.
    pub label: String,
    /// The predicted class, the given classes with their probabilities, or the estimate.
    pub predicted: String,
    /// The probability of the predicted class, if images have one.
    pub probability: Option<f64>,
    /// The cross-entropy loss in nats, or the absolute error of a number.
    pub loss: f64,
    /// What the class activation map is of.
    pub support: String,
    /// The image as the network sees it, as JPEG.
    pub image: Vec<u8>,
    /// The image with its class activation map, as JPEG.
    pub map: Option<Vec<u8>>,
}

impl Loss {
    /// The prediction in words.
    pub fn said(&self) -> String {
        match self.probability {
            Some(probability) => format!("{} {probability:.2}", self.predicted),
            None => self.predicted.clone(),
        }
    }
}
