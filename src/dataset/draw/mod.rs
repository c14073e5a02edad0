//! Pictures drawn from formulas: pure functions of kind, class, number and seed.
//!
//! A class is a set of parameters; its pictures differ in pose, colour, light, ground and noise.
//! Training on such pictures can teach a network features that serve on photographs (Kataoka et al.
//! 2020, arXiv 2101.08515; Anderson and Farrell 2022, arXiv 2110.03091; Nakashima et al. 2022, arXiv
//! 2103.13023).

mod animal;
mod body;
mod canvas;
mod colour;
mod contour;
mod fractal;
mod noise;
mod scene;
mod solid;
mod texture;

use self::canvas::Canvas;
use super::paint;
use crate::base::digest::Digest;
use crate::base::random::SeedStream;
use crate::spec::{GeneratorSpec, ImageSize, PictureKind};

/// The version of the drawings: a change of what is drawn raises it.
pub const RULES: u32 = 1;

/// Draws the pictures of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draughtsman {
    spec: GeneratorSpec,
    size: ImageSize,
}

impl Draughtsman {
    /// One for pictures of this size.
    pub fn new(spec: &GeneratorSpec, size: ImageSize) -> Self {
        Self { spec: spec.clone(), size }
    }

    /// The kind of a class: each kind has as many classes as the others, as far as they go round.
    fn kind(&self, class: usize) -> PictureKind {
        self.spec.kinds[class % self.spec.kinds.len()]
    }

    /// The name of a class; names sort in the order of classes.
    pub fn class_name(&self, class: usize) -> String {
        let digits = self.spec.classes.saturating_sub(1).to_string().len();
        format!("{class:0digits$}-{}", self.kind(class).name())
    }

    /// The number of the picture that takes the place of picture `number` in a round of training; in
    /// round 0 and where pictures are not drawn afresh that picture itself.
    pub fn number_in(&self, round: usize, number: usize) -> usize {
        if self.spec.afresh { number + round * self.spec.images } else { number }
    }

    /// What decides a picture, digested: the same digest, the same pixels.
    pub fn digest(&self, class: usize, number: usize) -> Digest {
        let ImageSize { height, width } = self.size;
        let (kind, seed) = (self.kind(class).name(), self.spec.seed);
        let text = format!("drawing {RULES} {kind} {seed} {class} {number} {height}x{width}");
        Digest::of(text.as_bytes())
    }

    /// The pixels of a picture, `[height, width, 3]`.
    pub fn draw(&self, class: usize, number: usize) -> Vec<u8> {
        let draw = match self.kind(class) {
            PictureKind::Fractals => fractal::draw,
            PictureKind::Contours => contour::draw,
            PictureKind::Textures => texture::draw,
            PictureKind::Solids => solid::draw,
            PictureKind::Animals => animal::draw,
            PictureKind::Species => {
                return paint::species(class, number, self.spec.seed, self.size);
            }
        };
        let stream = SeedStream::new(self.spec.seed).child("pictures");
        let class_stream = stream.child("class").at(class as u64);
        let mut of_class = class_stream.generator();
        let mut own = class_stream.child("picture").at(number as u64).generator();
        let mut canvas = Canvas::new(self.size);
        draw(&mut canvas, &mut of_class, &mut own);
        canvas.finish(&mut own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draughtsman(kinds: &[PictureKind], seed: u64) -> Draughtsman {
        let spec =
            GeneratorSpec { kinds: kinds.to_vec(), classes: 4, images: 3, seed, afresh: false };
        Draughtsman::new(&spec, ImageSize { height: 24, width: 32 })
    }

    #[test]
    fn pictures_depend_on_class_number_and_seed_alone() {
        for kind in PictureKind::ALL {
            let one = draughtsman(&[kind], 1);
            let first = one.draw(0, 0);
            assert_eq!(first.len(), 24 * 32 * 3);
            assert_eq!(draughtsman(&[kind], 1).draw(0, 0), first, "{kind:?}");
            assert_ne!(one.draw(0, 1), first, "{kind:?}");
            assert_ne!(one.draw(1, 0), first, "{kind:?}");
            assert_ne!(draughtsman(&[kind], 2).draw(0, 0), first, "{kind:?}");
            let spread = |values: &[u8]| {
                let (least, most) = (values.iter().min(), values.iter().max());
                most.unwrap() - least.unwrap()
            };
            assert!(spread(&first) > 40, "{kind:?} shows nothing");
        }
    }

    #[test]
    fn kinds_take_turns() {
        let both = draughtsman(&[PictureKind::Fractals, PictureKind::Solids], 1);
        let names: Vec<String> = (0..4).map(|class| both.class_name(class)).collect();
        assert_eq!(names, ["0-fractals", "1-solids", "2-fractals", "3-solids"]);
    }
}
