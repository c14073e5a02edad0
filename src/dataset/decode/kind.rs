//! Identifies files by their first bytes, or by their name if the bytes do not suffice.

use image::ImageFormat;

/// Number of bytes that are examined.
pub const N_TELLING: u64 = 1024;

/// Formats that are supported, except JPEG XL, which the library `image` does not know.
pub(super) const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::Tiff,
];

/// A format that is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One of those that the library `image` knows.
    Common(ImageFormat),
    /// JPEG XL.
    JpegXl,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An image in a supported format.
    Read(Format),
    /// An image in another format.
    Unread(Unread),
    /// Something else, with its article.
    Other(&'static str),
    Unknown,
}

/// An image format that is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// With its article: "a HEIC image".
    pub what: &'static str,
    /// Hint on how to convert it.
    pub advice: &'static str,
}

const MAGICK: &str = "convert it to PNG or JPEG, for example with `magick`";

const HEIC: Unread = Unread {
    what: "a HEIC image",
    advice: "convert it to JPEG, for example with `heif-convert` or `sips -s format jpeg`",
};
const AVIF: Unread = Unread {
    what: "an AVIF image",
    advice: "convert it to PNG or JPEG, for example with `avifdec`",
};
const JPEG_2000: Unread = Unread {
    what: "a JPEG 2000 image",
    advice: "convert it to PNG, for example with `opj_decompress`",
};
const PSD: Unread = Unread { what: "a Photoshop file", advice: MAGICK };
const BIG_TIFF: Unread = Unread { what: "a BigTIFF image", advice: MAGICK };
pub(super) const RAW: Unread = raw("a camera raw image");
pub(super) const DNG: Unread = raw("a camera raw image (DNG)");
const CR2: Unread = raw("a camera raw image (Canon CR2)");
const CR3: Unread = raw("a camera raw image (Canon CR3)");
const CRW: Unread = raw("a camera raw image (Canon CRW)");
const ORF: Unread = raw("a camera raw image (Olympus ORF)");
const RW2: Unread = raw("a camera raw image (Panasonic RW2)");
const RAF: Unread = raw("a camera raw image (Fujifilm RAF)");
const X3F: Unread = raw("a camera raw image (Sigma X3F)");
const MRW: Unread = raw("a camera raw image (Minolta MRW)");
const IIQ: Unread = raw("a camera raw image (Phase One IIQ)");
const JPEG_XR: Unread =
    Unread { what: "a JPEG XR image", advice: "convert it to TIFF, for example with `JxrDecApp`" };
const XCF: Unread = Unread { what: "a GIMP file", advice: MAGICK };
const FITS: Unread = Unread { what: "a FITS image", advice: MAGICK };
const SVG: Unread =
    Unread { what: "an SVG drawing", advice: "render it to PNG, for example with `rsvg-convert`" };
const ICO: Unread = Unread { what: "an icon (ICO)", advice: MAGICK };
const DDS: Unread = Unread { what: "a DDS image", advice: MAGICK };
const PNM: Unread = Unread { what: "a PNM image", advice: MAGICK };
const TGA: Unread = Unread { what: "a TGA image", advice: MAGICK };
const EXR: Unread = Unread { what: "an OpenEXR image", advice: MAGICK };
const HDR: Unread = Unread { what: "a Radiance HDR image", advice: MAGICK };
const QOI: Unread = Unread { what: "a QOI image", advice: MAGICK };
const DICOM: Unread =
    Unread { what: "a DICOM image", advice: "convert it to PNG, for example with `dcm2pnm +on`" };

/// A camera raw image with this name.
const fn raw(what: &'static str) -> Unread {
    Unread {
        what,
        advice: "develop it to JPEG or TIFF, for example with `darktable-cli` or `dcraw -T`",
    }
}

/// Raw formats that begin like a TIFF file. Pixels may follow the head of a TIFF file, so the marks
/// must be long enough for them not to occur by chance: flat gray would be `IIII` too.
fn raw_like_tiff(start: &[u8]) -> Option<Unread> {
    let has = |at: usize, mark: &[u8]| start.get(at..).is_some_and(|s| s.starts_with(mark));
    if has(0, b"II\x2a\0\x10\0\0\0CR\x02") {
        return Some(CR2);
    }
    let is_little = has(0, b"II\x2a\0") && has(8, b"IIII") && has(13, b"waR");
    let is_big = has(0, b"MM\0\x2a") && has(8, b"MMMMRaw");
    (is_little || is_big).then_some(IIQ)
}

/// The beginning of a JPEG XL file: with boxes, and bare.
const JPEG_XL: [&[u8]; 2] = [b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"];

/// Formats by the bytes at an offset.
const UNREAD: [(usize, &[u8], Unread); 29] = [
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    (0, b"\xff\x4f\xff\x51", JPEG_2000),
    (0, b"8BPS", PSD),
    (0, b"II\x2b\0", BIG_TIFF),
    (0, b"MM\0\x2b", BIG_TIFF),
    (0, b"II\xbc", JPEG_XR),
    (0, b"IIRO", ORF),
    (0, b"IIRS", ORF),
    (0, b"MMOR", ORF),
    (0, b"IIU\0", RW2),
    (0, b"FUJIFILMCCD-RAW", RAF),
    (0, b"FOVb", X3F),
    (0, b"\0MRM", MRW),
    (0, b"\0\0\x01\0", ICO),
    (6, b"HEAPCCDR", CRW),
    (0, b"DDS ", DDS),
    (0, b"P1\n", PNM),
    (0, b"P2\n", PNM),
    (0, b"P3\n", PNM),
    (0, b"P4\n", PNM),
    (0, b"P5\n", PNM),
    (0, b"P6\n", PNM),
    (0, b"P7\n", PNM),
    (0, b"\x76\x2f\x31\x01", EXR),
    (0, b"#?RADIANCE", HDR),
    (0, b"qoif", QOI),
    (0, b"gimp xcf ", XCF),
    (0, b"SIMPLE  =", FITS),
    (128, b"DICM", DICOM),
];

/// Other things that are found among images, or under their names.
const OTHER: [(usize, &[u8], &str); 22] = [
    (0, b"version https://git-lfs", "a Git LFS pointer (`git lfs pull` fetches the file)"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"BZh", "a bzip2 archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"\0\0\x01\xba", "an MPEG video"),
    (0, b"\0\0\x01\xb3", "an MPEG video"),
    (8, b"AVI ", "an AVI video"),
    (4, b"moov", "a QuickTime video"),
    (4, b"mdat", "a QuickTime video"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"\x7fELF", "a program"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Microsoft Office document or thumbnail store"),
];

impl Kind {
    /// The kind of a file with this name that starts with these bytes.
    pub(super) fn of(start: &[u8], name: &str) -> Self {
        match Self::by_content(start) {
            Self::Read(Format::Common(ImageFormat::Tiff))
                if RAW_ENDINGS.contains(&&ending(name)[..]) =>
            {
                Self::Unread(RAW)
            }
            // Neither has a signature, and a TGA file may look like anything.
            Self::Unknown | Self::Other("a text file") => match &ending(name)[..] {
                "tga" => Self::Unread(TGA),
                "svg" | "svgz" => Self::Unread(SVG),
                ending if RAW_ENDINGS.contains(&ending) => Self::Unread(RAW),
                _ => Self::by_content(start),
            },
            kind => kind,
        }
    }

    fn by_content(start: &[u8]) -> Self {
        let has = |at: &usize, mark: &[u8]| start.get(*at..).is_some_and(|s| s.starts_with(mark));
        if let Some(raw) = raw_like_tiff(start) {
            return Self::Unread(raw);
        }
        if let Some(format) = image::guess_format(start).ok().filter(|f| FORMATS.contains(f)) {
            return Self::Read(Format::Common(format));
        }
        if JPEG_XL.iter().any(|mark| has(&0, mark)) {
            return Self::Read(Format::JpegXl);
        }
        if let Some((.., unread)) = UNREAD.iter().find(|(at, mark, _)| has(at, mark)) {
            return Self::Unread(*unread);
        }
        if let Some((.., what)) = OTHER.iter().find(|(at, mark, _)| has(at, mark)) {
            return Self::Other(what);
        }
        if has(&4, b"ftyp") { of_brands(start) } else { of_text(start) }
    }
}

/// The kind of a file in the box format of MPEG-4, by its brands.
fn of_brands(start: &[u8]) -> Kind {
    let length = start.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let end = length.clamp(12, start.len().max(12)).min(start.len());
    let main = start.get(8..12).unwrap_or_default();
    let mut brands = vec![main];
    brands.extend(start.get(16..end).unwrap_or_default().chunks_exact(4));
    let has = |names: &[&[u8]]| brands.iter().any(|brand| names.contains(brand));
    match main {
        b"crx " => Kind::Unread(CR3),
        _ if has(&[b"avif", b"avis"]) => Kind::Unread(AVIF),
        b"jp2 " | b"jpx " => Kind::Unread(JPEG_2000),
        _ if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"]) => Kind::Unread(HEIC),
        b"mif1" | b"msf1" | b"mif2" => Kind::Unread(HEIC),
        _ => Kind::Other("an MP4 or QuickTime video"),
    }
}

/// The kind of a file that may be text.
fn of_text(start: &[u8]) -> Kind {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // The start may end within a multi-byte character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Kind::Unknown,
    };
    let is_binary =
        text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'));
    if text.is_empty() || is_binary {
        return Kind::Unknown;
    }
    let lower = text.trim_start_matches('\u{feff}').trim_start().to_lowercase();
    if lower.starts_with("<!doctype html")
        || lower.starts_with("<html")
        || lower.starts_with("<head")
    {
        Kind::Other("an HTML page")
    } else if lower.starts_with("<svg") || lower.starts_with('<') && lower.contains("<svg") {
        Kind::Unread(SVG)
    } else if lower.starts_with("<?xml") {
        Kind::Other("an XML file")
    } else {
        Kind::Other("a text file")
    }
}

/// Extensions of camera raw images. Many have the content of a TIFF file.
const RAW_ENDINGS: [&str; 26] = [
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "fff", "gpr", "iiq", "kdc", "mef",
    "mos", "mrw", "nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
];

/// Extensions of other image formats that are not supported.
const UNREAD_ENDINGS: [&str; 33] = [
    "avif", "avifs", "cur", "dcm", "dds", "exr", "fits", "hdr", "heic", "heics", "heif", "hif",
    "ico", "j2c", "j2k", "jp2", "jpc", "jpf", "jph", "jpm", "jpx", "jxr", "pam", "pbm", "pgm",
    "pnm", "ppm", "psb", "psd", "qoi", "tga", "wdp", "xcf",
];

fn ending(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default()
}

/// Whether a file name has the extension of an image, in any format.
pub fn has_image_name(name: &str) -> bool {
    let ending = &ending(name)[..];
    FORMATS.iter().any(|format| format.extensions_str().contains(&ending))
        || ["apng", "dib", "jfif", "jpe", "jxl", "mpo", "svg", "svgz"].contains(&ending)
        || RAW_ENDINGS.contains(&ending)
        || UNREAD_ENDINGS.contains(&ending)
}

/// Whether a name has an extension.
pub(super) fn has_ending(name: &str) -> bool {
    !ending(name).is_empty()
}

/// Whether a file is created by a file manager in directories that are opened with it, and is never
/// an image.
pub(super) fn is_system_file(name: &str) -> bool {
    const NAMES: [&str; 6] =
        ["thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", "icon\r", ".directory"];
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name).to_lowercase();
    NAMES.contains(&&file[..])
}

/// Whether a file that starts with these bytes is an image, in any format.
pub fn is_image(start: &[u8], name: &str) -> bool {
    matches!(Kind::of(start, name), Kind::Read(_) | Kind::Unread(_))
}

impl Format {
    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = FORMATS.into_iter().map(Self::Common).chain([Self::JpegXl]);
        all.find(|format| format.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Common(ImageFormat::Jpeg) => "JPEG",
            Self::Common(ImageFormat::Png) => "PNG",
            Self::Common(ImageFormat::WebP) => "WebP",
            Self::Common(ImageFormat::Bmp) => "BMP",
            Self::Common(ImageFormat::Gif) => "GIF",
            Self::Common(_) => "TIFF",
            Self::JpegXl => "JPEG XL",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(start: &[u8], name: &str) -> &'static str {
        match Kind::of(start, name) {
            Kind::Read(format) => format.name(),
            Kind::Unread(unread) => unread.what,
            Kind::Other(what) => what,
            Kind::Unknown => "unknown",
        }
    }

    #[test]
    fn formats_that_other_programs_read_are_known_by_content() {
        let cases: [(&[u8], &str); 27] = [
            (b"\0\0\0\x24ftypheic\0\0\0\0mif1heic", "a HEIC image"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC image"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "an AVIF image"),
            (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "an AVIF image"),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "a camera raw image (Canon CR3)"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "an MP4 or QuickTime video"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
            (b"\xff\x0a\xfa\x3f", "JPEG XL"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
            (b"\xff\x4f\xff\x51\0\x2f", "a JPEG 2000 image"),
            (b"8BPS\0\x01", "a Photoshop file"),
            (b"II\x2a\0\x10\0\0\0CR\x02\0", "a camera raw image (Canon CR2)"),
            (b"II\x2a\0\x08\0\0\0IIII\x01waR", "a camera raw image (Phase One IIQ)"),
            (b"II\x1a\0\0\0HEAPCCDR", "a camera raw image (Canon CRW)"),
            (b"IIRO\x08\0\0\0", "a camera raw image (Olympus ORF)"),
            (b"IIU\0\x18\0\0\0", "a camera raw image (Panasonic RW2)"),
            (b"FUJIFILMCCD-RAW 0201", "a camera raw image (Fujifilm RAF)"),
            (b"FOVb\0\0\x03\0", "a camera raw image (Sigma X3F)"),
            (b"\0MRM\0\x01", "a camera raw image (Minolta MRW)"),
            (b"II\xbc\x01\x20\0\0\0", "a JPEG XR image"),
            (b"gimp xcf v011\0", "a GIMP file"),
            (b"P7\nWIDTH 3\n", "a PNM image"),
            (b"P6\n3 3\n255\n", "a PNM image"),
            (b"\0\0\x01\0\x01\0\x10\x10", "an icon (ICO)"),
            (b"<?xml version='1.0'?><svg xmlns=''>", "an SVG drawing"),
            (b"\n<!DOCTYPE HTML><title>404", "an HTML page"),
            (b"%PDF-1.4\n", "a PDF document"),
        ];
        for (start, expected) in cases {
            // The name does not matter.
            for name in ["a.jpg", "a.bin", "a"] {
                assert_eq!(what(start, name), expected);
            }
        }
    }

    #[test]
    fn names_count_where_content_does_not_tell() {
        assert_eq!(what(b"II\x2a\0\x08\0\0\0", "DSC_1.NEF"), "a camera raw image");
        assert_eq!(what(b"II\x2a\0\x08\0\0\0", "scan.tif"), "TIFF");
        // Gray pixels after the head.
        assert_eq!(what(b"II\x2a\0\x90\x01\0\0IIIIIIII", "gray.tif"), "TIFF");
        assert_eq!(what(b"\0\0\x02\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\0", "b.tga"), "a TGA image");
        assert_eq!(what(b"hello", "notes.txt"), "a text file");
        assert_eq!(what("hé".as_bytes().split_last().unwrap().1, "a"), "a text file");
        assert_eq!(what(b"\x01\x02\x03", "a.jpg"), "unknown");
        assert!(has_image_name("b/IMG_1.HEIC") && has_image_name("x.jpe"));
        assert!(!has_image_name("b.jpg/notes.txt") && !has_image_name("heic"));
        assert!(is_system_file("a/Thumbs.db") && !is_system_file("a/thumbs.jpg"));
    }
}
