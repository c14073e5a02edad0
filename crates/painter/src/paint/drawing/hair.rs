//! Hair, wool and feathers: many small tufts all over a body.

use super::coat::{Coat, Texture};
use super::colour::Colour;
use super::geometry::{Point, at, heading};
use super::painter::Painter;
use super::tube::{Spot, Tube, cells};
use crate::paint::random::noise;

/// A tuft to be drawn.
struct Tuft {
    spot: Spot,
    across: f32,
    size: f32,
}

/// How one tuft of a coat is drawn.
type Draw = fn(&mut Painter, &Tuft, &Coat);

/// Draws the hair of `coat` all over `tube`, from the bottom up so that each tuft overlaps the one
/// below.
pub(crate) fn grow(painter: &mut Painter, tube: &Tube, coat: &Coat) {
    let (wanted, least, most, draw): (f32, f32, f32, Draw) = match coat.texture {
        Texture::Sleek => return,
        Texture::Short => (0.8, 1.0, 4.0, short_hair),
        Texture::Shaggy => (0.5, 1.0, 4.0, strand),
        Texture::Fluffy => (1.0, 1.2, 5.0, fluff),
        Texture::Curly => (1.0, 1.3, 6.0, curl),
        Texture::Locks => (0.4, 1.2, 4.5, hanging_lock),
        Texture::Feathers => (1.0, 1.5, 7.0, feather),
    };
    let pixel = painter.canvas.pixel();
    let size = (coat.length * wanted).clamp(least * pixel, most * pixel);
    let mut tufts = strewn(painter, tube, size);
    tufts.sort_by(|one, other| one.spot.place.y.total_cmp(&other.spot.place.y));
    for tuft in &tufts {
        draw(painter, tuft, coat);
    }
}

/// Tufts of about `size` spread evenly over `tube`.
fn strewn(painter: &mut Painter, tube: &Tube, size: f32) -> Vec<Tuft> {
    let random = &mut painter.random;
    let widest = tube.widest();
    let columns = cells(tube.length(), size * 0.75, 160);
    let rows = cells(widest * 2.0, size * 0.85, 80);
    let mut tufts = Vec::with_capacity(columns * rows);
    for column in 0..columns {
        for row in 0..rows {
            let share = (column as f32 + random.unit()) / columns as f32;
            let across = (row as f32 + random.unit()) / rows as f32 * 2.0 - 1.0;
            let spot = tube.spot(share, across);
            // Where the tube is narrow, its rows lie closer and fewer tufts are needed.
            if random.unit() * widest < spot.half * 1.2 + size * 0.3 {
                tufts.push(Tuft { spot, across, size: size * random.between(0.8, 1.2) });
            }
        }
    }
    tufts
}

/// The color of the coat where `tuft` grows, lit and a little uneven.
fn tuft_colour(painter: &mut Painter, tuft: &Tuft, coat: &Coat, reach: f32) -> Colour {
    let strength = painter.brightness(tuft.spot.normal);
    coat.colour_at(tuft.spot.place).varied(&mut painter.random, reach).lit(strength)
}

/// Away from the body at its edge, and down elsewhere.
fn outward(spot: &Spot, gravity: f32) -> Point {
    (spot.normal + at(0.0, -gravity)).direction()
}

fn short_hair(painter: &mut Painter, tuft: &Tuft, coat: &Coat) {
    let colour = tuft_colour(painter, tuft, coat, 0.07).alpha(0.6);
    let root = tuft.spot.place;
    let tip = root - tuft.spot.along * tuft.size * 1.6 + at(0.0, -0.25) * tuft.size;
    let width = (tuft.size * 0.35).max(painter.canvas.pixel() * 0.5);
    painter.canvas.lock([root, root.toward(tip, 0.5), tip], width, colour);
}

fn fluff(painter: &mut Painter, tuft: &Tuft, coat: &Coat) {
    let place = tuft.spot.place;
    let clump = 0.91 + 0.18 * noise(5, place.x * 0.11, place.y * 0.11);
    let colour = tuft_colour(painter, tuft, coat, 0.05).lit(clump);
    let pixel = painter.canvas.pixel();
    let way = outward(&tuft.spot, 0.35).turned(painter.random.wobble(0.6));
    let root = place - way * tuft.size * 0.5;
    painter.canvas.disc(place - way * tuft.size * 0.1, tuft.size * 0.72, colour.alpha(0.8));
    for _ in 0..3 {
        let way = way.turned(painter.random.wobble(0.9));
        let tip = root + way * tuft.size * painter.random.between(0.9, 1.35);
        let bend = root.toward(tip, 0.5) + way.left() * painter.random.wobble(tuft.size * 0.7);
        let shade = colour.lit(painter.random.between(0.88, 1.10));
        painter.canvas.lock([root, bend, tip], (tuft.size * 0.5).max(pixel * 0.6), shade);
    }
}

fn curl(painter: &mut Painter, tuft: &Tuft, coat: &Coat) {
    let colour = tuft_colour(painter, tuft, coat, 0.06);
    let centre = tuft.spot.place + tuft.spot.normal * (tuft.size * 0.25);
    painter.canvas.disc(
        centre + at(0.0, -0.18) * tuft.size,
        tuft.size * 0.62,
        colour.lit(0.72).alpha(0.8),
    );
    painter.canvas.disc(centre, tuft.size * 0.56, colour);
    let start = painter.random.between(0.0, std::f32::consts::TAU);
    let bow: Vec<Point> = (0u8..7)
        .map(|step| {
            let turn = start + f32::from(step) * 0.7;
            centre + heading(turn) * (tuft.size * (0.42 - 0.04 * f32::from(step)))
        })
        .collect();
    let width = (tuft.size * 0.14).max(painter.canvas.pixel() * 0.4);
    painter.canvas.line(&bow, width, colour.lit(0.8).alpha(0.8));
}

fn strand(painter: &mut Painter, tuft: &Tuft, coat: &Coat) {
    let colour = tuft_colour(painter, tuft, coat, 0.10);
    let root = tuft.spot.place;
    let way = (outward(&tuft.spot, 0.7) - tuft.spot.along * 0.6).direction();
    let way = way.turned(painter.random.wobble(0.35));
    let tip = root + way * coat.length * painter.random.between(0.6, 1.1);
    let bend = root.toward(tip, 0.5) + way.left() * painter.random.wobble(coat.length * 0.15);
    let width = (tuft.size * 0.45).max(painter.canvas.pixel() * 0.6);
    painter.canvas.lock([root, bend, tip], width, colour.alpha(0.9));
}

fn hanging_lock(painter: &mut Painter, tuft: &Tuft, coat: &Coat) {
    let colour = tuft_colour(painter, tuft, coat, 0.10);
    let way = outward(&tuft.spot, 1.6).turned(painter.random.wobble(0.2));
    let root = tuft.spot.place;
    let tip = root + way * coat.length * painter.random.between(0.7, 1.2);
    let sway = coat.length * 0.22;
    let bend = root.toward(tip, 0.55) + way.left() * painter.random.wobble(sway);
    painter.canvas.lock([root, bend, tip], tuft.size * 0.95, colour.lit(0.8));
    let inner = root + way * (tuft.size * 0.2) - way.left() * (tuft.size * 0.12);
    painter.canvas.lock([inner, bend, tip], tuft.size * 0.55, colour.lit(1.1));
}

fn feather(painter: &mut Painter, tuft: &Tuft, coat: &Coat) {
    let colour = tuft_colour(painter, tuft, coat, 0.10);
    let way = (-tuft.spot.along + at(0.0, -0.35) + tuft.spot.normal * 0.4).direction();
    let root = tuft.spot.place;
    let tip = root + way * tuft.size * 1.9;
    let bend = root.toward(tip, 0.6);
    let side = way.left() * (tuft.size * 0.5 * tuft.across.signum());
    painter.canvas.lock(
        [root + side * 0.2, bend + side * 0.4, tip],
        tuft.size * 1.1,
        colour.lit(0.72),
    );
    painter.canvas.lock([root, bend, tip + way * (-0.25 * tuft.size)], tuft.size * 0.9, colour);
}
