//! Brightness and contrast.

/// The range of values.
const BRIGHTEST: f32 = 255.0;

/// Adds `factor` of the full range to every value (Keras's `RandomBrightness`).
pub(super) fn brighten(image: &mut [f32], factor: f32) {
    let shift = factor * BRIGHTEST;
    image.iter_mut().for_each(|value| *value = (*value + shift).clamp(0.0, BRIGHTEST));
}

/// Multiplies each channel's distances from its mean by `1 + factor` (Keras's `RandomContrast`).
pub(super) fn contrast(image: &mut [f32], factor: f32) {
    let n_pixels = (image.len() / 3).max(1) as f64;
    let mut sums = [0.0f64; 3];
    for pixel in image.chunks_exact(3) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let means = sums.map(|sum| (sum / n_pixels) as f32);
    for pixel in image.chunks_exact_mut(3) {
        for (value, mean) in pixel.iter_mut().zip(means) {
            *value = ((*value - mean) * (1.0 + factor) + mean).clamp(0.0, BRIGHTEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_is_a_share_of_the_full_range() {
        let mut image = vec![0.0, 100.0, 250.0];
        brighten(&mut image, 0.1);
        assert_eq!(image, [25.5, 125.5, 255.0]);
    }

    #[test]
    fn contrast_keeps_the_mean_of_each_channel() {
        let mut image = vec![100.0, 10.0, 0.0, 120.0, 30.0, 0.0];
        contrast(&mut image, -0.5);
        assert_eq!(image, [105.0, 15.0, 0.0, 115.0, 25.0, 0.0]);
    }
}
