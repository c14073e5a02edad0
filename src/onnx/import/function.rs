//! Functions of one number that files spell out as several nodes, and the activations they are.

use std::fmt;

use alpaca_kernels::Activation;

/// Largest difference of a constant from that of an activation, relative to it. A sixth is rounded
/// in single precision, or written with seven digits.
const TOLERANCE: f64 = 1e-6;

/// A function of `x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    /// A line between two bounds.
    Line(Line),
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x / (1 + exp(-x))`.
    Silu,
}

/// `min(max(scale · x + offset, least), most)`, or `x` times that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    scale: f64,
    offset: f64,
    least: f64,
    most: f64,
    is_times_x: bool,
}

/// The lines that are activations.
const ACTIVATIONS: [(Line, Activation); 5] = [
    (Line::of(1.0, 0.0, [f64::NEG_INFINITY, f64::INFINITY]), Activation::Linear),
    (Line::of(1.0, 0.0, [0.0, f64::INFINITY]), Activation::Relu),
    (Line::of(1.0, 0.0, [0.0, 6.0]), Activation::Relu6),
    (Line::of(1.0 / 6.0, 0.5, [0.0, 1.0]), Activation::HardSigmoid),
    (Line { is_times_x: true, ..Line::of(1.0 / 6.0, 0.5, [0.0, 1.0]) }, Activation::HardSwish),
];

impl Line {
    const fn of(scale: f64, offset: f64, [least, most]: [f64; 2]) -> Self {
        Self { scale, offset, least, most, is_times_x: false }
    }

    /// The factor of a line that is a multiple of `x` without bounds.
    fn factor(&self) -> Option<f64> {
        let unbounded = [f64::NEG_INFINITY, f64::INFINITY];
        (*self == Self::of(self.scale, 0.0, unbounded)).then_some(self.scale)
    }

    fn is_near(&self, other: &Self) -> bool {
        let near = |is: f64, wanted: f64| {
            // Infinite bounds are equal, and zeros.
            #[expect(clippy::float_cmp, reason = "numbers that nothing rounds")]
            let is_equal = is == wanted;
            is_equal || (is - wanted).abs() <= TOLERANCE * wanted.abs() && wanted.is_finite()
        };
        near(self.scale, other.scale)
            && near(self.offset, other.offset)
            && near(self.least, other.least)
            && near(self.most, other.most)
            && self.is_times_x == other.is_times_x
    }
}

impl Function {
    /// `x` itself.
    pub(super) const IDENTITY: Self = Self::Line(ACTIVATIONS[0].0);

    /// `x · min(max(x + 3, 0), 6) / 6`.
    pub(super) const HARD_SWISH: Self = Self::Line(ACTIVATIONS[4].0);

    /// `min(max(scale · x + offset, 0), 1)`, the `HardSigmoid` of ONNX. `None` if it does not
    /// increase.
    pub(super) fn hard_sigmoid(scale: f64, offset: f64) -> Option<Self> {
        Self::IDENTITY.times(scale)?.plus(offset)?.between(0.0, 1.0)
    }

    /// The function plus a number. `None` if it is none of this form.
    pub(super) fn plus(self, number: f64) -> Option<Self> {
        match self {
            Self::Line(line) if !line.is_times_x && number.is_finite() => Some(Self::Line(Line {
                offset: line.offset + number,
                least: line.least + number,
                most: line.most + number,
                ..line
            })),
            _ => None,
        }
    }

    /// The function times a positive number. `None` if it is none of this form.
    pub(super) fn times(self, number: f64) -> Option<Self> {
        match self {
            Self::Line(line) if number > 0.0 && number.is_finite() => Some(Self::Line(Line {
                scale: line.scale * number,
                offset: line.offset * number,
                least: line.least * number,
                most: line.most * number,
                ..line
            })),
            _ => None,
        }
    }

    /// The function between two bounds. `None` if it is none of this form.
    pub(super) fn between(self, least: f64, most: f64) -> Option<Self> {
        match self {
            Self::Line(line) if !line.is_times_x && least <= most => Some(Self::Line(Line {
                least: line.least.clamp(least, most),
                most: line.most.clamp(least, most),
                ..line
            })),
            _ => None,
        }
    }

    /// The product of two functions of the same `x`. `None` if it is none of this form.
    pub(super) fn product(self, other: Self) -> Option<Self> {
        let by_x = |factor: f64, function: Self| match function {
            Self::Line(line) if !line.is_times_x => {
                Self::Line(Line { is_times_x: true, ..line }).times(factor)
            }
            Self::Sigmoid if (factor - 1.0).abs() <= TOLERANCE => Some(Self::Silu),
            _ => None,
        };
        let factor = |function| match function {
            Self::Line(line) => line.factor(),
            _ => None,
        };
        let first = factor(self).and_then(|factor| by_x(factor, other));
        first.or_else(|| factor(other).and_then(|factor| by_x(factor, self)))
    }

    /// The activation that it is.
    pub(super) fn activation(self) -> Option<Activation> {
        match self {
            Self::Line(line) => {
                let mut known = ACTIVATIONS.iter();
                known.find(|(known, _)| line.is_near(known)).map(|(_, activation)| *activation)
            }
            Self::Sigmoid => Some(Activation::Sigmoid),
            Self::Silu => Some(Activation::Silu),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match self {
            Self::Line(line) => line,
            Self::Sigmoid => return f.write_str("1 / (1 + exp(-x))"),
            Self::Silu => return f.write_str("x / (1 + exp(-x))"),
        };
        // The digits of the single precision that constants have.
        let digits = |number: f64| number as f32;
        let mut text = match line.scale as f32 {
            1.0 => "x".to_owned(),
            scale => format!("{scale} · x"),
        };
        if line.offset != 0.0 {
            let sign = if line.offset < 0.0 { '-' } else { '+' };
            text = format!("{text} {sign} {}", digits(line.offset.abs()));
        }
        if line.least > f64::NEG_INFINITY {
            text = format!("max({text}, {})", digits(line.least));
        }
        if line.most < f64::INFINITY {
            text = format!("min({text}, {})", digits(line.most));
        }
        if line.is_times_x { write!(f, "x · ({text})") } else { f.write_str(&text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: Function = Function::IDENTITY;

    fn ramp(x: Function, most: f64) -> Function {
        x.plus(3.0).unwrap().between(0.0, most).unwrap()
    }

    #[test]
    fn every_spelling_of_an_activation_is_recognized() {
        let sixth = f64::from(1.0_f32 / 6.0);
        let hard_sigmoid = Function::hard_sigmoid(sixth, 0.5).unwrap();
        let cases = [
            (X, Activation::Linear),
            (X.between(0.0, f64::INFINITY).unwrap(), Activation::Relu),
            (X.between(0.0, f64::INFINITY).unwrap().between(-1.0, 6.0).unwrap(), Activation::Relu6),
            (hard_sigmoid, Activation::HardSigmoid),
            (ramp(X, 6.0).times(sixth).unwrap(), Activation::HardSigmoid),
            (ramp(X, 6.0).times(0.166_666_7).unwrap(), Activation::HardSigmoid),
            (X.product(hard_sigmoid).unwrap(), Activation::HardSwish),
            (hard_sigmoid.product(X).unwrap(), Activation::HardSwish),
            (X.product(ramp(X, 6.0)).unwrap().times(1.0 / 6.0).unwrap(), Activation::HardSwish),
            (X.times(sixth).unwrap().product(ramp(X, 6.0)).unwrap(), Activation::HardSwish),
            (Function::HARD_SWISH, Activation::HardSwish),
            (Function::Sigmoid.product(X).unwrap(), Activation::Silu),
            (Function::Sigmoid, Activation::Sigmoid),
        ];
        for (function, expected) in cases {
            assert_eq!(function.activation(), Some(expected), "{function}");
        }
    }

    #[test]
    fn functions_that_nearly_are_activations_are_not_taken_for_them() {
        let cases = [
            (
                ramp(X, 5.0).times(1.0 / 6.0).unwrap(),
                "min(max(0.16666667 · x + 0.5, 0), 0.8333333)",
            ),
            (ramp(X, 6.0), "min(max(x + 3, 0), 6)"),
            (ramp(X, 6.0).times(0.167).unwrap(), "min(max(0.167 · x + 0.501, 0), 1.002)"),
            (X.product(ramp(X, 6.0)).unwrap(), "x · (min(max(x + 3, 0), 6))"),
            (Function::hard_sigmoid(0.2, 0.5).unwrap(), "min(max(0.2 · x + 0.5, 0), 1)"),
            (X.between(0.0, 5.999).unwrap(), "min(max(x, 0), 5.999)"),
            (X.between(-1e-9, 6.0).unwrap(), "min(max(x, -0.000000001), 6)"),
            (X.plus(-0.5).unwrap(), "x - 0.5"),
        ];
        for (function, text) in cases {
            assert_eq!((function.activation(), function.to_string().as_str()), (None, text));
        }
        assert_eq!(X.times(-1.0), None);
        assert_eq!(X.product(Function::HARD_SWISH), None);
        assert_eq!(X.times(2.0).unwrap().product(Function::Sigmoid), None);
        assert_eq!(Function::Sigmoid.plus(1.0), None);
        assert_eq!(X.between(6.0, 0.0), None);
    }
}
