//! Event files: records with checksums, each with a message of Protocol Buffers.
//!
//! A record is its length, a masked CRC-32C of the length, the message, and a masked CRC-32C of the message
//! (TensorFlow, `lib/io/record_writer.h`). The numbers of fields are those of TensorFlow's `event.proto` and
//! `summary.proto`, and of `plugin_data.proto` of the hparams plugin.

use std::fs::File;
use std::io::{self, Write};

use prost::encoding::{self, WireType};

/// A message that is put together field by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// With a number in double precision.
    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        encoding::encode_key(field, WireType::SixtyFourBit, &mut self.0);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// With a number in single precision.
    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        encoding::encode_key(field, WireType::ThirtyTwoBit, &mut self.0);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// With a whole number.
    pub(super) fn whole(mut self, field: u32, value: u64) -> Self {
        encoding::encode_key(field, WireType::Varint, &mut self.0);
        encoding::encode_varint(value, &mut self.0);
        self
    }

    /// With bytes or text.
    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        encoding::encode_key(field, WireType::LengthDelimited, &mut self.0);
        encoding::encode_varint(value.len() as u64, &mut self.0);
        self.0.extend_from_slice(value);
        self
    }

    /// With a message in it.
    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }
}

/// Appends an event to a file: at `time` in seconds since 1970, at a step.
pub(super) fn append(file: &mut File, time: f64, step: u64, what: &Content) -> io::Result<()> {
    let event = Message::default().double(1, time).whole(2, step);
    let event = match what {
        Content::Version => event.bytes(3, b"brain.Event:2"),
        Content::Values(values) => {
            let all = values.iter().fold(Message::default(), |all, value| all.message(1, value));
            event.message(5, &all)
        }
    };
    let length = (event.0.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend_from_slice(&masked(&length));
    record.extend_from_slice(&event.0);
    record.extend_from_slice(&masked(&event.0));
    // One call, so that readers of a growing file see whole records.
    file.write_all(&record)
}

/// What an event has.
pub(super) enum Content {
    /// The version of the format, first in each file.
    Version,
    /// Values of a summary.
    Values(Vec<Message>),
}

/// A number under a tag.
pub(super) fn scalar(tag: &str, value: f64) -> Message {
    #[expect(clippy::cast_possible_truncation, reason = "the format has single precision")]
    let value = value as f32;
    Message::default().bytes(1, tag.as_bytes()).float(2, value)
}

/// A JPEG or PNG image of `[height, width]` under a tag.
pub(super) fn image(tag: &str, [height, width]: [u32; 2], bytes: &[u8]) -> Message {
    let image = Message::default().whole(1, height.into()).whole(2, width.into());
    let image = image.whole(3, 3).bytes(4, bytes);
    Message::default().bytes(1, tag.as_bytes()).message(4, &image)
}

/// Data of the hparams plugin under its tag.
pub(super) fn hparams(tag: &str, data: &Message) -> Message {
    let plugin = Message::default().bytes(1, b"hparams").bytes(2, &data.0);
    let metadata = Message::default().message(1, &plugin);
    Message::default().bytes(1, tag.as_bytes()).message(9, &metadata)
}

/// A checksum as records have it.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_lengths_and_checksums_of_tensorflow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        append(&mut crate::base::fs::create(&path).unwrap(), 1.0, 0, &Content::Version).unwrap();
        let bytes = crate::base::fs::read(&path).unwrap();
        let length = (bytes.len() - 16) as u64;
        assert_eq!(bytes[..8], length.to_le_bytes());
        // CRC-32C of the nine digits is the check value of the algorithm.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert!(bytes.windows(13).any(|text| text == b"brain.Event:2"));
        assert_eq!(bytes[12], 1 << 3 | 1);
        // All files of TensorFlow begin with the length 24 and this checksum of it.
        assert_eq!(masked(&24_u64.to_le_bytes()), [0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(bytes[8..12], masked(&bytes[..8]));
        assert_eq!(bytes[bytes.len() - 4..], masked(&bytes[12..bytes.len() - 4]));
    }
}
