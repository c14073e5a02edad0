//! Why a file is not a readable image.

use super::kind::{self, Unread};
use super::{MOST_PIXELS, SMALLEST_SIDE};

/// Why a file is not a readable image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is not in a known format.
    #[error("not a JPEG, JPEG XL, PNG, WebP, BMP, GIF or TIFF image")]
    UnknownFormat,
    /// An image in a format that is not supported.
    #[error("{}, which cannot be read: {}", .0.what, .0.advice)]
    Unread(Unread),
    /// A known kind of file that is not an image.
    #[error("{0}, not an image")]
    Other(&'static str),
    /// The path is not a file.
    #[error("{0}, not a file")]
    NotAFile(&'static str),
    /// The file is too long to be read into memory.
    #[error("the file is larger than 1 GiB, the limit for images")]
    TooLong,
    /// The file ends before the image does.
    #[error("the file ends early")]
    Truncated,
    /// The image is too small to show anything.
    #[error("{width}×{height} pixels; the smallest side allowed is {SMALLEST_SIDE}")]
    TooSmall {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The image has too many pixels.
    #[error("{width}×{height} pixels; at most {} megapixels are read", MOST_PIXELS / 1_000_000)]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The image would take too much memory.
    #[error("{width}×{height} pixels of {n_bits} bits need more memory than the limit for images")]
    TooHeavy {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bits per pixel.
        n_bits: u64,
    },
    /// The content contradicts its format.
    #[error("a damaged {format} file: {reason}")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// Reason given by the decoder.
        reason: String,
    },
    /// The format is supported, but not this kind of it.
    #[error("a {format} image of an unsupported kind ({what}): save it as PNG")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// Feature that is not supported.
        what: String,
    },
    /// The decoder panicked.
    #[error("a {format} image that the decoder cannot handle: save it as PNG")]
    Panicked {
        /// Name of the format.
        format: &'static str,
    },
    /// The file could not be read at all.
    #[error("{reason}")]
    Unreadable {
        /// Error of the operating system.
        reason: String,
    },
}

impl DecodeError {
    /// Whether a file of this name is skipped and not reported as unreadable, because it is not an
    /// image by name or content.
    pub fn is_no_image(&self, name: &str) -> bool {
        if kind::is_system_file(name) {
            return true;
        }
        match self {
            Self::UnknownFormat | Self::Other(_) => !kind::has_image_name(name),
            // Without an extension it may be an image whose name was lost.
            Self::Empty => !kind::has_image_name(name) && kind::has_ending(name),
            _ => false,
        }
    }

    /// A short name for the kind of file that can be counted, such as "HEIC image".
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
