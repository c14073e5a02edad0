//! Resizes images to the size that the network takes.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer as Engine};
use image::RgbImage;

use crate::spec::{Fit, ImageSize, Interpolation, PixelSpec, ResizeSpec};

/// Resizes images to one size, and reuses its working memory for each.
pub struct Resizer {
    spec: ResizeSpec,
    size: ImageSize,
    engine: Engine,
}

impl Resizer {
    /// A resizer for `size` by the rules of `spec`.
    pub fn new(spec: ResizeSpec, size: ImageSize) -> Self {
        Self { spec, size, engine: Engine::new() }
    }

    /// A resizer for the pixels of `spec`.
    pub fn of(spec: PixelSpec) -> Self {
        Self::new(spec.resize, spec.image_size)
    }

    /// The image at the target size: `[height, width, 3]`, values from 0 to 255.
    pub fn resize(&mut self, picture: &RgbImage) -> Vec<u8> {
        let ImageSize { height, width } = self.size;
        if self.spec.fit != Fit::Pad {
            return self.stretch(picture, height, width);
        }
        let (inner_height, inner_width) = inside(picture, self.size);
        let inner = self.stretch(picture, inner_height, inner_width);
        let (top, left) = ((height - inner_height) / 2, (width - inner_width) / 2);
        let mut padded = vec![0; height * width * 3];
        for (row, values) in inner.chunks_exact(inner_width * 3).enumerate() {
            let start = ((top + row) * width + left) * 3;
            padded[start..start + inner_width * 3].copy_from_slice(values);
        }
        padded
    }

    fn stretch(&mut self, picture: &RgbImage, height: usize, width: usize) -> Vec<u8> {
        let source: TypedImageRef<'_, U8x3> =
            TypedImageRef::from_buffer(picture.width(), picture.height(), picture.as_raw())
                .expect("an image has three bytes per pixel");
        let mut values = vec![0; height * width * 3];
        let mut target: TypedImage<'_, U8x3> =
            TypedImage::from_buffer(width as u32, height as u32, &mut values)
                .expect("the target has three bytes per pixel");
        let options = ResizeOptions::new().resize_alg(algorithm(self.spec)).use_alpha(false);
        let options = match self.spec.fit {
            Fit::Crop => options.fit_into_destination(Some((0.5, 0.5))),
            Fit::Stretch | Fit::Pad => options,
        };
        let result = self.engine.resize_typed(&source, &mut target, &options);
        result.expect("decoded images and targets have pixels");
        values
    }
}

fn algorithm(spec: ResizeSpec) -> ResizeAlg {
    let filter = match spec.interpolation {
        Interpolation::Nearest => return ResizeAlg::Nearest,
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Lanczos3 => FilterType::Lanczos3,
    };
    if spec.antialias { ResizeAlg::Convolution(filter) } else { ResizeAlg::Interpolation(filter) }
}

/// The largest size with the aspect ratio of the image that fits into `size`: height, then width.
fn inside(picture: &RgbImage, size: ImageSize) -> (usize, usize) {
    let (height, width) = (f64::from(picture.height()), f64::from(picture.width()));
    let scale = (size.height as f64 / height).min(size.width as f64 / width);
    let side = |length: f64, most: usize| ((length * scale).round() as usize).clamp(1, most);
    (side(height, size.height), side(width, size.width))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resize(picture: &RgbImage, fit: Fit, antialias: bool) -> Vec<u8> {
        let spec = ResizeSpec { interpolation: Interpolation::Bilinear, antialias, fit };
        Resizer::new(spec, ImageSize { height: 16, width: 16 }).resize(picture)
    }

    #[test]
    fn antialiasing_turns_fine_stripes_into_their_mean() {
        let stripes =
            RgbImage::from_fn(144, 16, |x, _| image::Rgb([if x % 2 == 0 { 0 } else { 200 }; 3]));
        let values = resize(&stripes, Fit::Stretch, true);
        let farthest = |values: &[u8]| values.iter().map(|value| value.abs_diff(100)).max();
        assert!(farthest(&values) <= Some(4), "{:?} from the mean", farthest(&values));
        let aliased = resize(&stripes, Fit::Stretch, false);
        assert!(farthest(&aliased) > Some(20), "{:?} from the mean", farthest(&aliased));
    }

    #[test]
    fn padding_centres_and_cropping_cuts() {
        let half = RgbImage::from_fn(32, 16, |x, _| image::Rgb([if x < 16 { 50 } else { 150 }; 3]));
        let padded = resize(&half, Fit::Pad, true);
        let row = |values: &[u8], y: usize| values[y * 48..y * 48 + 48].to_vec();
        assert!(row(&padded, 0).iter().all(|&value| value == 0));
        assert!(row(&padded, 8).iter().all(|&value| value >= 50));
        let cropped = resize(&half, Fit::Crop, true);
        assert_eq!((cropped[0], cropped[45]), (50, 150));
    }
}
