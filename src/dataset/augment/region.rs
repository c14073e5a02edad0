//! Random rectangles: crops that are resized to the whole image, and erased areas.

use alpaca_random::Generator;

use super::canvas::Canvas;
use super::{below, draw};
use crate::spec::{ErasedWith, FactorRange, ImageSize};

/// A rectangle inside an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// How often sides are drawn until they fit into the image.
const TRIES: usize = 10;

impl Region {
    /// A crop: its area as a fraction of the image's from `scale`, its width divided by its height
    /// from `ratio`, evenly on a logarithmic scale. If ten of them do not fit, the largest crop in
    /// the middle with a ratio of the range. (Szegedy et al. 2015, section 6; torchvision's
    /// `RandomResizedCrop`.)
    pub(super) fn crop(
        scale: FactorRange,
        ratio: FactorRange,
        size: ImageSize,
        generator: &mut Generator,
    ) -> Self {
        let ImageSize { height, width } = size;
        for _ in 0..TRIES {
            let (area, ratio) = draw_shape(scale, ratio, size, generator);
            let [h, w] = [area / ratio, area * ratio].map(side);
            if (1..=height).contains(&h) && (1..=width).contains(&w) {
                return Self::place(h, w, size, generator);
            }
        }
        let whole = width as f64 / height as f64;
        let (h, w) = if whole < ratio.low {
            ((width as f64 / ratio.low).round_ties_even() as usize, width)
        } else if whole > ratio.high {
            (height, (height as f64 * ratio.high).round_ties_even() as usize)
        } else {
            (height, width)
        };
        let (h, w) = (h.clamp(1, height), w.clamp(1, width));
        Self { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
    }

    /// An area to erase: its area as a fraction of the image's from `scale`, its height divided by
    /// its width from `ratio`. `None` if ten of them do not fit. (Zhong et al. 2017, algorithm 1;
    /// torchvision's `RandomErasing`, which draws ratios evenly on a logarithmic scale.)
    pub(super) fn erased(
        scale: FactorRange,
        ratio: FactorRange,
        size: ImageSize,
        generator: &mut Generator,
    ) -> Option<Self> {
        for _ in 0..TRIES {
            let (area, ratio) = draw_shape(scale, ratio, size, generator);
            let [h, w] = [area * ratio, area / ratio].map(side);
            if h < size.height && w < size.width {
                return Some(Self::place(h, w, size, generator));
            }
        }
        None
    }

    /// Rectangles of this size are equally likely everywhere.
    fn place(height: usize, width: usize, size: ImageSize, generator: &mut Generator) -> Self {
        let top = below(size.height - height + 1, generator);
        let left = below(size.width - width + 1, generator);
        Self { top, left, height, width }
    }

    /// Resizes the area to the whole image, with Pillow's bilinear `resize` of the crop: along rows,
    /// rounded to 8 bits, then along columns.
    pub(super) fn enlarge(self, canvas: &mut Canvas) {
        let row = canvas.size.width * 3;
        let columns = places(self.width, canvas.size.width);
        let rows = places(self.height, canvas.size.height);
        canvas.redraw(|from, to| {
            let mut wide = vec![0; self.height * row];
            let lines = from.chunks_exact(row).skip(self.top);
            for (from, to) in lines.zip(wide.chunks_exact_mut(row)) {
                let (from, _) = from[self.left * 3..][..self.width * 3].as_chunks::<3>();
                let (to, _) = to.as_chunks_mut::<3>();
                for (to, place) in to.iter_mut().zip(&columns) {
                    let (a, b) = (from[place.first], from[place.second()]);
                    *to = std::array::from_fn(|c| place.mix(a[c], b[c]));
                }
            }
            for (to, &place) in to.chunks_exact_mut(row).zip(&rows) {
                let [upper, lower] = [place.first, place.second()].map(|y| &wide[y * row..][..row]);
                pulp::Arch::new().dispatch(BetweenRows { upper, lower, to, place });
            }
        });
    }

    /// Replaces the pixels of the area.
    pub(super) fn erase(self, canvas: &mut Canvas, with: ErasedWith, generator: &mut Generator) {
        let row = canvas.size.width * 3;
        let lines = canvas.pixels.chunks_exact_mut(row).skip(self.top).take(self.height);
        for line in lines {
            let pixels = &mut line[self.left * 3..][..self.width * 3];
            match with {
                ErasedWith::Black => pixels.fill(0),
                ErasedWith::Mean => pixels.as_chunks_mut::<3>().0.fill(IMAGENET_MEAN),
                ErasedWith::Noise => {
                    for values in pixels.chunks_mut(4) {
                        let bytes = generator.next_u32().to_le_bytes();
                        values.copy_from_slice(&bytes[..values.len()]);
                    }
                }
            }
        }
    }
}

/// The mean color of ImageNet's training images (Zhong et al. 2017, section 4.2).
const IMAGENET_MEAN: [u8; 3] = [125, 122, 114];

/// An area in pixels and a ratio of sides.
fn draw_shape(
    scale: FactorRange,
    ratio: FactorRange,
    size: ImageSize,
    generator: &mut Generator,
) -> (f64, f64) {
    let area = (size.height * size.width) as f64 * f64::from(draw(scale, generator));
    let [low, high] = [ratio.low, ratio.high].map(libm::log);
    (area, libm::exp(f64::from(draw(FactorRange { low, high }, generator))))
}

/// The side of a square of that area, in whole pixels.
fn side(area: f64) -> usize {
    area.sqrt().round_ties_even() as usize
}

/// Bits of a weight after the point.
const WEIGHT_BITS: u32 = 22;

/// A place between two pixels of a row or a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    first: usize,
    /// Weights of the first pixel and of the next one.
    weights: [u32; 2],
}

impl Place {
    /// The second pixel; the first one where there is none.
    fn second(self) -> usize {
        self.first + usize::from(self.weights[1] > 0)
    }

    #[inline(always)]
    fn mix(self, first: u8, second: u8) -> u8 {
        let [a, b] = self.weights;
        ((u32::from(first) * a + u32::from(second) * b + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS)
            .min(255) as u8
    }
}

/// Where `to` pixels read `from` pixels, at most as many, with the weights of Pillow's
/// `precompute_coeffs`.
fn places(from: usize, to: usize) -> Vec<Place> {
    let step = from as f64 / to as f64;
    let place = |at: usize| {
        let center = (at as f64 + 0.5) * step;
        let first = (center - 0.5).max(0.0) as usize;
        let weight = |at: usize| {
            let distance = (at as f64 - center + 0.5).abs();
            if at < from && distance < 1.0 { 1.0 - distance } else { 0.0 }
        };
        let weights = [weight(first), weight(first + 1)];
        let total = weights[0] + weights[1];
        let one = f64::from(1 << WEIGHT_BITS);
        Place { first, weights: weights.map(|weight| (weight / total * one + 0.5) as u32) }
    };
    (0..to).map(place).collect()
}

/// One row between two others.
struct BetweenRows<'a> {
    upper: &'a [u8],
    lower: &'a [u8],
    to: &'a mut [u8],
    place: Place,
}

impl pulp::NullaryFnOnce for BetweenRows<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let pairs = self.upper.iter().zip(self.lower);
        for (to, (&upper, &lower)) in self.to.iter_mut().zip(pairs) {
            *to = self.place.mix(upper, lower);
        }
    }
}

#[cfg(test)]
mod tests {
    use alpaca_random::SeedStream;

    use super::*;

    const SIZE: ImageSize = ImageSize { height: 100, width: 80 };

    fn range(low: f64, high: f64) -> FactorRange {
        FactorRange { low, high }
    }

    #[test]
    fn crops_have_areas_and_ratios_of_their_ranges_and_are_everywhere() {
        let (scale, ratio) = (range(0.08, 0.5), range(0.75, 4.0 / 3.0));
        let crops: Vec<Region> = (0..2000)
            .map(|i| Region::crop(scale, ratio, SIZE, &mut SeedStream::new(1).at(i).generator()))
            .collect();
        let share = |crop: &Region| (crop.height * crop.width) as f64 / 8000.0;
        let ratio = |crop: &Region| crop.width as f64 / crop.height as f64;
        assert!(crops.iter().all(|crop| crop.top + crop.height <= 100));
        assert!(crops.iter().all(|crop| crop.left + crop.width <= 80));
        // Sides are whole numbers, so shares and ratios may be a little outside.
        assert!(crops.iter().all(|crop| (0.075..0.51).contains(&share(crop))));
        assert!(crops.iter().all(|crop| (0.72..1.38).contains(&ratio(crop))));
        let mean = |value: &dyn Fn(&Region) -> f64| crops.iter().map(value).sum::<f64>() / 2000.0;
        assert!((mean(&share) - 0.29).abs() < 0.01, "{}", mean(&share));
        assert!(mean(&|crop| libm::log(ratio(crop))).abs() < 0.01);
        let middle = mean(&|crop| crop.top as f64 / (100 - crop.height) as f64);
        assert!((middle - 0.5).abs() < 0.03, "{middle}");
    }

    #[test]
    fn crops_that_do_not_fit_become_the_largest_in_the_middle() {
        let crop = |ratio| {
            let mut generator = SeedStream::new(1).generator();
            Region::crop(range(1.0, 1.0), ratio, SIZE, &mut generator)
        };
        let wide = Region { top: 30, left: 0, height: 40, width: 80 };
        assert_eq!(crop(range(2.0, 3.0)), wide);
        let high = Region { top: 0, left: 15, height: 100, width: 50 };
        assert_eq!(crop(range(0.3, 0.5)), high);
        let whole = Region { top: 0, left: 0, height: 100, width: 80 };
        assert_eq!(crop(range(0.8, 0.8)), whole);
    }

    #[test]
    fn erased_areas_have_the_drawn_share_and_only_they_change() {
        let (scale, ratio) = (range(0.02, 0.33), range(0.3, 3.3));
        let mut shares = 0.0;
        for i in 0..1000 {
            let mut generator = SeedStream::new(2).at(i).generator();
            let region = Region::erased(scale, ratio, SIZE, &mut generator).unwrap();
            let share = (region.height * region.width) as f64 / 8000.0;
            assert!((0.018..0.34).contains(&share), "{region:?}");
            shares += share;
            let mut canvas = Canvas::new(SIZE);
            canvas.hold(&vec![1; 24_000]);
            region.erase(&mut canvas, ErasedWith::Mean, &mut generator);
            let n_changed = canvas.pixels.iter().filter(|&&value| value != 1).count();
            assert_eq!(n_changed, region.height * region.width * 3);
        }
        assert!((shares / 1000.0 - 0.175).abs() < 0.01, "{shares}");
    }

    #[test]
    fn noise_has_all_values_equally_often() {
        let mut canvas = Canvas::new(SIZE);
        canvas.hold(&vec![0; 24_000]);
        let whole = Region { top: 0, left: 0, height: 100, width: 80 };
        whole.erase(&mut canvas, ErasedWith::Noise, &mut SeedStream::new(3).generator());
        let mean = canvas.pixels.iter().map(|&value| f64::from(value)).sum::<f64>() / 24_000.0;
        assert!((mean - 127.5).abs() < 2.0, "{mean}");
        let n_dark = canvas.pixels.iter().filter(|&&value| value < 64).count();
        assert!((5700..6300).contains(&n_dark), "{n_dark}");
    }

    #[test]
    fn an_area_that_is_too_large_erases_nothing() {
        let mut generator = SeedStream::new(1).generator();
        let none = Region::erased(range(1.0, 1.0), range(1.0, 1.0), SIZE, &mut generator);
        assert_eq!(none, None);
    }

    #[test]
    fn a_crop_of_everything_changes_nothing() {
        let mut canvas = Canvas::new(SIZE);
        let pixels: Vec<u8> = (0..24_000).map(|i| (i * 7 % 251) as u8).collect();
        canvas.hold(&pixels);
        Region { top: 0, left: 0, height: 100, width: 80 }.enlarge(&mut canvas);
        assert!(canvas.pixels == pixels);
    }
}
