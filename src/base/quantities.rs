//! Periods of time and sizes of memory as people write them, such as `1h30min` and `8GB`.

use std::time::Duration;

/// The units of time, with their seconds.
const PERIODS: [(&str, f64); 15] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("sec", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
    ("d", 86_400.0),
    ("day", 86_400.0),
    ("days", 86_400.0),
];

/// The units of memory, with their bytes. Those of the schedulers of clusters are powers of two, with
/// or without an `i`.
const SIZES: [(&str, u64); 12] = [
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1 << 40),
    ("tib", 1 << 40),
];

/// Reads a size of memory in bytes: a number with a unit, such as `500MB` or `8 GB`.
///
/// # Errors
/// When it is something else; how to write it.
pub fn size(text: &str) -> Result<u64, String> {
    let example = || "write a number with a unit, such as 500MB or 8GB".to_owned();
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| example())?;
    let unit = unit.trim().to_ascii_lowercase();
    let (_, factor) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(example)?;
    let bytes = (number * *factor as f64).round();
    if bytes >= 1.0 { Ok(bytes as u64) } else { Err("it must be more than 0 bytes".to_owned()) }
}

/// Reads a period: numbers, each with a unit.
///
/// # Errors
/// When it is something else; how to write it.
pub fn period(text: &str) -> Result<Duration, String> {
    let example = "write a number with a unit, such as 90s, 10min or 1h30min";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(example.to_owned());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let number: f64 = number.parse().map_err(|_| example.to_owned())?;
        let unit = unit.to_ascii_lowercase();
        let known = PERIODS.iter().find(|(name, _)| *name == unit);
        let (_, factor) = known.ok_or_else(|| example.to_owned())?;
        seconds += number * factor;
        rest = after.trim_start();
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(period) if !period.is_zero() => Ok(period),
        _ => Err("it must be more than 0 seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_units() {
        for (text, seconds) in
            [("90s", 90), ("2min", 120), ("2 min", 120), ("1h30m", 5400), ("1.5 hours", 5400)]
        {
            assert_eq!(period(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(period("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(period("2 days"), Ok(Duration::from_hours(48)));
        for text in ["", "90", "5ss", "min", "2 weeks", "1..2s", "-3s", "0s", "1h 30"] {
            assert!(period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("500MB", 500 << 20), ("8 GB", 8 << 30), ("1.5g", 3 << 29), ("2TiB", 2 << 40)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "8", "GB", "8 GBs", "-1GB", "0MB", "1GB 2MB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
