//! A few images that run together.

/// Up to this many pixels, a block runs layer by layer over several images at once, because a
/// single small map is too little work to amortize loading the weights.
pub(super) const SMALL: usize = 64;

/// The inputs of a step for a group of images.
pub(super) struct Group<'a> {
    /// The number of images.
    pub(super) n: usize,
    /// The number of values in the input and the output of one image.
    pub(super) lengths: (usize, usize),
    pub(super) x: &'a [f32],
    /// The second input, with the length of the output.
    pub(super) shortcut: Option<&'a [f32]>,
}

impl<'a> Group<'a> {
    /// The input of each image.
    pub(super) fn images(&self) -> impl Iterator<Item = &'a [f32]> {
        self.x.chunks_exact(self.lengths.0).take(self.n)
    }
}
