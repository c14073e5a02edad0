//! Which places of a picture speak for a class.

use super::session::RunError;
use crate::base::batch::Batch;
use crate::dataset::thumbnail;
use crate::engine::native::NativeExtractor;
use crate::engine::{EngineError, FeatureExtractor};
use crate::model::graph::LayerKind;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::ImageSize;

/// Makes class activation maps (Zhou et al. 2016, arXiv 1512.04150): the map of each feature before
/// pooling, weighted by what the head makes of it. Their mean and the bias are the logit, so the
/// maps divide the answer among places.
pub(super) struct Explainer {
    extractor: NativeExtractor,
    /// The head's weights, `[features, outputs]`.
    kernel: Vec<f32>,
    n_outputs: usize,
}

/// How much places speak for a class: `[height, width]`, from 0 to 1 at the strongest.
pub(super) struct Map {
    pub(super) values: Vec<f32>,
    pub(super) size: ImageSize,
}

impl Explainer {
    /// An explainer of a network.
    pub(super) fn new(network: &Network, weights: &Weights) -> Result<Self, EngineError> {
        let extractor = NativeExtractor::new(network, &network.cut_before_pooling(), weights)?;
        let head = network.graph.layers().last().expect("a classifier has a head");
        let LayerKind::Dense { units } = head.kind else {
            unreachable!("the head is one dense layer");
        };
        let kernel = weights.get(&format!("{}/kernel", head.name)).values().to_vec();
        Ok(Self { extractor, kernel, n_outputs: units })
    }

    /// A map for each picture of a batch, of the class named for it.
    pub(super) fn maps(&self, batch: &Batch, classes: &[usize]) -> Result<Vec<Map>, RunError> {
        let mut features = self.extractor.extract(batch)?;
        let features = features.values.pop().expect("one value lies before pooling");
        let (size, n_channels) = match features.shape() {
            [_, height, width, channels] => {
                (ImageSize { height: *height, width: *width }, *channels)
            }
            other => unreachable!("pooling takes pictures, not {other:?}"),
        };
        let maps = features.rows().zip(classes).map(|(row, &class)| {
            let values: Vec<f32> = row
                .chunks_exact(n_channels)
                .map(|place| place.iter().enumerate().map(|(k, f)| f * self.weight(k, class)).sum())
                .collect();
            Map { values: positive(values), size }
        });
        Ok(maps.collect())
    }

    /// What a feature says for a class: of two classes one output speaks for the second and against
    /// the first.
    fn weight(&self, feature: usize, class: usize) -> f32 {
        let at = |output: usize| self.kernel[feature * self.n_outputs + output];
        match (self.n_outputs, class) {
            (1, 0) => -at(0),
            (1, _) => at(0),
            (_, class) => at(class),
        }
    }
}

/// What speaks for something, as shares of the strongest.
fn positive(values: Vec<f32>) -> Vec<f32> {
    let most = values.iter().copied().fold(0.0, f32::max);
    let share = |value: f32| if most > 0.0 { value.max(0.0) / most } else { 0.0 };
    values.into_iter().map(share).collect()
}

impl Map {
    /// The picture in grey with the places coloured, as JPEG; `pixels` are `[height, width, 3]`.
    pub(super) fn over(&self, pixels: &[u8], size: ImageSize) -> Vec<u8> {
        let marked: Vec<u8> = pixels
            .chunks_exact(3)
            .enumerate()
            .flat_map(|(place, pixel)| {
                let (row, column) = (place / size.width, place % size.width);
                let share = self.at(
                    (row as f32 + 0.5) / size.height as f32,
                    (column as f32 + 0.5) / size.width as f32,
                );
                let grey = 0.3 * f32::from(pixel[0])
                    + 0.59 * f32::from(pixel[1])
                    + 0.11 * f32::from(pixel[2]);
                let strength = 0.75 * share;
                [255.0, 120.0, 0.0].map(|color| {
                    (0.8 * grey * (1.0 - strength) + color * strength).clamp(0.0, 255.0) as u8
                })
            })
            .collect();
        thumbnail::encode(&marked, size)
    }

    /// The value between the nearest four, at a place from 0 to 1.
    fn at(&self, y: f32, x: f32) -> f32 {
        let ImageSize { height, width } = self.size;
        let around = |place: f32, n: usize| {
            let place = (place * n as f32 - 0.5).clamp(0.0, (n - 1) as f32);
            let first = place as usize;
            (first, (first + 1).min(n - 1), place - first as f32)
        };
        let ((top, bottom, down), (left, right, along)) = (around(y, height), around(x, width));
        let value = |row: usize, column: usize| self.values[row * width + column];
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        mix(
            mix(value(top, left), value(top, right), along),
            mix(value(bottom, left), value(bottom, right), along),
            down,
        )
    }
}
