//! From pictures of any size to what the network takes, as nodes.
//!
//! Resizing is a product with a matrix for each axis, made inside the graph from the size of the
//! picture: so it is what this program does, antialiasing and the rounding of weights and pixels
//! included, in any runtime, while the operator `Resize` differs from one to the next.

use super::Classifier;
use super::builder::{Attribute, Builder, ElementType};
use crate::spec::{ImageSize, Preprocessing};

/// Adds what is done with pictures, `[n, height, width, 3]`; gives the name of the network's input,
/// `[n, 3, height, width]`.
pub(super) fn prepare(builder: &mut Builder, images: &str, classifier: &Classifier<'_>) -> String {
    let ImageSize { height, width } = classifier.size;
    let antialias = classifier.resize.antialias;
    let to = i64::from(ElementType::Floats.number());
    let floats = builder.node("Cast", "pixels", &[images], &[("to", Attribute::Integer(to))]);
    let shape = builder.node("Shape", "size", &[images], &[]);
    // Rows first: `[n, h, w · 3]`, so that one product serves all pictures.
    let rows_flat = builder.integers("rows_flat", &[3], &[0, 0, -1]);
    let flat = builder.node("Reshape", "flat", &[&floats, &rows_flat], &[]);
    let rows = Axis { name: "rows", position: 1, length: height, antialias };
    let rows = rows.weights(builder, &shape);
    let product = builder.node("MatMul", "rows/product", &[&rows.weights, &flat], &[]);
    let fewer_rows = rounded(builder, "rows", &product, &rows.unit);
    // Then columns: `[n, height, w, 3]` to `[n, height, 3, w]`, times `[w, width]`.
    let columns_apart = builder.integers("columns_apart", &[4], &[0, height as i64, -1, 3]);
    let apart = builder.node("Reshape", "apart", &[&fewer_rows, &columns_apart], &[]);
    let turn = [("perm", Attribute::Integers(vec![0, 1, 3, 2]))];
    let apart = builder.node("Transpose", "columns_last", &[&apart], &turn);
    let columns = Axis { name: "columns", position: 2, length: width, antialias };
    let columns = columns.weights(builder, &shape);
    let turn = [("perm", Attribute::Integers(vec![1, 0]))];
    let turned = builder.node("Transpose", "columns/turned", &[&columns.weights], &turn);
    let product = builder.node("MatMul", "columns/product", &[&apart, &turned], &[]);
    let small = rounded(builder, "columns", &product, &columns.unit);
    // `[n, height, 3, width]` to `[n, 3, height, width]`.
    let turn = [("perm", Attribute::Integers(vec![0, 2, 1, 3]))];
    let small = builder.node("Transpose", "small", &[&small], &turn);
    let (scale, shift) = affine(classifier.network.preprocessing);
    let scale = builder.floats("scale", &[1, 3, 1, 1], &scale);
    let shift = builder.floats("shift", &[1, 3, 1, 1], &shift);
    let scaled = builder.node("Mul", "scaled", &[&small, &scale], &[]);
    builder.node("Add", "input", &[&scaled, &shift], &[])
}

/// What pixel values are multiplied by, and what is added then.
pub(super) fn affine(preprocessing: Preprocessing) -> ([f32; 3], [f32; 3]) {
    // What is done is linear, so two values say everything.
    let of = |value: f32| {
        let mut values = [value; 3];
        preprocessing.apply(&mut values);
        values.map(f64::from)
    };
    let (low, high) = (of(0.0), of(255.0));
    let scale = [0, 1, 2].map(|c| ((high[c] - low[c]) / 255.0) as f32);
    (scale, low.map(|value| value as f32))
}

/// An axis of pictures that are brought to a length.
struct Axis {
    name: &'static str,
    /// Its place in the shape of the input.
    position: i64,
    /// What it is brought to.
    length: usize,
    antialias: bool,
}

/// How an axis is brought to its length.
struct AxisWeights {
    /// `[length, n]`, whole numbers.
    weights: String,
    /// What stands for one in them.
    unit: String,
}

impl Axis {
    /// Adds the weights of each source pixel in each target pixel: a triangle around its middle,
    /// as wide as the step between targets where that is more than a pixel and antialiasing is
    /// asked for; rounded to sixteen bits, as the resizer does.
    fn weights(&self, builder: &mut Builder, shape: &str) -> AxisWeights {
        let at = |what: &str| format!("{}/{what}", self.name);
        let length = self.length as f32;
        let position = builder.integers(&at("position"), &[], &[self.position]);
        let axis = [("axis", Attribute::Integer(0))];
        let n = builder.node("Gather", &at("n"), &[shape, &position], &axis);
        let to = [("to", Attribute::Integer(i64::from(ElementType::Floats.number())))];
        let n_float = builder.node("Cast", &at("n_float"), &[&n], &to);
        let (zero, one) =
            (builder.integers(&at("zero"), &[], &[0]), builder.integers(&at("one"), &[], &[1]));
        let sources = builder.node("Range", &at("range"), &[&zero, &n, &one], &[]);
        let sources = builder.node("Cast", &at("sources"), &[&sources], &to);
        // The distance of source x from the middle of target i, times twice the length, in whole
        // numbers so that nothing is rounded: (2i + 1) n - length - 2 length x.
        let odd: Vec<f32> = (0..self.length).map(|i| (2 * i + 1) as f32).collect();
        let odd = builder.floats(&at("odd"), &[self.length, 1], &odd);
        let step = builder.float(&at("step"), 2.0 * length);
        let half = builder.float(&at("length"), length);
        let middle = builder.node("Mul", &at("middle"), &[&odd, &n_float], &[]);
        let middle = builder.node("Sub", &at("centre"), &[&middle, &half], &[]);
        let place = builder.node("Mul", &at("place"), &[&sources, &step], &[]);
        let distance = builder.node("Sub", &at("difference"), &[&middle, &place], &[]);
        let distance = builder.node("Abs", &at("distance"), &[&distance], &[]);
        let radius = if self.antialias {
            let two = builder.float(&at("two"), 2.0);
            let wide = builder.node("Mul", &at("wide"), &[&n_float, &two], &[]);
            builder.node("Max", &at("radius"), &[&wide, &step], &[])
        } else {
            step
        };
        let share = builder.node("Div", &at("share"), &[&distance, &radius], &[]);
        let whole = builder.float(&at("whole"), 1.0);
        let weights = builder.node("Sub", &at("slope"), &[&whole, &share], &[]);
        let weights = builder.node("Relu", &at("triangle"), &[&weights], &[]);
        let along = builder.integers(&at("along"), &[1], &[1]);
        let sums = builder.node("ReduceSum", &at("sums"), &[&weights, &along], &[]);
        let weights = builder.node("Div", &at("weights"), &[&weights, &sums], &[]);
        self.rounded_weights(builder, &weights)
    }

    /// Rounds weights to multiples of the smallest power of two for which the largest still fits
    /// into sixteen bits.
    fn rounded_weights(&self, builder: &mut Builder, weights: &str) -> AxisWeights {
        let at = |what: &str| format!("{}/{what}", self.name);
        let axes = [("keepdims", Attribute::Integer(0))];
        let most = builder.node("ReduceMax", &at("most"), &[weights], &axes);
        let limit = builder.float(&at("limit"), 32_767.5);
        let fits = builder.node("Div", &at("fits"), &[&limit, &most], &[]);
        let log = builder.node("Log", &at("log"), &[&fits], &[]);
        let ln_2 = builder.float(&at("ln_2"), std::f32::consts::LN_2);
        let bits = builder.node("Div", &at("bits"), &[&log, &ln_2], &[]);
        let bits = builder.node("Ceil", &at("bits_up"), &[&bits], &[]);
        let whole = builder.float(&at("bit"), 1.0);
        let bits = builder.node("Sub", &at("bits_kept"), &[&bits, &whole], &[]);
        let most_bits = builder.float(&at("most_bits"), 21.0);
        let bits = builder.node("Min", &at("precision"), &[&bits, &most_bits], &[]);
        let base = builder.float(&at("base"), 2.0);
        let unit = builder.node("Pow", &at("unit"), &[&base, &bits], &[]);
        let scaled = builder.node("Mul", &at("scaled"), &[weights, &unit], &[]);
        let half = builder.float(&at("half"), 0.5);
        let up = builder.node("Add", &at("up"), &[&scaled, &half], &[]);
        let weights = builder.node("Floor", &at("matrix"), &[&up], &[]);
        AxisWeights { weights, unit }
    }
}

/// Adds what turns sums of weighted pixels into pixels: whole numbers from 0 to 255.
fn rounded(builder: &mut Builder, name: &str, sums: &str, unit: &str) -> String {
    let at = |what: &str| format!("{name}/{what}");
    let values = builder.node("Div", &at("values"), &[sums, unit], &[]);
    let half = builder.float(&at("half_up"), 0.5);
    let up = builder.node("Add", &at("values_up"), &[&values, &half], &[]);
    let whole = builder.node("Floor", &at("values_whole"), &[&up], &[]);
    let (black, white) = (builder.float(&at("black"), 0.0), builder.float(&at("white"), 255.0));
    builder.node("Clip", &at("bytes"), &[&whole, &black, &white], &[])
}
