//! Names of files and directories as text, without loss and without control characters.
//!
//! Names on Linux are bytes, so they need not be UTF-8 and may contain escape sequences. As text
//! such bytes are written `\xNN`, and then a backslash as `\\`. All other names are unchanged. So
//! different names have different texts, and a text can be converted back to its name.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

/// A name or path as text.
pub fn text_of(name: &OsStr) -> String {
    if cfg!(unix) {
        text_of_bytes(name.as_encoded_bytes())
    } else {
        name.to_string_lossy().into_owned()
    }
}

/// A name or path as text, by its bytes.
pub fn text_of_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !has_escape(text) && !text.chars().any(is_disguised) => text.to_owned(),
        _ => escaped(bytes),
    }
}

/// A path as text.
pub fn text_of_path(path: &Path) -> String {
    text_of(path.as_os_str())
}

/// The path that a text represents.
pub fn path_of(text: &str) -> PathBuf {
    if !has_escape(text) {
        return PathBuf::from(text);
    }
    let mut bytes = vec![];
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let (byte, n) = match (first, behind.first()) {
            (b'\\', Some(b'\\')) => (b'\\', 2),
            (b'\\', _) => hex(rest).map_or((first, 1), |byte| (byte, 4)),
            _ => (first, 1),
        };
        bytes.push(byte);
        rest = &rest[n..];
    }
    PathBuf::from(of_bytes(bytes))
}

/// The key by which two names are the same (Unicode's normal form C). macOS and Linux encode the
/// same characters in different ways.
pub fn normal(name: &str) -> String {
    name.nfc().collect()
}

/// The key by which two names look the same to a reader, although they may differ in case, in
/// spaces at an end or in invisible characters.
pub fn look(name: &str) -> String {
    let shown = name.nfkc().filter(|c| !is_disguised(*c) && !is_shapeless(*c));
    let folded: String = shown.flat_map(char::to_lowercase).collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name with every character outside ASCII escaped, as in `caf\u{e9}`.
pub fn spelt_out(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_graphic() || c == ' ' {
            text.push(c);
        } else {
            let _ = write!(text, "\\u{{{:x}}}", c as u32);
        }
    }
    text
}

/// Whether a character is not safe to print: control characters, line ends and changes of the
/// writing direction.
pub fn is_disguised(c: char) -> bool {
    let is_direction = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || is_direction || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

fn is_shapeless(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Whether [`visible`] escapes a character.
fn is_hidden(c: char) -> bool {
    c != '\n' && is_disguised(c)
}

/// Text that is safe to print. Other characters are escaped as in JSON, such as `\u001b`. Line ends
/// stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            let _ = write!(shown, "\\u{:04x}", c as u32);
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Writes a path as text, for `serde(with)`.
///
/// # Errors
/// When the serializer fails.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text_of_path(path))
}

/// Writes an optional path as text, for `serde(serialize_with)`.
///
/// # Errors
/// When the serializer fails.
pub fn serialize_some<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.as_deref().map(text_of_path).serialize(serializer)
}

/// Reads a path from its text, for `serde(with)`.
///
/// # Errors
/// When the deserializer fails.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    String::deserialize(deserializer).map(|text| path_of(&text))
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if is_disguised(c) => spell(&mut text, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        spell(&mut text, chunk.invalid());
    }
    text
}

/// Writes each byte as `\xNN`.
fn spell(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(text, "\\x{byte:02X}");
    }
}

/// Whether a text contains a byte as written by [`escaped`].
fn has_escape(text: &str) -> bool {
    // On other systems names are Unicode, and a backslash separates them.
    cfg!(unix)
        && text.match_indices("\\x").any(|(start, _)| hex(&text.as_bytes()[start..]).is_some())
}

/// The byte that `\xNN` at the start of a text represents.
fn hex(text: &[u8]) -> Option<u8> {
    match text {
        [b'\\', b'x', high, low, ..] => Some(hex_digit(*high)? * 16 + hex_digit(*low)?),
        _ => None,
    }
}

fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

#[cfg(unix)]
fn of_bytes(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> OsString {
    // Names are Unicode on these systems.
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(all(test, unix))]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        text_of(OsStr::from_bytes(bytes))
    }

    #[test]
    fn ordinary_names_stand_for_themselves() {
        for name in ["a.jpg", "not alpaca", "café", "日本", "a\\b", "\\x", "\\xe4", "👩‍🌾", "=1+1"]
        {
            assert_eq!(text(name.as_bytes()), name);
            assert_eq!(path_of(name), Path::new(name));
        }
    }

    #[test]
    fn other_bytes_are_spelt() {
        assert_eq!(text(b"b\xe4r.jpg"), "b\\xE4r.jpg");
        assert_eq!(text(b"a\\b\xff"), "a\\\\b\\xFF");
        assert_eq!(text(b"\x1b[31mRED\x07"), "\\x1B[31mRED\\x07");
        assert_eq!(text("a\u{202e}b\n".as_bytes()), "a\\xE2\\x80\\xAEb\\x0A");
        // A text that would be read as a different name is not valid.
        assert_eq!(text(b"b\\xE4r.jpg"), "b\\\\xE4r.jpg");
    }

    #[test]
    fn names_that_look_the_same_are_known() {
        assert_eq!(normal("cafe\u{301}"), normal("caf\u{e9}"));
        assert_ne!(normal("Cat"), normal("cat"));
        for other in ["Cat", "cat ", " CAT", "c\u{200b}at", "ｃａｔ"] {
            assert_eq!(look(other), look("cat"), "{other:?}");
        }
        assert_ne!(look("cat 1"), look("cat 2"));
        assert_eq!(spelt_out("cafe\u{301}"), "cafe\\u{301}");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let shown = visible("a\x1b[2Jb\r\tc\n\u{9b}31m\u{202e}d\u{7f}");
        assert_eq!(shown, "a\\u001b[2Jb\\u000d\\u0009c\n\\u009b31m\\u202ed\\u007f");
    }

    /// Bytes in which backslashes and control characters are frequent.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![prop::sample::select(&b"\\xE4a0Ff\x1b\n"[..]), any::<u8>(),];
        prop::collection::vec(byte, 0..12)
    }

    proptest! {
        #[test]
        fn a_text_leads_back_to_its_name(bytes in name()) {
            let text = text(&bytes);
            prop_assert!(!text.chars().any(is_disguised));
            let path = path_of(&text);
            prop_assert_eq!(path.as_os_str().as_bytes(), &bytes[..]);
        }

        #[test]
        fn different_names_are_different_texts(names in prop::collection::vec(name(), 2..40)) {
            let texts: BTreeMap<String, &Vec<u8>> =
                names.iter().map(|name| (text(name), name)).collect();
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            prop_assert_eq!(texts.len(), distinct.len());
        }
    }
}
