//! The tags of a TIFF file (TIFF 6.0, section 2).

/// Tags that decide pixels.
pub(super) mod tag {
    pub(crate) const KIND: u16 = 254;
    pub(crate) const WIDTH: u16 = 256;
    pub(crate) const HEIGHT: u16 = 257;
    pub(crate) const BITS: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const COLOURS: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const SAMPLES: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTES: u16 = 279;
    pub(crate) const PLANAR: u16 = 284;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const PALETTE: u16 = 320;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_HEIGHT: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTES: u16 = 325;
    pub(crate) const SUB_DIRECTORIES: u16 = 330;
    pub(crate) const INKS: u16 = 332;
    pub(crate) const EXTRA_SAMPLES: u16 = 338;
    pub(crate) const FORMAT: u16 = 339;
    pub(crate) const JPEG_TABLES: u16 = 347;
    pub(crate) const DNG_VERSION: u16 = 50706;
}

/// A directory of a file.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    pub(super) is_little: bool,
    /// Position of each entry, by its tag.
    entries: Vec<(u16, usize)>,
    start: usize,
}

impl<'a> Directory<'a> {
    /// The first directory; `None` if it ends early.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let is_little = bytes.first()? == &b'I';
        let head = Self { bytes, is_little, entries: vec![], start: 0 };
        Self::read_at(bytes, head.long(4)? as usize)
    }

    /// The directory at a position; `None` if it ends early.
    pub(super) fn read_at(bytes: &'a [u8], start: usize) -> Option<Self> {
        let is_little = bytes.first()? == &b'I';
        let mut directory = Self { bytes, is_little, entries: vec![], start };
        for entry in 0..usize::from(directory.short(start)?) {
            let at = start + 2 + 12 * entry;
            bytes.get(at..at + 12)?;
            directory.entries.push((directory.short(at)?, at));
        }
        Some(directory)
    }

    /// Its position.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The position of the next directory.
    pub(super) fn next(&self) -> Option<usize> {
        let next = self.long(self.start + 2 + 12 * self.entries.len())?;
        (next != 0).then_some(next as usize)
    }

    pub(super) fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entries.iter().any(|(of, _)| *of == tag)
    }

    /// The bytes of a tag's values, and how many bytes one has.
    fn content(&self, tag: u16) -> Option<(&'a [u8], usize)> {
        let (_, at) = self.entries.iter().find(|(of, _)| *of == tag)?;
        let size = match self.short(at + 2)? {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            _ => return None,
        };
        let n = size * self.long(at + 4)? as usize;
        let from = if n <= 4 { at + 8 } else { self.long(at + 8)? as usize };
        Some((self.bytes.get(from..from.checked_add(n)?)?, size))
    }

    /// The bytes of a tag as they are.
    pub(super) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.content(tag).map(|(bytes, _)| bytes)
    }

    /// The values of a tag without signs.
    pub(super) fn values(&self, tag: u16) -> Option<Vec<usize>> {
        let (bytes, size) = self.content(tag)?;
        let values = bytes.chunks_exact(size).map(|bytes| {
            let append = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
            if self.is_little {
                bytes.iter().rev().fold(0, append)
            } else {
                bytes.iter().fold(0, append)
            }
        });
        Some(values.collect())
    }

    /// The first value of a tag, or the default if it is missing.
    pub(super) fn value_or(&self, tag: u16, default: usize) -> usize {
        self.values(tag).and_then(|values| values.first().copied()).unwrap_or(default)
    }
}
