//! Images from formulas: pure functions of kind, class, number and seed.
//!
//! [`draw`](fn@draw) makes the images of generated datasets. A class is a set of parameters; its
//! images differ in pose, color, light, ground and noise. Training on such images can teach a
//! network features that serve on photographs (Kataoka et al. 2020, arXiv 2101.08515; Anderson and
//! Farrell 2022, arXiv 2110.03091; Nakashima et al. 2022, arXiv 2103.13023). [`alpacas`] has those
//! of `data/alpacas`.
//!
//! All arithmetic gives the same results on every processor.
#![forbid(unsafe_code)]

pub mod alpacas;
mod draw;
mod kind;
mod paint;

pub use kind::Kind;

/// The version of the drawing rules. Every change to the drawn pixels increments it.
pub const RULES: u32 = 1;

/// The pixels of an image, `[height, width, 3]`, values from 0 to 255, of `size` rows and columns.
pub fn draw(kind: Kind, class: usize, number: usize, seed: u64, size: [usize; 2]) -> Vec<u8> {
    match kind {
        Kind::Species => paint::species(class, number, seed, size),
        _ => draw::draw(kind, class, number, seed, size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_depend_on_class_number_and_seed_alone() {
        for kind in Kind::ALL {
            let size = [24, 32];
            let first = draw(kind, 0, 0, 1, size);
            assert_eq!(first.len(), 24 * 32 * 3);
            assert_eq!(draw(kind, 0, 0, 1, size), first, "{kind:?}");
            assert_ne!(draw(kind, 0, 1, 1, size), first, "{kind:?}");
            assert_ne!(draw(kind, 1, 0, 1, size), first, "{kind:?}");
            assert_ne!(draw(kind, 0, 0, 2, size), first, "{kind:?}");
            let (least, most) = (first.iter().min(), first.iter().max());
            assert!(most.unwrap() - least.unwrap() > 40, "{kind:?} shows nothing");
        }
    }
}
