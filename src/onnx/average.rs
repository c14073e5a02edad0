//! Several classifiers, or several views of an image, in one file: the mean of their outputs.

use serde::Serialize;

use super::builder::{Attribute, Builder};
use super::{Classifier, RECIPE, UnsupportedResize, check_resize, images, pixels};
use crate::spec::{Alpha, ImageSize, TestTimeAugmentation};

/// A classifier whose outputs are averaged with those of others.
pub struct Part<'a> {
    /// The classifier.
    pub classifier: Classifier<'a>,
    /// For each output of the graph, its place among those of the classifier.
    pub places: Vec<usize>,
}

/// Classifiers whose outputs are averaged over them and over views of the image.
pub struct Average<'a> {
    /// The classifiers; the first has the order of the outputs. Each resizes images on its own.
    pub parts: Vec<Part<'a>>,
    /// The views of an image.
    pub views: TestTimeAugmentation,
}

/// What the metadata states about the graph.
#[derive(Serialize)]
struct Facts {
    alpha: Alpha,
    models: usize,
    test_time_augmentation: TestTimeAugmentation,
}

impl Average<'_> {
    /// The bytes of a file whose graph takes images as bytes: any number of any size, or one image of a
    /// given size.
    ///
    /// # Errors
    /// When images are resized in a way that the graph does not support.
    ///
    /// # Panics
    /// When there are no classifiers.
    pub fn with_pixels(&self, of: Option<ImageSize>) -> Result<Vec<u8>, UnsupportedResize> {
        for Part { classifier, .. } in &self.parts {
            check_resize(classifier.resize, classifier.size)?;
        }
        let first = &self.parts[0].classifier;
        let mut builder = Builder::default();
        let (images, n) = images(&mut builder, of);
        let outputs: Vec<String> = self
            .parts
            .iter()
            .enumerate()
            .map(|(at, part)| {
                builder.set_prefix(format!("model_{at}/"));
                let input = pixels::prepare(&mut builder, &images, &part.classifier, of);
                let outputs = self.of_views(&mut builder, &part.classifier, &input);
                in_order(&mut builder, &outputs, &part.places)
            })
            .collect();
        builder.set_prefix(String::new());
        mean(&mut builder, outputs, first.output.name());
        first.declare(&mut builder, n);
        let facts = Facts {
            alpha: first.alpha,
            models: self.parts.len(),
            test_time_augmentation: self.views,
        };
        builder.metadata(RECIPE, &serde_json::json!(facts).to_string());
        Ok(builder.encode())
    }

    /// Adds a network for all views of its input. Returns the name of the mean outputs.
    fn of_views(&self, builder: &mut Builder, classifier: &Classifier<'_>, input: &str) -> String {
        if self.views == TestTimeAugmentation::None {
            return classifier.outputs(builder, input, "outputs");
        }
        // Mirror images follow all images, in one batch, so that weights are in the file once. Axes are
        // counted from the end: an attribute of 0 is left out of the file, and OpenCV then refuses it.
        let width = classifier.size.width;
        let backwards: Vec<i64> = (0..width as i64).rev().collect();
        let backwards = builder.integers("backwards", &[width], &backwards);
        let along = |axis: i64| [("axis", Attribute::Integer(axis))];
        let mirrored = builder.node("Gather", "mirrored", &[input, &backwards], &along(3));
        let both = builder.node("Concat", "views", &[input, &mirrored], &along(-4));
        let outputs = classifier.outputs(builder, &both, "outputs_of_views");
        let n_outputs = classifier.classes.len();
        let shape = builder.integers("apart/shape", &[3], &[2, -1, n_outputs as i64]);
        let apart = builder.node("Reshape", "apart", &[&outputs, &shape], &[]);
        let over = [("axes", Attribute::Integers(vec![0]))];
        let mean = builder.node("ReduceMean", "mean", &[&apart], &over);
        let shape = builder.integers("outputs/shape", &[2], &[-1, n_outputs as i64]);
        builder.node("Reshape", "outputs", &[&mean, &shape], &[])
    }
}

/// Puts outputs into the order of the graph.
fn in_order(builder: &mut Builder, outputs: &str, places: &[usize]) -> String {
    if places.is_sorted() {
        return outputs.to_owned();
    }
    let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
    let order = builder.integers("order", &[places.len()], &places);
    builder.node("Gather", "in_order", &[outputs, &order], &[("axis", Attribute::Integer(1))])
}

/// Adds the mean of outputs, with the name of the output of the graph.
fn mean(builder: &mut Builder, outputs: Vec<String>, name: &str) {
    let n = outputs.len();
    let sum = outputs.into_iter().reduce(|sum, one| builder.node("Add", "sum", &[&sum, &one], &[]));
    let sum = sum.expect("there is a classifier");
    if n == 1 {
        builder.node("Identity", name, &[&sum], &[]);
        return;
    }
    let share = builder.float("share", (1.0 / n as f64) as f32);
    builder.node("Mul", name, &[&sum, &share], &[]);
}
