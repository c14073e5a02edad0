//! Periods of time on the command line, such as `90s` or `1h30min`.

use std::time::Duration;

/// The units, with their seconds.
const UNITS: [(&str, f64); 12] = [
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
];

/// Reads a period: numbers, each with a unit.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
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
        let known = UNITS.iter().find(|(name, _)| *name == unit);
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
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("300ms"), Ok(Duration::from_millis(300)));
        for text in ["", "90", "5ss", "min", "2 days", "1..2s", "-3s", "0s", "1h 30"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
