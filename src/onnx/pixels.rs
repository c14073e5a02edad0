//! Nodes that resize and scale images of any size for the network.
//!
//! Resizing is a product with one matrix per axis. So it gives the results of this program in any
//! runtime, including antialiasing and the rounding of weights and pixels. The operator `Resize`
//! differs between runtimes.
//!
//! Every number is an integer that single precision represents exactly, because some runtimes have
//! nothing else: OpenVINO and TensorRT compute 64-bit integers with less. Weights and their sums are
//! split into parts whose products have at most 24 bits. Then neither the order of sums nor fused
//! operations change the result.

use super::Classifier;
use super::builder::{Attribute, Builder, ElementType};
use crate::spec::{Fit, ImageSize, Preprocessing, ResizeSpec};

/// Number of bits of the low part of a weight. It is small enough for exact sums of the high parts,
/// and of the low parts of up to two thousand weights.
const LOW_BITS: u32 = 5;
/// Weights are multiples of 2^-n for the largest n up to this for which they fit into sixteen bits,
/// as the resizer has them.
const MOST_BITS: u32 = 21;
/// Twice the limit that rounded weights must stay below.
const LIMIT: i64 = 65_535;

/// Adds the preprocessing of images, `[n, height, width, 3]`. Returns the name of the network's
/// input, `[n, 3, height, width]`. Images are of any size, or one at a time of a given size.
pub(super) fn prepare(
    builder: &mut Builder,
    images: &str,
    classifier: &Classifier<'_>,
    of: Option<ImageSize>,
) -> String {
    let floats = cast(builder, "pixels", images, ElementType::Floats);
    let small = match of {
        Some(size) => one_size(builder, &floats, classifier, size),
        None => any_size(builder, images, &floats, classifier),
    };
    let (scale, shift) = affine(classifier.network.preprocessing);
    let scale = builder.floats("scale", &[1, 3, 1, 1], &scale);
    let shift = builder.floats("shift", &[1, 3, 1, 1], &shift);
    let scaled = builder.node("Mul", "scaled", &[&small, &scale], &[]);
    builder.node("Add", "input", &[&scaled, &shift], &[])
}

/// Resizes any number of images of any size.
fn any_size(
    builder: &mut Builder,
    images: &str,
    floats: &str,
    classifier: &Classifier<'_>,
) -> String {
    let (size, resize) = (classifier.size, classifier.resize);
    let shape = builder.node("Shape", "size", &[images], &[]);
    // Rows first: `[n, h, w · 3]`, so that one product serves all images.
    let rows_flat = builder.integers("rows_flat", &[3], &[0, 0, -1]);
    let flat = builder.node("Reshape", "flat", &[floats, &rows_flat], &[]);
    let rows = Axis { name: "rows", length: size.height, resize };
    let weights = rows.of_any_length(builder, &shape, 1);
    let fewer_rows = weights.apply(builder, "rows", &flat, Side::Left);
    // Then columns: `[n, height, w, 3]` to `[n, height, 3, w]`, times `[w, width]`.
    let apart = builder.integers("columns_apart", &[4], &[0, size.height as i64, -1, 3]);
    let apart = builder.node("Reshape", "apart", &[&fewer_rows, &apart], &[]);
    let apart = transpose(builder, "columns_last", &apart, &[0, 1, 3, 2]);
    let columns = Axis { name: "columns", length: size.width, resize };
    let weights = columns.of_any_length(builder, &shape, 2).transposed(builder, "columns");
    let small = weights.apply(builder, "columns", &apart, Side::Right);
    // `[n, height, 3, width]` to `[n, 3, height, width]`.
    transpose(builder, "small", &small, &[0, 2, 1, 3])
}

/// Resizes one image of a known size, with constant matrices and fixed shapes.
fn one_size(
    builder: &mut Builder,
    floats: &str,
    classifier: &Classifier<'_>,
    of: ImageSize,
) -> String {
    let (size, resize) = (classifier.size, classifier.resize);
    let flat = reshape(builder, "flat", floats, &[of.height, of.width * 3]);
    let rows = Axis { name: "rows", length: size.height, resize };
    let fewer_rows =
        rows.of_length(builder, of.height, of).apply(builder, "rows", &flat, Side::Left);
    let apart = reshape(builder, "apart", &fewer_rows, &[size.height, of.width, 3]);
    let apart = transpose(builder, "columns_last", &apart, &[0, 2, 1]);
    let apart = reshape(builder, "columns_flat", &apart, &[size.height * 3, of.width]);
    let columns = Axis { name: "columns", length: size.width, resize };
    let weights = columns.of_length(builder, of.width, of).transposed(builder, "columns");
    let small = weights.apply(builder, "columns", &apart, Side::Right);
    let small = reshape(builder, "colours_apart", &small, &[size.height, 3, size.width]);
    let small = transpose(builder, "small", &small, &[1, 0, 2]);
    reshape(builder, "batch", &small, &[1, 3, size.height, size.width])
}

fn reshape(builder: &mut Builder, name: &str, value: &str, shape: &[usize]) -> String {
    let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
    let shape = builder.integers(&format!("{name}/shape"), &[shape.len()], &shape);
    builder.node("Reshape", name, &[value, &shape], &[])
}

fn transpose(builder: &mut Builder, name: &str, value: &str, order: &[i64]) -> String {
    let order = [("perm", Attribute::Integers(order.to_vec()))];
    builder.node("Transpose", name, &[value], &order)
}

fn cast(builder: &mut Builder, name: &str, value: &str, to: ElementType) -> String {
    let to = [("to", Attribute::Integer(i64::from(to.number())))];
    builder.node("Cast", name, &[value], &to)
}

/// The factor and the offset that scale pixel values.
pub(super) fn affine(preprocessing: Preprocessing) -> ([f32; 3], [f32; 3]) {
    // The scaling is linear, so two values determine it.
    let [low, high] = [0.0, 255.0].map(|value: f32| {
        let mut values = [value; 3];
        preprocessing.apply(&mut values);
        values.map(f64::from)
    });
    let scale = [0, 1, 2].map(|c| ((high[c] - low[c]) / 255.0) as f32);
    (scale, low.map(|value| value as f32))
}

/// An axis of images that is resized.
struct Axis {
    name: &'static str,
    /// Length after resizing. With [`Fit::Crop`] both axes have the same.
    length: usize,
    resize: ResizeSpec,
}

/// On which side of the product the weights are.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// The weights of each source pixel in each target pixel, `[length, n]`, as integers in single
/// precision, and the divisor of the sums of weighted pixels.
struct AxisWeights {
    /// Multiples of 2^[`LOW_BITS`], divided by that; or whole weights if there is no low part.
    high: String,
    /// Remainders of the weights; `None` if sums of whole weights fit.
    low: Option<String>,
    /// Value that represents one in `high`.
    unit: String,
    /// Half of it.
    half: String,
}

impl AxisWeights {
    fn transposed(self, builder: &mut Builder, name: &str) -> Self {
        let mut turn = |what: &str, value: &str| {
            transpose(builder, &format!("{name}/{what}_turned"), value, &[1, 0])
        };
        let high = turn("high", &self.high);
        let low = self.low.as_ref().map(|low| turn("low", low));
        Self { high, low, ..self }
    }

    /// Adds the product of weights and pixels, and the rounding of its sums to pixels: integers
    /// from 0 to 255, with halves rounded up.
    fn apply(&self, builder: &mut Builder, name: &str, values: &str, side: Side) -> String {
        let at = |what: &str| format!("{name}/{what}");
        let product = |builder: &mut Builder, what: &str, weights: &str| match side {
            Side::Left => builder.node("MatMul", &at(what), &[weights, values], &[]),
            Side::Right => builder.node("MatMul", &at(what), &[values, weights], &[]),
        };
        let mut sums = product(builder, "high_product", &self.high);
        if let Some(low) = &self.low {
            // The low parts in units of the high ones. The remainder does not matter, because
            // `half` and `unit` are integers in these units.
            let low = product(builder, "low_product", low);
            let base = builder.float(&at("low_base"), (1_u32 << LOW_BITS) as f32);
            let carry = builder.node("Div", &at("low_share"), &[&low, &base], &[]);
            let carry = builder.node("Floor", &at("carry"), &[&carry], &[]);
            sums = builder.node("Add", &at("sums"), &[&sums, &carry], &[]);
        }
        let up = builder.node("Add", &at("half_up"), &[&sums, &self.half], &[]);
        let values = builder.node("Div", &at("values"), &[&up, &self.unit], &[]);
        let whole = builder.node("Floor", &at("values_whole"), &[&values], &[]);
        let (black, white) = (builder.float(&at("black"), 0.0), builder.float(&at("white"), 255.0));
        builder.node("Clip", &at("bytes"), &[&whole, &black, &white], &[])
    }
}

impl Axis {
    /// Adds the weights for an axis of `n` pixels of images whose size is known at export.
    fn of_length(&self, builder: &mut Builder, n: usize, of: ImageSize) -> AxisWeights {
        let at = |what: &str| format!("{}/{what}", self.name);
        let part = if self.resize.fit == Fit::Crop { of.height.min(of.width) } else { n };
        let (weights, bits) = weights(n, part, self.length, self.resize.antialias);
        // The largest sum of weighted pixels and half a unit.
        let most = weights.chunks_exact(n).map(|row| row.iter().sum::<i64>() * 255).max();
        let is_whole = most.unwrap_or(0) + (1 << (bits - 1)) < 1 << f32::MANTISSA_DIGITS;
        let shift = if is_whole { 0 } else { LOW_BITS };
        let mut matrix = |what: &str, of: &dyn Fn(i64) -> i64| {
            let values: Vec<f32> = weights.iter().map(|&weight| of(weight) as f32).collect();
            builder.floats(&at(what), &[self.length, n], &values)
        };
        let high = matrix("high", &|weight| weight >> shift);
        let low = (shift > 0).then(|| matrix("low", &|weight| weight & ((1 << shift) - 1)));
        let unit = builder.float(&at("unit"), (1_u32 << (bits - shift)) as f32);
        let half = builder.float(&at("half"), (1_u32 << (bits - shift - 1)) as f32);
        AxisWeights { high, low, unit, half }
    }

    /// Adds the nodes that compute the same weights from the length of an axis of the images, at
    /// `position` in their `shape`.
    fn of_any_length(&self, builder: &mut Builder, shape: &str, position: i64) -> AxisWeights {
        let at = |what: &str| format!("{}/{what}", self.name);
        let (triangle, sums) = self.triangle(builder, shape, position);
        let bits = self.bits(builder, &triangle, &sums);
        let table: Vec<f32> = (0..=MOST_BITS).map(|bits| (1_u32 << bits) as f32).collect();
        let table = builder.floats(&at("units"), &[table.len()], &table);
        let axis = [("axis", Attribute::Integer(0))];
        let one = builder.node("Gather", &at("one"), &[&table, &bits], &axis);
        let weights = self.quotients(builder, &triangle, &one, &sums);
        let base = builder.float(&at("base"), (1_u32 << LOW_BITS) as f32);
        let high = self.share(builder, "high", &weights, &base);
        let back = builder.node("Mul", &at("high_back"), &[&high, &base], &[]);
        let low = builder.node("Sub", &at("low"), &[&weights, &back], &[]);
        let two_base = builder.float(&at("two_base"), (2_u32 << LOW_BITS) as f32);
        let unit = builder.node("Div", &at("unit"), &[&one, &base], &[]);
        let half = builder.node("Div", &at("half"), &[&one, &two_base], &[]);
        AxisWeights { high, low: Some(low), unit, half }
    }

    /// Adds the weights before they are divided by their sums, `[length, n]`: a triangle around the
    /// middle of each target pixel, as wide as the step between targets where that is more than a
    /// pixel and antialiasing is asked for, times twice the length; and the sums, `[length, 1]`.
    /// Targets divide the middle part of the axis, which is all of it unless images are cropped.
    fn triangle(&self, builder: &mut Builder, shape: &str, position: i64) -> (String, String) {
        let at = |what: &str| format!("{}/{what}", self.name);
        let length = self.length as i64;
        let position = builder.integers(&at("position"), &[], &[position]);
        let axis = [("axis", Attribute::Integer(0))];
        let n = builder.node("Gather", &at("n"), &[shape, &position], &axis);
        let [zero, one] =
            [0, 1].map(|value| builder.integers(&at(&format!("number_{value}")), &[], &[value]));
        let sources = builder.node("Range", &at("sources"), &[&zero, &n, &one], &[]);
        let part = self.part(builder, shape, &n);
        // The distance of source x from the middle of target i, times twice the length:
        // (2i + 1) part + (n - part) length - length - 2 length x.
        let odd: Vec<i64> = (0..length).map(|i| 2 * i + 1).collect();
        let odd = builder.integers(&at("odd"), &[self.length, 1], &odd);
        let step = builder.integers(&at("step"), &[], &[2 * length]);
        let half = builder.integers(&at("length"), &[], &[length]);
        let middle = builder.node("Mul", &at("middle"), &[&odd, &part], &[]);
        let mut middle = builder.node("Sub", &at("centre"), &[&middle, &half], &[]);
        if part != n {
            let rest = builder.node("Sub", &at("rest"), &[&n, &part], &[]);
            let rest = builder.node("Mul", &at("rest_step"), &[&rest, &half], &[]);
            middle = builder.node("Add", &at("centre_of_part"), &[&middle, &rest], &[]);
        }
        let place = builder.node("Mul", &at("place"), &[&sources, &step], &[]);
        let distance = builder.node("Sub", &at("difference"), &[&middle, &place], &[]);
        let distance = builder.node("Abs", &at("distance"), &[&distance], &[]);
        let radius = if self.resize.antialias {
            let two = builder.integers(&at("number_2"), &[], &[2]);
            let wide = builder.node("Mul", &at("wide"), &[&part, &two], &[]);
            builder.node("Max", &at("radius"), &[&wide, &step], &[])
        } else {
            step
        };
        let slope = builder.node("Sub", &at("slope"), &[&radius, &distance], &[]);
        let slope = cast(builder, &at("slope_number"), &slope, ElementType::Floats);
        let zero = builder.float(&at("outside"), 0.0);
        let triangle = builder.node("Max", &at("triangle"), &[&slope, &zero], &[]);
        let along = builder.integers(&at("along"), &[1], &[1]);
        let sums = builder.node("ReduceSum", &at("row_sums"), &[&triangle, &along], &[]);
        (triangle, sums)
    }

    /// Adds the length of the part that is resized, of an axis of `n` pixels: the shorter side of the
    /// images if they are cropped to a square.
    fn part(&self, builder: &mut Builder, shape: &str, n: &str) -> String {
        if self.resize.fit != Fit::Crop {
            return n.to_owned();
        }
        let at = |what: &str| format!("{}/{what}", self.name);
        let sides = [1, 2].map(|position| {
            let axis = builder.integers(&at(&format!("axis_{position}")), &[], &[position]);
            let along = [("axis", Attribute::Integer(0))];
            builder.node("Gather", &at(&format!("side_{position}")), &[shape, &axis], &along)
        });
        builder.node("Min", &at("part"), &[&sides[0], &sides[1]], &[])
    }

    /// Adds the number of bits that represent one in whole weights: the most, up to [`MOST_BITS`],
    /// for which the largest weight still fits into sixteen bits.
    fn bits(&self, builder: &mut Builder, triangle: &str, sums: &str) -> String {
        let at = |what: &str| format!("{}/{what}", self.name);
        let along = [("axes", Attribute::Integers(vec![1]))];
        let most = builder.node("ReduceMax", &at("most"), &[triangle], &along);
        // Whether the largest weight of each row fits with each number of bits, `[length, bits]`:
        // 2 most 2^bits < (2^16 - 1) sum, divided by 2^(bits + 1). Then the difference is exact
        // where it decides.
        let powers = |first: i32| (0..MOST_BITS as i32).map(move |bits| 2_f32.powi(first - bits));
        let shape = [1, MOST_BITS as usize];
        let less = builder.floats(&at("shares"), &shape, &powers(-2).collect::<Vec<f32>>());
        let more = builder.floats(&at("limits"), &shape, &powers(14).collect::<Vec<f32>>());
        let less = builder.node("Mul", &at("sum_shares"), &[sums, &less], &[]);
        let more = builder.node("Mul", &at("sum_limits"), &[sums, &more], &[]);
        let more = builder.node("Sub", &at("room"), &[&more, &most], &[]);
        let fits = builder.node("Less", &at("fits"), &[&less, &more], &[]);
        let fits = cast(builder, &at("fits_number"), &fits, ElementType::Integers);
        let down = [("axes", Attribute::Integers(vec![0])), ("keepdims", Attribute::Integer(0))];
        let fits = builder.node("ReduceMin", &at("all_fit"), &[&fits], &down);
        let bits = builder.integers(&at("bits"), &[1], &[0]);
        let keep = [("keepdims", Attribute::Integer(0))];
        builder.node("ReduceSum", &at("precision"), &[&fits, &bits], &keep)
    }

    /// Adds `triangle · one / sums`, rounded to integers, with halves rounded up.
    fn quotients(&self, builder: &mut Builder, triangle: &str, one: &str, sums: &str) -> String {
        let at = |what: &str| format!("{}/{what}", self.name);
        // Division is not exact, so the first quotient can be one off.
        let scaled = builder.node("Mul", &at("scaled"), &[triangle, one], &[]);
        let quotient = builder.node("Div", &at("quotient"), &[&scaled, sums], &[]);
        let quotient = builder.node("Round", &at("rounded"), &[&quotient], &[]);
        // The remainder, scaled - quotient · sum. Products with eight bits of the sum are exact,
        // and so are all differences.
        let mut remainder = scaled;
        let mut rest = sums.to_owned();
        for bits in [16_u32, 8, 0] {
            let at = |what: &str| format!("{}/{what}_{bits}", self.name);
            let unit = builder.float(&at("sum_unit"), (1_u32 << bits) as f32);
            let share = self.share(builder, &format!("sum_share_{bits}"), &rest, &unit);
            let part = builder.node("Mul", &at("sum_part"), &[&share, &unit], &[]);
            let product = builder.node("Mul", &at("product"), &[&quotient, &part], &[]);
            remainder = builder.node("Sub", &at("remainder"), &[&remainder, &product], &[]);
            rest = builder.node("Sub", &at("sum_rest"), &[&rest, &part], &[]);
        }
        // One more where twice the remainder reaches the sum, one less where it is below -sum.
        let two = builder.float(&at("two"), 2.0);
        let twice = builder.node("Mul", &at("twice"), &[&remainder, &two], &[]);
        let below = builder.node("Neg", &at("negative_sums"), &[sums], &[]);
        let below = builder.node("Less", &at("is_below"), &[&twice, &below], &[]);
        let short = builder.node("Less", &at("is_short"), &[&twice, sums], &[]);
        let below = cast(builder, &at("below"), &below, ElementType::Floats);
        let short = cast(builder, &at("short"), &short, ElementType::Floats);
        let more = builder.float(&at("one_more"), 1.0);
        let up = builder.node("Add", &at("up"), &[&quotient, &more], &[]);
        let up = builder.node("Sub", &at("at_most"), &[&up, &short], &[]);
        builder.node("Sub", &at("matrix"), &[&up, &below], &[])
    }

    /// Adds the quotient of integers and a power of two, rounded down.
    fn share(&self, builder: &mut Builder, what: &str, values: &str, unit: &str) -> String {
        let at = |what: &str| format!("{}/{what}", self.name);
        let share = builder.node("Div", &at(&format!("{what}_part")), &[values, unit], &[]);
        builder.node("Floor", &at(what), &[&share], &[])
    }
}

/// The weights that the graph computes to resize the middle `part` of an axis of `n` pixels to
/// `length`: integers, `[length, n]`, and the number of bits that represent one.
pub fn weights(n: usize, part: usize, length: usize, antialias: bool) -> (Vec<i64>, u32) {
    let [n, part, length] = [n, part, length].map(|n| n as i64);
    let step = 2 * length;
    let radius = if antialias { step.max(2 * part) } else { step };
    let rows: Vec<Vec<i64>> = (0..length)
        .map(|i| {
            let center = (2 * i + 1) * part + (n - part) * length - length;
            (0..n).map(|x| (radius - (center - step * x).abs()).max(0)).collect()
        })
        .collect();
    let fitting = (1..=MOST_BITS).take_while(|bits| {
        rows.iter().all(|row| {
            let most = row.iter().max().copied().unwrap_or(0);
            most * (2 << bits) < LIMIT * row.iter().sum::<i64>()
        })
    });
    let bits = fitting.count() as u32;
    let mut rounded = vec![];
    for row in rows {
        let sum: i64 = row.iter().sum();
        rounded.extend(row.into_iter().map(|slope| (slope * (2 << bits) + sum) / (2 * sum)));
    }
    (rounded, bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_sums_fit_into_single_precision() {
        for length in [32, 160, 512, 1024] {
            for n in [1, 100, 1025, 4032, 9000, 12_000] {
                let (weights, bits) = weights(n, n, length, true);
                let most = |of: &dyn Fn(i64) -> i64| {
                    let sums =
                        weights.chunks_exact(n).map(|row| row.iter().map(|w| of(*w)).sum::<i64>());
                    sums.max().unwrap() * 255
                };
                let high = most(&|weight| weight >> LOW_BITS);
                let low = most(&|weight| weight & ((1 << LOW_BITS) - 1));
                let all = high + (low >> LOW_BITS) + (1 << (bits - LOW_BITS - 1));
                assert!(all < 1 << 24 && low < 1 << 24, "{n} to {length}: {all}, {low}");
            }
        }
    }
}
