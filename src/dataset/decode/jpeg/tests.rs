//! Tests which files are accepted. `tests/it/images.rs` compares pixels with libjpeg's for many
//! kinds of files.

use super::*;

/// A 16x16 image with a red, a green, a blue and a white quarter, each color in a scan of its own
/// at half the resolution of brightness (`jpegtran -scans`, libjpeg-turbo 2.1).
const SEPARATE_SCANS: &[u8] = include_bytes!("separate_scans.jpg");

/// 64x48 pixels of noise and gradients: baseline, 4:2:0, a restart marker each row of units
/// (`cjpeg -restart 1`, libjpeg-turbo 2.1), and the same without (`jpegtran -restart 0`).
const WITH_RESTARTS: &[u8] = include_bytes!("restarts.jpg");
const PLAIN: &[u8] = include_bytes!("plain.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");

fn read(bytes: &[u8]) -> Result<Jpeg, Fault> {
    decode(bytes, &mut |_, _, _| Ok(()))
}

fn pixels(bytes: &[u8]) -> Vec<u8> {
    read(bytes).map(|jpeg| jpeg.pixels).unwrap()
}

/// Start of the data of the first scan.
fn data_at(bytes: &[u8]) -> usize {
    let at = bytes.windows(2).position(|pair| pair == [0xff, code::START_OF_SCAN]).unwrap();
    at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]))
}

fn with(bytes: &[u8], at: usize, more: &[u8]) -> Vec<u8> {
    [&bytes[..at], more, &bytes[at..]].concat()
}

#[test]
fn colours_in_separate_scans_come_out_right() {
    let pixels = pixels(SEPARATE_SCANS);
    let wanted = [
        ((3, 3), [255, 0, 0]),
        ((12, 3), [0, 255, 0]),
        ((3, 12), [0, 0, 255]),
        ((12, 12), [255; 3]),
    ];
    for ((x, y), colour) in wanted {
        let found = &pixels[3 * (16 * y + x)..][..3];
        let far = found.iter().zip(colour).any(|(a, b)| a.abs_diff(b) > 12);
        assert!(!far, "{found:?} at ({x}, {y}), not {colour:?}");
    }
}

#[test]
fn what_does_no_harm_is_passed_over() {
    let sound = pixels(PLAIN);
    assert_eq!(pixels(WITH_RESTARTS), sound);
    assert_eq!(pixels(PROGRESSIVE), sound);
    let end = PLAIN.len() - 2;
    let cases: [(&str, Vec<u8>); 9] = [
        ("bytes after the end", with(PLAIN, PLAIN.len(), b"\0\0trailing \xff\xd8 garbage")),
        ("a second image", [PLAIN, PROGRESSIVE].concat()),
        ("bytes between headers", with(PLAIN, 2, b"\0\x01\x02\x03")),
        ("an unknown segment", with(PLAIN, 2, b"\xff\xf3\0\x05abc")),
        ("fill bytes before a marker", with(PLAIN, 2, &[0xff; 7])),
        ("zeros before the end", with(PLAIN, end, &[0; 200])),
        ("bytes before the end", with(PLAIN, end, b"a slip")),
        ("zeros in place of the end", [&PLAIN[..end], &[0; 4096]].concat()),
        (
            "a restart marker before the end",
            with(WITH_RESTARTS, WITH_RESTARTS.len() - 2, b"\xff\xd2"),
        ),
    ];
    for (what, bytes) in cases {
        assert!(read(&bytes).is_ok_and(|jpeg| jpeg.pixels == sound), "{what}");
    }
    // Frames of Motion JPEG have no Huffman tables where they are the usual ones.
    let mut at = 2;
    let mut bare = PLAIN[..2].to_vec();
    while PLAIN[at + 1] != code::START_OF_SCAN {
        let end = at + 2 + usize::from(u16::from_be_bytes([PLAIN[at + 2], PLAIN[at + 3]]));
        if PLAIN[at + 1] != code::HUFFMAN_TABLES {
            bare.extend(&PLAIN[at..end]);
        }
        at = end;
    }
    bare.extend(&PLAIN[at..]);
    assert!(bare.len() < PLAIN.len());
    assert_eq!(pixels(&bare), sound);
}

#[test]
fn image_data_cut_anywhere_is_an_error_even_with_an_end() {
    for bytes in [PLAIN, WITH_RESTARTS, PROGRESSIVE, SEPARATE_SCANS] {
        for length in 3..bytes.len() - 2 {
            let cut = &bytes[..length];
            assert!(read(cut).is_err(), "cut to {length} of {} bytes", bytes.len());
            let closed = [cut, &[0xff, code::END]].concat();
            assert!(read(&closed).is_err(), "cut to {length} of {} and closed", bytes.len());
        }
        let zeros = [&bytes[..bytes.len() / 2], &vec![0; bytes.len()]].concat();
        assert!(read(&zeros).is_err(), "the second half is zeros");
    }
}

#[test]
fn a_lost_thread_is_noticed() {
    let at = data_at(PLAIN) + 40;
    let lost = [&PLAIN[..at], &PLAIN[at + 60..]].concat();
    assert!(read(&lost).is_err(), "60 bytes are missing");
    let twice = with(PLAIN, at, &PLAIN[at..at + 200]);
    assert!(read(&twice).is_err(), "200 bytes are there twice");
    let mut zeros = PLAIN.to_vec();
    zeros[at..at + 128].fill(0);
    assert!(read(&zeros).is_err(), "128 bytes are zeros");
    let restarts: Vec<usize> = (data_at(WITH_RESTARTS)..WITH_RESTARTS.len() - 1)
        .filter(|at| WITH_RESTARTS[*at] == 0xff && matches!(WITH_RESTARTS[*at + 1], 0xd0..=0xd7))
        .collect();
    assert!(restarts.len() > 1);
    let mut swapped = WITH_RESTARTS.to_vec();
    swapped[restarts[0] + 1] = 0xd1;
    assert!(read(&swapped).is_err(), "the first restart marker is the second");
    let missing = [&WITH_RESTARTS[..restarts[0]], &WITH_RESTARTS[restarts[1]..]].concat();
    assert!(read(&missing).is_err(), "a piece is missing");
}

/// Of all flipped bits of so small a file libjpeg warns of 11 in 100; the others change values, or
/// what follows finds its place again in time.
#[test]
fn of_flipped_bits_those_that_show_are_noticed() {
    let sound = pixels(PLAIN);
    let (mut n_tried, mut n_noticed, mut n_bad) = (0, 0, 0);
    for at in data_at(PLAIN)..PLAIN.len() - 2 {
        for bit in 0..8 {
            let mut bytes = PLAIN.to_vec();
            bytes[at] ^= 1 << bit;
            n_tried += 1;
            let Ok(jpeg) = read(&bytes) else {
                n_noticed += 1;
                continue;
            };
            let far =
                |(a, b): (&[u8; 3], &[u8; 3])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 32);
            let pairs = jpeg.pixels.as_chunks().0.iter().zip(sound.as_chunks().0);
            n_bad += usize::from(pairs.filter(|pair| far(*pair)).count() * 20 > sound.len() / 3);
        }
    }
    assert!(n_noticed * 7 > n_tried, "{n_noticed} of {n_tried}");
    // The other cases change the brightness of all that follows but do not lose synchronization.
    assert!(n_bad * 4 < n_tried, "{n_bad} of {n_tried}");
}

#[test]
fn kinds_that_are_not_read_are_not_called_damaged() {
    let with_frame = |code: u8, precision: u8| {
        let at = PLAIN.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        let mut bytes = PLAIN.to_vec();
        (bytes[at + 1], bytes[at + 4]) = (code, precision);
        read(&bytes).map(drop).unwrap_err()
    };
    assert!(matches!(with_frame(0xc3, 8), Fault::Unsupported("lossless coding")));
    assert!(matches!(with_frame(0xc1, 12), Fault::Unsupported(_)));
}
