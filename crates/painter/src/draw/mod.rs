//! Simple images: fractals, contours, textures, solids and animals of rounded parts.

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

use alpaca_random::SeedStream;

use self::canvas::Canvas;
use crate::Kind;

/// The pixels of an image, `[height, width, 3]`.
///
/// # Panics
/// For [`Kind::Species`], which are painted in scenes.
pub(crate) fn draw(
    kind: Kind,
    class: usize,
    number: usize,
    seed: u64,
    size: [usize; 2],
) -> Vec<u8> {
    let draw = match kind {
        Kind::Fractals => fractal::draw,
        Kind::Contours => contour::draw,
        Kind::Textures => texture::draw,
        Kind::Solids => solid::draw,
        Kind::Animals => animal::draw,
        Kind::Species => unreachable!("species are painted"),
    };
    let class_stream = SeedStream::new(seed).child("pictures").child("class").at(class as u64);
    let mut of_class = class_stream.generator();
    let mut own = class_stream.child("picture").at(number as u64).generator();
    let mut canvas = Canvas::new(size);
    draw(&mut canvas, &mut of_class, &mut own);
    canvas.finish(&mut own)
}
