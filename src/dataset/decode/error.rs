//! Why a file is not a readable image.

use super::kind::{self, Unread};
use super::{MOST_PIXELS, SMALLEST_SIDE};

/// Why a file is not a readable image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is none of the known formats.
    #[error("not a JPEG, PNG, WebP, BMP, GIF or TIFF image")]
    UnknownFormat,
    /// An image of a format that is not read.
    #[error("{}, which cannot be read: {}", .0.what, .0.advice)]
    Unread(Unread),
    /// Something that is known, and is not an image.
    #[error("{0}, not an image")]
    Other(&'static str),
    /// What has this name is not a file.
    #[error("{0}, not a file")]
    NotAFile(&'static str),
    /// The file is too long to be read into memory.
    #[error("the file is larger than 1 GiB, the limit for images")]
    TooLong,
    /// The file ends before the image does.
    #[error("the file ends early")]
    Truncated,
    /// Too small to show anything.
    #[error("{width}×{height} pixels; the smallest side allowed is {SMALLEST_SIDE}")]
    TooSmall {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// More pixels than are decoded.
    #[error("{width}×{height} pixels; at most {} megapixels are read", MOST_PIXELS / 1_000_000)]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// It would take too much memory.
    #[error("{width}×{height} pixels of {n_bits} bits need more memory than the limit for images")]
    TooHeavy {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Bits a pixel.
        n_bits: u64,
    },
    /// The content contradicts its format.
    #[error("a damaged {format} file: {reason}")]
    Damaged {
        /// The format.
        format: &'static str,
        /// What the decoder found.
        reason: String,
    },
    /// A kind of the format that is not read.
    #[error("a {format} image of an unsupported kind ({what}): save it as PNG")]
    Unsupported {
        /// The format.
        format: &'static str,
        /// What is special about it.
        what: String,
    },
    /// The decoder gave up in disorder.
    #[error("a {format} image that the decoder cannot handle: save it as PNG")]
    Panicked {
        /// The format.
        format: &'static str,
    },
    /// The file could not be read at all.
    #[error("{reason}")]
    Unreadable {
        /// Why not.
        reason: String,
    },
}

impl DecodeError {
    /// Whether a file of this name is passed over rather than bad: it neither is an image nor
    /// claims to be one.
    pub fn is_no_image(&self, name: &str) -> bool {
        if kind::is_system_file(name) {
            return true;
        }
        match self {
            Self::UnknownFormat | Self::Other(_) => !kind::has_image_name(name),
            // Without an ending it may be an image that was lost.
            Self::Empty => !kind::has_image_name(name) && kind::has_ending(name),
            _ => false,
        }
    }

    /// What the file is, in a few words that can be counted: "HEIC image".
    pub fn what(&self) -> &'static str {
        let named = match self {
            Self::Unread(unread) => unread.what,
            Self::Other(what) => what,
            Self::Empty => "an empty file",
            Self::UnknownFormat => "an unknown file",
            Self::NotAFile(what) => what,
            Self::Damaged { .. } | Self::Truncated => "a damaged image",
            _ => "an unreadable image",
        };
        let named = named.split(" (").next().unwrap_or(named);
        named.strip_prefix("an ").or(named.strip_prefix("a ")).unwrap_or(named)
    }
}
