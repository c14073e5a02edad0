//! Channels of lower resolution, enlarged as libjpeg does by default (`jdsample.c`).

use super::Fault;

/// How a channel is enlarged to the size of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enlarge {
    /// The channel has the size of the image.
    No,
    /// Twice as wide: a quarter of the neighbor is mixed in.
    Across,
    /// Twice as high, likewise.
    Down,
    /// Both.
    Both,
    /// Each sample is repeated.
    Repeat { across: usize, down: usize },
}

impl Enlarge {
    /// For a channel of the sampling factors `own` among others with at most `most`, `width`
    /// samples wide.
    pub(super) fn new(
        own: (usize, usize),
        most: (usize, usize),
        width: usize,
    ) -> Result<Self, Fault> {
        let (across, down) = (most.0 / own.0, most.1 / own.1);
        if across * own.0 != most.0 || down * own.1 != most.1 {
            return Err(Fault::Unsupported("channel sizes that are not multiples of each other"));
        }
        Ok(match (across, down) {
            (1, 1) => Self::No,
            (2, 1) if width > 2 => Self::Across,
            (2, 2) if width > 2 => Self::Both,
            (1, 2) => Self::Down,
            (across, down) => Self::Repeat { across, down },
        })
    }
}

/// The samples of a channel.
pub(super) struct Plane<'a> {
    pub(super) samples: &'a [u8],
    pub(super) stride: usize,
    /// Number of columns and rows that belong to the image.
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane<'_> {
    fn row(&self, row: usize) -> &[u8] {
        &self.samples[row * self.stride..][..self.stride]
    }

    /// The row of the image at height `y`. It is computed in `buffer` if it is not stored.
    pub(super) fn enlarged<'a>(
        &'a self,
        how: Enlarge,
        y: usize,
        buffer: &'a mut Buffer,
    ) -> &'a [u8] {
        match how {
            Enlarge::No => return self.row(y),
            Enlarge::Across => across(&self.row(y)[..self.width], &mut buffer.row),
            Enlarge::Down => {
                let (near, far) = self.two_rows(y);
                // Halves are rounded down and up alternately.
                let bias = if y.is_multiple_of(2) { 1 } else { 2 };
                for ((value, near), far) in buffer.row.iter_mut().zip(near).zip(far) {
                    *value = ((3 * u16::from(*near) + u16::from(*far) + bias) >> 2) as u8;
                }
            }
            Enlarge::Both => {
                let (near, far) = self.two_rows(y);
                for ((sum, near), far) in buffer.sums.iter_mut().zip(near).zip(far) {
                    *sum = 3 * u16::from(*near) + u16::from(*far);
                }
                both(&buffer.sums[..self.width], &mut buffer.row);
            }
            Enlarge::Repeat { across, down } => {
                let row = self.row(y / down);
                for (values, sample) in buffer.row.chunks_mut(across).zip(row) {
                    values.fill(*sample);
                }
            }
        }
        &buffer.row
    }

    /// For a channel of half the height: the row that contains `y` and the one next to it.
    fn two_rows(&self, y: usize) -> (&[u8], &[u8]) {
        let near = y / 2;
        let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
        (&self.row(near)[..self.width], &self.row(far.min(self.height - 1))[..self.width])
    }
}

/// Memory for a computed row.
pub(super) struct Buffer {
    row: Vec<u8>,
    sums: Vec<u16>,
}

impl Buffer {
    pub(super) fn new(width: usize) -> Self {
        Self { row: vec![0; width.next_multiple_of(4) + 2], sums: vec![0; width / 2 + 2] }
    }
}

fn across(samples: &[u8], row: &mut [u8]) {
    let n = samples.len();
    let wide = |i: usize| u16::from(samples[i]);
    row[0] = samples[0];
    row[1] = ((3 * wide(0) + wide(1) + 2) >> 2) as u8;
    let pairs = row[2..2 * n - 2].as_chunks_mut::<2>().0;
    let (left, right) = (&samples[..n - 2], &samples[2..]);
    for (((pair, mid), left), right) in
        pairs.iter_mut().zip(&samples[1..n - 1]).zip(left).zip(right)
    {
        let mid = 3 * u16::from(*mid);
        *pair =
            [((mid + u16::from(*left) + 1) >> 2) as u8, ((mid + u16::from(*right) + 2) >> 2) as u8];
    }
    row[2 * n - 2] = ((3 * wide(n - 1) + wide(n - 2) + 1) >> 2) as u8;
    row[2 * n - 1] = samples[n - 1];
}

/// `sums` are four times the samples.
fn both(sums: &[u16], row: &mut [u8]) {
    let n = sums.len();
    row[0] = ((4 * sums[0] + 8) >> 4) as u8;
    row[1] = ((3 * sums[0] + sums[1] + 7) >> 4) as u8;
    let pairs = row[2..2 * n - 2].as_chunks_mut::<2>().0;
    let (left, right) = (&sums[..n - 2], &sums[2..]);
    for (((pair, mid), left), right) in pairs.iter_mut().zip(&sums[1..n - 1]).zip(left).zip(right) {
        *pair = [((3 * mid + left + 8) >> 4) as u8, ((3 * mid + right + 7) >> 4) as u8];
    }
    row[2 * n - 2] = ((3 * sums[n - 1] + sums[n - 2] + 8) >> 4) as u8;
    row[2 * n - 1] = ((4 * sums[n - 1] + 7) >> 4) as u8;
}
