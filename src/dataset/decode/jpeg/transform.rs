//! The inverse cosine transform of a block: the accurate one of libjpeg (`jidctint.c`), number for
//! number. Loeffler, Ligtenberg and Moschytz, with 11 multiplications for eight values.

use super::{Block, Fault};

const CONST_BITS: u32 = 13;
/// Bits that columns keep for rows.
const PASS_BITS: u32 = 2;

/// Eight numbers side by side, for the compiler to make vectors of.
type Row = [i32; 8];

#[inline(always)]
fn each(f: impl Fn(usize) -> i32) -> Row {
    std::array::from_fn(f)
}

#[inline(always)]
fn add(a: Row, b: Row) -> Row {
    each(|i| a[i].wrapping_add(b[i]))
}

#[inline(always)]
fn sub(a: Row, b: Row) -> Row {
    each(|i| a[i].wrapping_sub(b[i]))
}

#[inline(always)]
fn times(a: Row, factor: i32) -> Row {
    each(|i| a[i].wrapping_mul(factor))
}

/// Eight transforms at once, of the columns of `rows`; the results are rounded by `SHIFT` bits.
#[inline(always)]
fn pass<const SHIFT: u32>(rows: &[Row; 8]) -> [Row; 8] {
    // The constants are those of libjpeg: the cosines times 8192.
    let [a0, a1, a2, a3, a4, a5, a6, a7] = *rows;
    let z = times(add(a2, a6), 4433);
    let (even_2, even_3) = (add(z, times(a6, -15137)), add(z, times(a2, 6270)));
    let even_0 = each(|i| a0[i].wrapping_add(a4[i]) << CONST_BITS);
    let even_1 = each(|i| a0[i].wrapping_sub(a4[i]) << CONST_BITS);
    let even = [add(even_0, even_3), add(even_1, even_2), sub(even_1, even_2), sub(even_0, even_3)];
    let (z3, z4) = (add(a7, a3), add(a5, a1));
    let z5 = times(add(z3, z4), 9633);
    let (z1, z2) = (times(add(a7, a1), -7373), times(add(a5, a3), -20995));
    let (z3, z4) = (add(times(z3, -16069), z5), add(times(z4, -3196), z5));
    let odd = [
        add(times(a1, 12299), add(z1, z4)),
        add(times(a3, 25172), add(z2, z3)),
        add(times(a5, 16819), add(z2, z4)),
        add(times(a7, 2446), add(z1, z3)),
    ];
    let round = |a: Row| each(|i| a[i].wrapping_add(1 << (SHIFT - 1)) >> SHIFT);
    [
        round(add(even[0], odd[0])),
        round(add(even[1], odd[1])),
        round(add(even[2], odd[2])),
        round(add(even[3], odd[3])),
        round(sub(even[3], odd[3])),
        round(sub(even[2], odd[2])),
        round(sub(even[1], odd[1])),
        round(sub(even[0], odd[0])),
    ]
}

#[inline(always)]
fn transposed(rows: &[Row; 8]) -> [Row; 8] {
    std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
}

/// Highest possible first value: encoders stay below 1024 and half a step.
const HIGHEST_DC: i32 = 2048;

/// Transforms a block whose last value is at place `last`, and writes its samples into a plane.
///
/// # Errors
/// When the first value is out of range, which is a sign of damaged data.
#[inline]
pub(super) fn inverse(
    block: &Block,
    steps: &Block,
    last: usize,
    plane: &mut [u8],
    stride: usize,
) -> Result<(), Fault> {
    // Steps have 16 bits without a sign.
    let step = i32::from(steps[0] as u16);
    let dc = i32::from(block[0]) * step;
    if dc.abs() > HIGHEST_DC + step {
        return Err(Fault::RANGE);
    }
    if last == 0 {
        let grey = (((dc << PASS_BITS) + 16) >> 5) + 128;
        for row in plane.chunks_mut(stride).take(8) {
            row[..8].fill(grey.clamp(0, 255) as u8);
        }
        return Ok(());
    }
    // The same code is compiled for each set of instructions; integers come out the same.
    pulp::Arch::new().dispatch(Inverse { block, steps, last, plane, stride });
    Ok(())
}

struct Inverse<'a> {
    block: &'a Block,
    steps: &'a Block,
    last: usize,
    plane: &'a mut [u8],
    stride: usize,
}

impl pulp::NullaryFnOnce for Inverse<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { block, steps, last, plane, stride } = self;
        let value = |i: usize| i32::from(block[i].wrapping_mul(steps[i]));
        let samples = if last <= LAST_OF_CORNER {
            let rows: [Row; 8] =
                std::array::from_fn(|i| if i < 4 { each(|j| value(8 * i + j)) } else { [0; 8] });
            let mut columns = transposed(&pass::<{ CONST_BITS - PASS_BITS }>(&rows));
            columns[4..].fill([0; 8]);
            pass::<{ CONST_BITS + PASS_BITS + 3 }>(&columns)
        } else {
            let rows: [Row; 8] = std::array::from_fn(|i| each(|j| value(8 * i + j)));
            let columns = transposed(&pass::<{ CONST_BITS - PASS_BITS }>(&rows));
            pass::<{ CONST_BITS + PASS_BITS + 3 }>(&columns)
        };
        let mut columns = [[0u8; 8]; 8];
        for (bytes, column) in columns.iter_mut().zip(&samples) {
            for (byte, value) in bytes.iter_mut().zip(column) {
                *byte = (*value + 128).clamp(0, 255) as u8;
            }
        }
        let mut rows = [[0u8; 8]; 8];
        for (y, row) in rows.iter_mut().enumerate() {
            for (x, byte) in row.iter_mut().enumerate() {
                *byte = columns[x][y];
            }
        }
        for (row, bytes) in plane.chunks_mut(stride).zip(rows) {
            row[..8].copy_from_slice(&bytes);
        }
    }
}

/// Up to this place in the order of the file all values are in the upper left quarter.
const LAST_OF_CORNER: usize = 9;

#[cfg(test)]
mod tests {
    use pulp::NullaryFnOnce;

    use super::*;

    #[test]
    fn the_instructions_of_this_processor_change_nothing() {
        let mut state = 1u32;
        let mut next = |most: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % most
        };
        for last in [3, LAST_OF_CORNER, 40, 63] {
            let mut block: Block = [0; 64];
            for place in &super::super::NATURAL_ORDER[..=last] {
                block[usize::from(*place)] = next(400) as i16 - 200;
            }
            let steps: Block = std::array::from_fn(|_| next(8) as i16 + 1);
            let (mut one, mut other) = ([0; 64], [0; 64]);
            inverse(&block, &steps, last, &mut one, 8).unwrap();
            let (block, steps) = (&block, &steps);
            Inverse { block, steps, last, plane: &mut other, stride: 8 }.call();
            assert_eq!(one, other, "up to {last}");
            // Values outside the corner are skipped if they are all zero.
            let mut whole = [0; 64];
            Inverse { block, steps, last: 63, plane: &mut whole, stride: 8 }.call();
            assert_eq!(one, whole, "up to {last}");
        }
    }
}
