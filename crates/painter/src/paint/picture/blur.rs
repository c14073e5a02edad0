//! Blurs what has been drawn so far, as a lens does with what is far behind the subject.

use crate::paint::drawing::canvas::{Canvas, OVERSAMPLING};

/// Blurs the canvas by about `radius` units of the drawing.
pub(crate) fn apply(canvas: &mut Canvas, radius: f32) {
    let reach = (radius * canvas.fineness() * OVERSAMPLING as f32).round() as usize;
    if reach == 0 {
        return;
    }
    let pixmap = canvas.pixmap();
    let (width, height) = (pixmap.width() as usize, pixmap.height() as usize);
    let bytes = pixmap.data_mut();
    for _ in 0..2 {
        for row in 0..height {
            smear(bytes, &Line { start: row * width * 4, step: 4, length: width }, reach);
        }
        for column in 0..width {
            smear(bytes, &Line { start: column * 4, step: width * 4, length: height }, reach);
        }
    }
}

/// A row or a column of pixels.
struct Line {
    start: usize,
    /// Bytes from one pixel to the next.
    step: usize,
    length: usize,
}

/// Replaces each pixel of `line` by the mean of those up to `reach` away.
fn smear(bytes: &mut [u8], line: &Line, reach: usize) {
    let window = 2 * reach as u32 + 1;
    for channel in 0..3 {
        let place = |index: usize| line.start + index * line.step + channel;
        let sharp: Vec<u32> =
            (0..line.length).map(|index| u32::from(bytes[place(index)])).collect();
        let value = |index: usize| sharp[index.min(line.length - 1)];
        let mut sum = value(0) * (reach as u32 + 1) + (1..=reach).map(value).sum::<u32>();
        for index in 0..line.length {
            bytes[place(index)] = (sum / window) as u8;
            sum += value(index + reach + 1);
            sum -= value(index.saturating_sub(reach));
        }
    }
}
