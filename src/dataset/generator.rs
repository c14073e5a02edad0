//! A dataset of images that are drawn when they are needed.

use super::decode::{self, RgbImage};
use crate::base::digest::Digest;
use crate::spec::{GeneratorSpec, ImageSize};

/// The images of a dataset that a generator draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageGenerator {
    spec: GeneratorSpec,
    size: ImageSize,
}

impl ImageGenerator {
    /// A generator of images of this size.
    pub fn new(spec: &GeneratorSpec, size: ImageSize) -> Self {
        Self { spec: spec.clone(), size }
    }

    /// The kind of a class. Classes alternate between the kinds.
    fn kind(&self, class: usize) -> alpaca_painter::Kind {
        self.spec.kinds[class % self.spec.kinds.len()]
    }

    /// The name of a class. Names sort in the order of classes.
    pub fn class_name(&self, class: usize) -> String {
        let digits = self.spec.classes.saturating_sub(1).to_string().len();
        format!("{class:0digits$}-{}", self.kind(class).name())
    }

    /// The number of the image that replaces image `number` in a round of training. In round 0, and
    /// if images are not drawn afresh, it is `number` itself.
    pub fn number_in(&self, round: usize, number: usize) -> usize {
        if self.spec.afresh { number + round * self.spec.images } else { number }
    }

    /// A digest of everything that determines an image. The same digest means the same pixels.
    pub fn digest(&self, class: usize, number: usize) -> Digest {
        let ImageSize { height, width } = self.size;
        let (kind, seed) = (self.kind(class).name(), self.spec.seed);
        let rules = alpaca_painter::RULES;
        let text = format!("drawing {rules} {kind} {seed} {class} {number} {height}x{width}");
        Digest::of(text.as_bytes())
    }

    /// The pixels of an image, `[height, width, 3]`.
    pub fn draw(&self, class: usize, number: usize) -> Vec<u8> {
        let size = [self.size.height, self.size.width];
        alpaca_painter::draw(self.kind(class), class, number, self.spec.seed, size)
    }

    /// An image.
    pub fn image(&self, class: usize, number: usize) -> RgbImage {
        let ImageSize { height, width } = self.size;
        decode::of_pixels(width as u32, height as u32, self.draw(class, number))
    }
}

#[cfg(test)]
mod tests {
    use alpaca_painter::Kind;

    use super::*;

    #[test]
    fn kinds_take_turns() {
        let kinds = vec![Kind::Fractals, Kind::Solids];
        let spec = GeneratorSpec { kinds, classes: 4, images: 3, seed: 1, afresh: false };
        let generator = ImageGenerator::new(&spec, ImageSize { height: 24, width: 32 });
        let names: Vec<String> = (0..4).map(|class| generator.class_name(class)).collect();
        assert_eq!(names, ["0-fractals", "1-solids", "2-fractals", "3-solids"]);
    }
}
