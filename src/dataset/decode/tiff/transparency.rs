//! The transparency of a TIFF file (TIFF 6.0, section 18).

use super::super::{DecodeError, alpha};
use super::directory::{Directory, tag};
use super::{Meaning, unsupported};

/// The alpha of a pixel, and what is behind the image.
#[derive(Clone, Copy)]
pub(super) struct Transparency {
    /// Which of the samples of a pixel is alpha.
    pub(super) sample: usize,
    /// Whether colors are stored multiplied by it (`associated`).
    is_multiplied: bool,
    /// The value of red, green and blue behind the image.
    background: u8,
}

impl Transparency {
    /// A color with its alpha over the background.
    pub(super) fn blend(self, color: [u8; 3], alpha: u8) -> [u8; 3] {
        if self.is_multiplied {
            alpha::multiplied_over(color, alpha, self.background)
        } else {
            alpha::over(color, alpha, self.background)
        }
    }
}

/// Where alpha is, if the image has it. As in Pillow, the fourth sample of red, green and blue is
/// alpha if the file says nothing about it, and a sample that is said to be of no kind is not.
pub(super) fn of(
    directory: &Directory<'_>,
    meaning: &Meaning,
    n_samples: usize,
    background: u8,
) -> Result<Option<Transparency>, DecodeError> {
    const ASSOCIATED: usize = 1;
    const UNASSOCIATED: usize = 2;
    let n_colors = meaning.n_samples();
    let Some(kinds) = directory.values(tag::EXTRA_SAMPLES) else {
        let is_alpha = *meaning == Meaning::Rgb && n_samples == 4;
        let alpha = Transparency { sample: n_colors, is_multiplied: false, background };
        return Ok(is_alpha.then_some(alpha));
    };
    let kinds = kinds.into_iter().take(n_samples - n_colors);
    let alpha = kinds.enumerate().find(|(_, kind)| matches!(*kind, ASSOCIATED | UNASSOCIATED));
    let Some((position, kind)) = alpha else { return Ok(None) };
    let is_multiplied = match meaning {
        // Numbers of colors cannot be multiplied.
        Meaning::Palette(_) => false,
        Meaning::Rgb | Meaning::Grey { is_inverted: false } => kind == ASSOCIATED,
        _ if kind != ASSOCIATED => false,
        Meaning::Grey { .. } => return Err(unsupported("inverted gray multiplied by alpha")),
        _ => return Err(unsupported("CMYK colors multiplied by alpha")),
    };
    Ok(Some(Transparency { sample: n_colors + position, is_multiplied, background }))
}
