//! Convolutions with 3x3 windows and stride one by Winograd's algorithm F(2x2, 3x3): Lavin and Gray,
//! Fast Algorithms for Convolutional Neural Networks, 2016, section 4.1.
//!
//! A tile of 4x4 pixels gives 2x2 outputs. Tiles and filters are transformed to 16 places each. The
//! outputs are then 16 products, place by place, transformed back: 16 multiplications where the
//! definition has 36. Transforms of tiles only add and subtract, in the same order everywhere.

use rayon::prelude::*;

use super::aligned::Aligned;
use super::curve;
use super::output::Out;
use super::packed::{Format, Packed, Panel, panels};
use super::product::Epilogue;
use super::set::Micro;
use super::simd::{Simd, load, over_columns, store};
use super::window::Windows;

/// The number of places of a transformed tile.
pub const PLACES: usize = 16;

/// Transformed filters: a packed matrix `[k, n]` for each place.
#[derive(Debug)]
pub struct WinogradFilters(Vec<Packed>);

impl WinogradFilters {
    /// Transforms filters `[9, k, n]`, each column multiplied by its `scale` before.
    ///
    /// # Panics
    /// When a slice does not have the size of its matrix.
    pub(super) fn new<S: Micro>(filters: &[f32], n: usize, scale: Option<&[f32]>) -> Self {
        let k = filters.len() / (9 * n);
        assert!(filters.len() == 9 * k * n && scale.is_none_or(|scale| scale.len() == n));
        let panels = panels::<S>(n);
        let len = k * n.div_ceil(S::LANES) * S::LANES;
        let mut places: Vec<Aligned> = (0..PLACES).map(|_| Aligned::zeros(len)).collect();
        // The memory of each panel, place by place.
        let mut tasks: Vec<Vec<&mut [f32]>> = panels.iter().map(|_| vec![]).collect();
        for place in &mut places {
            let mut rest = place.as_mut();
            for (task, panel) in tasks.iter_mut().zip(&panels) {
                let (piece, behind) = rest.split_at_mut(k * panel.n_vectors * S::LANES);
                task.push(piece);
                rest = behind;
            }
        }
        tasks.into_par_iter().zip(&panels).for_each(|(mut places, &panel)| {
            let out = std::array::from_fn(|place| places[place].as_mut_ptr());
            let job = FiltersJob { k, n, panel, filters, scale, out };
            // SAFETY: each place has the panel's columns of `k` rows, and the slices have their sizes by
            // the assertion above.
            unsafe { S::winograd_filters(&job) }
        });
        let packed = |values| {
            let panels = panels.clone();
            Packed { values, panels, lanes: S::LANES, k, n, format: Format::Numbers }
        };
        Self(places.into_iter().map(packed).collect())
    }

    /// The matrices rounded to `bfloat16`.
    pub(super) fn in_pairs(self) -> Self {
        Self(
            self.0
                .into_iter()
                .map(|place| {
                    let k = place.k;
                    place.in_pairs(k)
                })
                .collect(),
        )
    }

    /// The matrices of all places.
    pub fn places(&self) -> &[Packed] {
        &self.0
    }
}

/// One panel of filters to be transformed.
pub(super) struct FiltersJob<'a> {
    k: usize,
    n: usize,
    panel: Panel,
    filters: &'a [f32],
    scale: Option<&'a [f32]>,
    /// The packed panel of each place.
    out: [*mut f32; PLACES],
}

/// # Safety
/// The processor has the instruction set, and the job's pointers and slices are valid for its sizes, as
/// in all functions here.
#[inline(always)]
pub(super) unsafe fn transform_filters<S: Simd>(job: &FiltersJob<'_>) {
    for row in 0..job.k {
        // SAFETY: columns stay inside the panel.
        unsafe { over_columns!(S, job.panel.n_columns, filter_vector(job, row)) }
    }
}

/// `G g Gᵀ` of one vector of columns of the panel.
#[inline(always)]
unsafe fn filter_vector<S: Simd, const PART: bool>(
    job: &FiltersJob<'_>,
    row: usize,
    column: usize,
) {
    let Panel { first, n_vectors, n_columns } = job.panel;
    let n = n_columns - column;
    // SAFETY: the caller guarantees the instruction set, the row and the column.
    unsafe {
        let mut scale = S::splat(1.0);
        if let Some(values) = job.scale {
            scale = load::<S, PART>(values.as_ptr().add(first + column), n);
        }
        let mut rows = [[S::splat(0.0); 3]; 4];
        for side in 0..3 {
            let mut taps = [S::splat(0.0); 3];
            for tap in 0..3 {
                let at = ((3 * tap + side) * job.k + row) * job.n + first + column;
                taps[tap] = S::mul(load::<S, PART>(job.filters.as_ptr().add(at), n), scale);
            }
            let values = spread::<S>(taps);
            for i in 0..4 {
                rows[i][side] = values[i];
            }
        }
        for i in 0..4 {
            let values = spread::<S>(rows[i]);
            for j in 0..4 {
                let at = row * n_vectors * S::LANES + column;
                S::store(job.out[4 * i + j].add(at), values[j]);
            }
        }
    }
}

/// `G` times three values.
#[inline(always)]
unsafe fn spread<S: Simd>([a, b, c]: [S::Vector; 3]) -> [S::Vector; 4] {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let (half, outer) = (S::splat(0.5), S::add(a, c));
        [a, S::mul(S::add(outer, b), half), S::mul(S::sub(outer, b), half), c]
    }
}

/// Tiles of 4x4 pixels to be transformed.
pub(super) struct InputJob {
    x: *const f32,
    size: [usize; 2],
    steps: [usize; 3],
    /// The distance between two lines of pixels.
    line: usize,
    channels: usize,
    n_tiles: usize,
    out: *mut f32,
}

/// Transforms the first `n_tiles` windows of 4x4 pixels to `out`, `[16, tiles, channels]`.
///
/// # Panics
/// When the maps do not have the windows, or `out` has another size.
pub(super) fn input<S: Micro>(tiles: Windows<'_>, n_tiles: usize, out: &mut [f32]) {
    let [n_lines, len, line] = tiles.pieces;
    let channels = len / 4;
    assert!(n_lines == 4 && len == 4 * channels && tiles.have(n_tiles));
    assert!(out.len() == PLACES * n_tiles * channels);
    let Windows { size, steps, .. } = tiles;
    let (x, out) = (tiles.values.as_ptr(), out.as_mut_ptr());
    let job = InputJob { x, size, steps, line, channels, n_tiles, out };
    // SAFETY: the maps have the tiles and `out` has the places by the assertions above.
    unsafe { S::winograd_input(&job) }
}

/// # Safety
/// As in `transform_filters`.
#[inline(always)]
pub(super) unsafe fn transform_input<S: Simd>(job: &InputJob) {
    let ([width, height], [along, down, across]) = (job.size, job.steps);
    for tile in 0..job.n_tiles {
        let (column, line) = (tile % width, tile / width);
        let at = column * along + line % height * down + line / height * across;
        // SAFETY: channels stay inside the tile.
        unsafe {
            let (x, out) = (job.x.add(at), job.out.add(tile * job.channels));
            over_columns!(S, job.channels, input_vector(job, x, out));
        }
    }
}

/// `Bᵀ d B` of one vector of channels.
#[inline(always)]
unsafe fn input_vector<S: Simd, const PART: bool>(
    job: &InputJob,
    x: *const f32,
    out: *mut f32,
    channel: usize,
) {
    let n = job.channels - channel;
    // SAFETY: the caller guarantees the instruction set, the tile and the channel.
    unsafe {
        let mut rows = [[S::splat(0.0); 4]; 4];
        for column in 0..4 {
            let mut pixels = [S::splat(0.0); 4];
            for row in 0..4 {
                let at = row * job.line + column * job.channels + channel;
                pixels[row] = load::<S, PART>(x.add(at), n);
            }
            let values = difference::<S>(pixels);
            for row in 0..4 {
                rows[row][column] = values[row];
            }
        }
        for row in 0..4 {
            let values = difference::<S>(rows[row]);
            for column in 0..4 {
                let place = (4 * row + column) * job.n_tiles * job.channels;
                store::<S, PART>(out.add(place + channel), n, values[column]);
            }
        }
    }
}

/// `Bᵀ` times four values.
#[inline(always)]
unsafe fn difference<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 4] {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { [S::sub(a, c), S::add(b, c), S::sub(c, b), S::sub(b, d)] }
}

/// Products to be transformed to outputs. Unused pointers of the epilogue are null.
pub(super) struct OutputJob {
    products: *const f32,
    /// The number of maps, and of rows and columns of tiles in each.
    tiles: [usize; 3],
    /// The number of lines and columns of outputs in each map.
    size: [usize; 2],
    n: usize,
    bias: *const f32,
    shortcut: *const f32,
    ceiling: Option<f32>,
    out: *mut f32,
}

/// Transforms products `[16, tiles, n]` to outputs `[maps, lines, columns, n]`, with the epilogue.
/// `tiles` are the number of maps, and of rows and columns of tiles in each; `size` are lines and columns
/// of outputs.
///
/// # Panics
/// When a slice does not have the size of its matrix, or the epilogue has a gate.
pub(super) fn output<S: Micro>(
    products: &[f32],
    tiles: [usize; 3],
    size: [usize; 2],
    epilogue: Epilogue<'_>,
    mut out: Out<'_>,
) {
    let ([n_maps, rows, columns], [lines, width]) = (tiles, size);
    let len = out.len();
    let n = len / (n_maps * lines * width).max(1);
    assert!(len == n_maps * lines * width * n && epilogue.gate.is_none());
    assert!(lines.div_ceil(2) == rows && width.div_ceil(2) == columns);
    assert!(products.len() == PLACES * n_maps * rows * columns * n);
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == n));
    assert!(epilogue.shortcut.is_none_or(|shortcut| shortcut.len() == len));
    let pointer = |values: Option<&[f32]>| values.map_or(std::ptr::null(), <[f32]>::as_ptr);
    let job = OutputJob {
        products: products.as_ptr(),
        tiles,
        size,
        n,
        bias: pointer(epilogue.bias),
        shortcut: pointer(epilogue.shortcut),
        ceiling: epilogue.activation.ceiling(),
        out: out.pointer(),
    };
    // SAFETY: all slices have their sizes by the assertions above, and tiles cover all outputs.
    unsafe {
        S::winograd_output(&job);
        curve::apply::<S>(epilogue.activation, job.out, len);
        out.written();
    }
}

/// # Safety
/// As in `transform_filters`.
#[inline(always)]
pub(super) unsafe fn transform_output<S: Simd>(job: &OutputJob) {
    let [n_maps, rows, columns] = job.tiles;
    for tile in 0..n_maps * rows * columns {
        let (column, row) = (tile % columns, tile / columns);
        let place = [row / rows, 2 * (row % rows), 2 * column];
        // SAFETY: channels stay inside the outputs.
        unsafe {
            let products = job.products.add(tile * job.n);
            over_columns!(S, job.n, output_vector(job, products, place));
        }
    }
}

/// `Aᵀ m A` of one vector of channels, and the epilogue. `place` is the map, line and column of the
/// first output.
#[inline(always)]
unsafe fn output_vector<S: Simd, const PART: bool>(
    job: &OutputJob,
    products: *const f32,
    place: [usize; 3],
    channel: usize,
) {
    let n = job.n - channel;
    let [n_maps, rows, columns] = job.tiles;
    // SAFETY: the caller guarantees the instruction set, the tile and the channel; outputs outside
    // the map are left out.
    unsafe {
        let mut sums = [[S::splat(0.0); 4]; 2];
        for column in 0..4 {
            let mut values = [S::splat(0.0); 4];
            for row in 0..4 {
                let at = (4 * row + column) * n_maps * rows * columns * job.n;
                values[row] = load::<S, PART>(products.add(at + channel), n);
            }
            let [upper, lower] = sum::<S>(values);
            (sums[0][column], sums[1][column]) = (upper, lower);
        }
        let mut bias = S::splat(0.0);
        if !job.bias.is_null() {
            bias = load::<S, PART>(job.bias.add(channel), n);
        }
        let [map, line, column] = place;
        let [n_lines, width] = job.size;
        for (y, sums) in (line..n_lines).zip(sums) {
            for (x, value) in (column..width).zip(sum::<S>(sums)) {
                let at = ((map * n_lines + y) * width + x) * job.n + channel;
                let mut value = S::add(value, bias);
                if !job.shortcut.is_null() {
                    value = S::add(value, load::<S, PART>(job.shortcut.add(at), n));
                }
                if let Some(ceiling) = job.ceiling {
                    value = S::rectify(value, S::splat(ceiling));
                }
                store::<S, PART>(job.out.add(at), n, value);
            }
        }
    }
}

/// `Aᵀ` times four values.
#[inline(always)]
unsafe fn sum<S: Simd>([a, b, c, d]: [S::Vector; 4]) -> [S::Vector; 2] {
    // SAFETY: the caller guarantees the instruction set.
    unsafe { [S::add(S::add(a, b), c), S::sub(S::sub(b, c), d)] }
}
