//! A finished run as a page for people: what was done, how well it went and how sure that is, where
//! it goes wrong, and how it comes about again; and a dataset as another.
//!
//! The page holds everything it shows; it is made from plain data and knows no network.

mod page;
mod sections;
pub mod survey;
pub mod tables;

pub use page::{render, render_all, sheets};

use crate::dataset::copies::LookAlike;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::Measured;
use crate::run_dir::plot::sheet::Tile;

/// What a page says about a run.
pub struct Report {
    /// The run directory, as it is named to its reader.
    pub directory: String,
    /// What the run was made of. Its `volatile` part and its files are not shown.
    pub manifest: Manifest,
    /// What is classified, and by what.
    pub setup: Setup,
    /// The figures on the validation pictures.
    pub measured: Measured,
    /// What evaluations of the pipeline measured, by their names.
    pub evaluations: Vec<(String, Measured)>,
    /// The plots of the run by the names of their files.
    pub plots: Vec<(String, String)>,
    /// The validation pictures that the model was most surprised by.
    pub losses: Vec<Loss>,
    /// Why they are not shown, where that is so.
    pub no_losses: Option<String>,
    /// Training pictures as a stage saw them.
    pub augmented: Vec<Tile>,
    /// Pictures of other parts of the split that look like training pictures.
    pub look_alikes: Vec<LookAlike>,
}

/// What a run classifies, and by what.
pub struct Setup {
    /// The architecture, and its factor on the number of channels.
    pub network: String,
    /// The weights that the base model started from.
    pub weights: String,
    /// The size of the pictures it takes, as in `160×160`.
    pub image_size: String,
    /// Each class with the number of its pictures.
    pub classes: Vec<(String, usize)>,
    /// How many epochs each stage ran.
    pub epochs: Vec<(String, usize)>,
}

/// A picture that a model was surprised by.
pub struct Loss {
    /// Its path below the dataset directory.
    pub path: String,
    /// Its class.
    pub label: String,
    /// The class it is given.
    pub predicted: String,
    /// The probability of the class it is given.
    pub probability: f64,
    /// The surprise at its own class, in nats.
    pub loss: f64,
    /// The picture as the network saw it, as JPEG.
    pub picture: Vec<u8>,
    /// The same with the places marked that speak for the class given, as JPEG.
    pub map: Option<Vec<u8>>,
}

impl Loss {
    /// Whether it is given its own class.
    pub fn is_right(&self) -> bool {
        self.label == self.predicted
    }
}
