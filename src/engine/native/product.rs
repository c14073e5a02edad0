//! Matrix products of one picture.

use gemm::Parallelism;

/// `out[m, n] = x[m, k] · w[k, n]`, all row-major, on the calling thread.
///
/// # Panics
/// When a slice does not have the size of its matrix.
#[expect(unsafe_code, reason = "the product takes pointers; sizes are checked in front of it")]
pub(super) fn product(x: &[f32], w: &[f32], out: &mut [f32], m: usize, k: usize, n: usize) {
    assert!(x.len() == m * k && w.len() == k * n && out.len() == m * n, "the sizes of {m}x{k}x{n}");
    let stride = |columns: usize| isize::try_from(columns).expect("a row is shorter than memory");
    // SAFETY: `out`, `x` and `w` hold m·n, m·k and k·n values by the assertion above, the strides
    // stay inside them, and `out` is borrowed mutably, so nothing else reads or writes it.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(n),
            false,
            x.as_ptr(),
            1,
            stride(k),
            w.as_ptr(),
            1,
            stride(n),
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_the_sum_of_products() {
        let (m, k, n) = (5, 7, 3);
        let x: Vec<f32> = (0..m * k).map(|i| (i % 11) as f32 - 5.0).collect();
        let w: Vec<f32> = (0..k * n).map(|i| (i % 5) as f32 - 2.0).collect();
        let mut out = vec![f32::NAN; m * n];
        product(&x, &w, &mut out, m, k, n);
        for (i, value) in out.iter().enumerate() {
            let expected: f32 = (0..k).map(|q| x[i / n * k + q] * w[q * n + i % n]).sum();
            assert_eq!(*value, expected);
        }
    }
}
