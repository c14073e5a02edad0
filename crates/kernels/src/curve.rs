//! Smooth activations and their derivatives, element by element.
//!
//! The exponential function is that of the Cephes library (`expf`, Moshier 1992): an integer power of
//! two times a polynomial on [-ln 2 / 2, ln 2 / 2]. It needs nothing that an instruction set rounds
//! in its own way, so results have the same bits wherever multiply-adds are fused.

use super::set::Micro;
use super::simd::{Simd, load, store};
use crate::Activation;

/// A smooth activation of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    HardSwish,
    HardSigmoid,
    Silu,
    Sigmoid,
}

impl Activation {
    /// The smooth function that this is; `None` if it only clips.
    pub(super) fn curve(self) -> Option<Curve> {
        match self {
            Self::Linear | Self::Relu | Self::Relu6 => None,
            Self::HardSwish => Some(Curve::HardSwish),
            Self::HardSigmoid => Some(Curve::HardSigmoid),
            Self::Silu => Some(Curve::Silu),
            Self::Sigmoid => Some(Curve::Sigmoid),
        }
    }
}

/// Values, and what is computed from them in place.
pub(super) struct CurveJob {
    curve: Curve,
    n: usize,
    /// The inputs of the activation.
    z: *const f32,
    /// What the derivative is multiplied with; null for the activation itself.
    dy: *const f32,
    out: *mut f32,
}

/// Replaces values by their activation, if it is smooth.
///
/// # Safety
/// `values` points to `n` initialized values.
pub(super) unsafe fn apply<S: Micro>(activation: Activation, values: *mut f32, n: usize) {
    if let Some(curve) = activation.curve() {
        let job = CurveJob { curve, n, z: values, dy: std::ptr::null(), out: values };
        // SAFETY: the caller guarantees the values.
        unsafe { S::curve(&job) }
    }
}

/// Multiplies `dy` with the derivative of a smooth activation at `z`.
///
/// # Panics
/// When the slices differ in length, or the activation only clips.
pub(super) fn slope<S: Micro>(activation: Activation, z: &[f32], dy: &mut [f32]) {
    assert_eq!(z.len(), dy.len());
    let curve = activation.curve().expect("an activation that clips has a gate");
    let out = dy.as_mut_ptr();
    let job = CurveJob { curve, n: z.len(), z: z.as_ptr(), dy: out, out };
    // SAFETY: both have `n` values; each is read before it is written, through one pointer.
    unsafe { S::curve(&job) }
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its size.
#[inline(always)]
pub(super) unsafe fn run<S: Simd>(job: &CurveJob) {
    let mut at = 0;
    // SAFETY: `at` stays inside the job's size.
    unsafe {
        while at + S::LANES <= job.n {
            vector::<S, false>(job, at);
            at += S::LANES;
        }
        if at < job.n {
            vector::<S, true>(job, at);
        }
    }
}

#[inline(always)]
unsafe fn vector<S: Simd, const PART: bool>(job: &CurveJob, at: usize) {
    let n = job.n - at;
    // SAFETY: the caller guarantees the instruction set and `n` values.
    unsafe {
        let z = load::<S, PART>(job.z.add(at), n);
        let value = if job.dy.is_null() {
            match job.curve {
                Curve::HardSwish => S::mul(z, hard_sigmoid::<S>(z)),
                Curve::HardSigmoid => hard_sigmoid::<S>(z),
                Curve::Silu => S::mul(z, sigmoid::<S>(z)),
                Curve::Sigmoid => sigmoid::<S>(z),
            }
        } else {
            S::mul(load::<S, PART>(job.dy.add(at), n), derivative::<S>(job.curve, z))
        };
        store::<S, PART>(job.out.add(at), n, value);
    }
}

/// `min(max(z + 3, 0), 6) / 6`.
#[inline(always)]
unsafe fn hard_sigmoid<S: Simd>(z: S::Vector) -> S::Vector {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let moved = S::add(z, S::splat(3.0));
        S::mul(S::rectify(moved, S::splat(6.0)), S::splat(1.0 / 6.0))
    }
}

/// `1 / (1 + exp(-z))`.
#[inline(always)]
unsafe fn sigmoid<S: Simd>(z: S::Vector) -> S::Vector {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let one = S::splat(1.0);
        let minus = S::sub(S::splat(0.0), z);
        S::div(one, S::add(one, exponential::<S>(minus)))
    }
}

/// `exp(x)`, of `x` between -87 and 87.
#[inline(always)]
unsafe fn exponential<S: Simd>(x: S::Vector) -> S::Vector {
    // Adding this number rounds to an integer, which is then in the last bits of the sum.
    const ROUNDING: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has few digits, so that its products with integers are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_2e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let x = S::clamp(x, S::splat(-87.0), S::splat(87.0));
        let sum = S::mul_add(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUNDING));
        let whole = S::sub(sum, S::splat(ROUNDING));
        let rest = S::mul_add(whole, S::splat(-LN_2[0]), x);
        let rest = S::mul_add(whole, S::splat(-LN_2[1]), rest);
        let mut y = S::splat(POLYNOMIAL[0]);
        for i in 1..POLYNOMIAL.len() {
            y = S::mul_add(y, rest, S::splat(POLYNOMIAL[i]));
        }
        let y = S::mul_add(S::mul(rest, rest), y, S::add(rest, S::splat(1.0)));
        S::mul(y, S::power_of_two(sum))
    }
}

/// The derivative at `z`. At a kink of a function, it is one of those beside it.
#[inline(always)]
unsafe fn derivative<S: Simd>(curve: Curve, z: S::Vector) -> S::Vector {
    // SAFETY: the caller guarantees the instruction set.
    unsafe {
        let one = S::splat(1.0);
        let moved = S::add(z, S::splat(3.0));
        match curve {
            Curve::HardSwish => {
                let inside = S::mul_add(z, S::splat(1.0 / 3.0), S::splat(0.5));
                let inside = S::gate(inside, moved, S::splat(6.0));
                let beyond = S::sub(z, S::splat(3.0));
                S::add(inside, S::gate(one, beyond, S::splat(f32::INFINITY)))
            }
            Curve::HardSigmoid => S::gate(S::splat(1.0 / 6.0), moved, S::splat(6.0)),
            Curve::Silu => {
                let s = sigmoid::<S>(z);
                S::mul(s, S::mul_add(z, S::sub(one, s), one))
            }
            Curve::Sigmoid => {
                let s = sigmoid::<S>(z);
                S::mul(s, S::sub(one, s))
            }
        }
    }
}
