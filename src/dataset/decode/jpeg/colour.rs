//! Converts the channels of a JPEG to red, green and blue, by the rules of libjpeg. The file does
//! not state the color space, so it is inferred from markers and channel numbers.

/// Information about colors from markers.
#[derive(Clone, Copy, Default)]
pub(super) struct Hints {
    /// Whether there is a JFIF marker.
    pub(super) is_jfif: bool,
    /// Transform of an Adobe marker, if there is one.
    pub(super) adobe: Option<u8>,
}

impl Hints {
    pub(super) fn read_app_0(&mut self, content: &[u8]) {
        self.is_jfif |= content.len() >= 14 && content.starts_with(b"JFIF\0");
    }

    pub(super) fn read_app_14(&mut self, content: &[u8]) {
        if content.len() >= 12 && content.starts_with(b"Adobe") {
            self.adobe = Some(content[11]);
        }
    }
}

/// The color space of the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    Grey,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

impl Colours {
    /// libjpeg's `default_decompress_parms`.
    pub(super) fn of(ids: &[u8], hints: Hints) -> Self {
        match (ids.len(), hints) {
            (1, _) => Self::Grey,
            (4, Hints { adobe: None | Some(0), .. }) => Self::Cmyk,
            (4, _) => Self::Ycck,
            (_, Hints { is_jfif: false, adobe: Some(0) }) => Self::Rgb,
            (_, Hints { is_jfif: false, adobe: None }) if ids == b"RGB" => Self::Rgb,
            _ => Self::YCbCr,
        }
    }

    pub(super) fn n_channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk | Self::Ycck => 4,
        }
    }

    /// Writes a row of pixels from rows of channels that are as long.
    pub(super) fn convert(self, rows: &[&[u8]], pixels: &mut [u8]) {
        match (self, rows) {
            (Self::Grey, [grey, ..]) => {
                for (pixel, grey) in pixels.as_chunks_mut().0.iter_mut().zip(*grey) {
                    *pixel = [*grey; 3];
                }
            }
            (Self::Rgb, [red, green, blue, ..]) => {
                let values = red.iter().zip(*green).zip(*blue);
                for (pixel, ((red, green), blue)) in pixels.as_chunks_mut().0.iter_mut().zip(values)
                {
                    *pixel = [*red, *green, *blue];
                }
            }
            (Self::YCbCr, [y, cb, cr, ..]) => from_ycbcr(y, cb, cr, pixels),
            (Self::Cmyk, [cyan, magenta, yellow, black, ..]) => {
                let values = cyan.iter().zip(*magenta).zip(*yellow).zip(*black);
                for (pixel, (((c, m), y), k)) in pixels.as_chunks_mut().0.iter_mut().zip(values) {
                    *pixel = [*c, *m, *y].map(|ink| light_through(ink, *k));
                }
            }
            (Self::Ycck, [y, cb, cr, black, ..]) => {
                from_ycbcr(y, cb, cr, pixels);
                for (pixel, black) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(*black) {
                    // The result is the complement of cyan, magenta and yellow.
                    *pixel = pixel.map(|light| light_through(255 - light, *black));
                }
            }
            _ => {}
        }
    }
}

/// The light that passes an ink and black, both given as transmittance, with the rounding of
/// Pillow.
pub(crate) fn light_through(ink: u8, black: u8) -> u8 {
    let product = (255 - u32::from(ink)) * u32::from(black) + 128;
    let covered = ((product >> 8) + product) >> 8;
    u32::from(black).saturating_sub(covered) as u8
}

/// How many pixels are converted before they are written: their values stay in registers.
const RUN: usize = 32;

/// ITU-R BT.601 in full range, in the fixed-point numbers of libjpeg (`jdcolor.c`).
fn from_ycbcr(y: &[u8], cb: &[u8], cr: &[u8], pixels: &mut [u8]) {
    // Compiled for each set of instructions; integers come out the same.
    pulp::Arch::new().dispatch(FromYcbcr { y, cb, cr, pixels });
}

struct FromYcbcr<'a> {
    y: &'a [u8],
    cb: &'a [u8],
    cr: &'a [u8],
    pixels: &'a mut [u8],
}

impl pulp::NullaryFnOnce for FromYcbcr<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        row_from_ycbcr(self.y, self.cb, self.cr, self.pixels);
    }
}

#[inline(always)]
fn row_from_ycbcr(y: &[u8], cb: &[u8], cr: &[u8], pixels: &mut [u8]) {
    let (y_runs, y_rest) = y.as_chunks::<RUN>();
    let (cb_runs, cb_rest) = cb.as_chunks::<RUN>();
    let (cr_runs, cr_rest) = cr.as_chunks::<RUN>();
    let (runs, rest) = pixels.as_chunks_mut::<{ 3 * RUN }>();
    for (((y, cb), cr), pixels) in y_runs.iter().zip(cb_runs).zip(cr_runs).zip(runs) {
        run_from_ycbcr(y, cb, cr, pixels);
    }
    let n = y_rest.len();
    let fill = |values: &[u8]| {
        let mut run = [0; RUN];
        run[..n].copy_from_slice(&values[..n]);
        run
    };
    let mut last = [0; 3 * RUN];
    run_from_ycbcr(&fill(y_rest), &fill(cb_rest), &fill(cr_rest), &mut last);
    rest.copy_from_slice(&last[..rest.len()]);
}

/// The upper 16 bits of a product.
#[inline(always)]
fn high(value: i16, factor: i32) -> i16 {
    ((i32::from(value) * factor) >> 16) as i16
}

#[inline(always)]
fn run_from_ycbcr(y: &[u8; RUN], cb: &[u8; RUN], cr: &[u8; RUN], pixels: &mut [u8; 3 * RUN]) {
    let (mut red, mut green, mut blue) = ([0u8; RUN], [0u8; RUN], [0u8; RUN]);
    for i in 0..RUN {
        // 16 bits suffice: 1.402 = 1 + 0.402 and 1.772 = 2 - 0.228, with the rounding of
        // `(x * FIX(1.402) + HALF) >> 16`.
        let light = i16::from(y[i]);
        let (b, r) = (i16::from(cb[i]) - 128, i16::from(cr[i]) - 128);
        let to_red = r + ((high(2 * r, 26345) + 1) >> 1);
        let to_blue = 2 * b + ((high(2 * b, -14942) + 1) >> 1);
        let to_green = (i32::from(b) * -22554 - i32::from(r) * 46802 + 32768) >> 16;
        red[i] = (light + to_red).clamp(0, 255) as u8;
        green[i] = (light + to_green as i16).clamp(0, 255) as u8;
        blue[i] = (light + to_blue).clamp(0, 255) as u8;
    }
    for (i, pixel) in pixels.as_chunks_mut().0.iter_mut().enumerate() {
        *pixel = [red[i], green[i], blue[i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `jdcolor.c` as it is written there.
    fn wanted(y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let (y, b, r) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        let half = 1 << 15;
        let red = y + ((91881 * r + half) >> 16);
        let green = y + ((-22554 * b - 46802 * r + half) >> 16);
        let blue = y + ((116_130 * b + half) >> 16);
        [red, green, blue].map(|value| value.clamp(0, 255) as u8)
    }

    #[test]
    fn all_colours_are_those_of_libjpeg() {
        for cb in 0..=255 {
            for cr in 0..=255 {
                for y in [0, 77, 128, 255] {
                    let mut pixel = [0; 3];
                    Colours::YCbCr.convert(&[&[y], &[cb], &[cr]], &mut pixel);
                    assert_eq!(pixel, wanted(y, cb, cr), "of {y}, {cb}, {cr}");
                }
            }
        }
    }
}
