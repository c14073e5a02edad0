//! Smooth noise in two dimensions, from hashes of a grid.

/// A number in `[0, 1)` for a place on a grid.
pub(super) fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = seed ^ (x as u32).wrapping_mul(0x85eb_ca6b) ^ (y as u32).wrapping_mul(0xc2b2_ae35);
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^= h >> 16;
    (h >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// The floor of a number. The standard library's function is a slow call where the processor's
/// instruction is not guaranteed.
fn floor(x: f32) -> i32 {
    let towards_zero = x as i32;
    towards_zero - i32::from(x < towards_zero as f32)
}

/// Noise in `[0, 1)` with features of size one.
pub(super) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (x0, y0) = (floor(x), floor(y));
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - x0 as f32), smooth(y - y0 as f32));
    let corner = |dx: i32, dy: i32| hash(x0.wrapping_add(dx), y0.wrapping_add(dy), seed);
    let above = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * u;
    let below = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * u;
    above + (below - above) * v
}

/// Noise on several scales, each half as large and half as strong as the one before; in `[0, 1)`.
pub(super) fn layered(x: f32, y: f32, seed: u32, n_layers: u32) -> f32 {
    let (mut sum, mut weight, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
    for layer in 0..n_layers {
        sum += weight * noise(x * scale, y * scale, seed.wrapping_add(layer * 7919));
        total += weight;
        weight *= 0.5;
        scale *= 2.0;
    }
    sum / total
}
