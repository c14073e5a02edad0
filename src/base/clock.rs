//! The time of day. It is used only for parts of records that differ between runs.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in UTC, as `2026-11-24T12:05:09Z`.
pub fn now() -> String {
    at(system())
}

/// A system time, in UTC, in the format of [`now`].
pub fn at(time: SystemTime) -> String {
    utc(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
}

/// The current time, to compare with the times of files.
#[expect(clippy::disallowed_methods, reason = "the clock is read here")]
pub fn system() -> SystemTime {
    SystemTime::now()
}

/// The seconds since 1970 of a time in the format of [`now`].
pub fn seconds(time: &str) -> Option<u64> {
    let (date, of_day) = time.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, mark| -> Option<[u64; 3]> {
        let numbers: Option<Vec<u64>> = text.split(mark).map(|part| part.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(of_day, ':')?;
    // As in `utc`, years begin in March.
    let (year, month) =
        if month < 3 { (year.checked_sub(1)?, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some((days.checked_sub(719_469)? * 24 + hour) * 3600 + minute * 60 + second)
}

/// Seconds since 1970 as a date and time in the Gregorian calendar.
fn utc(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is the last of its year. An era is the
    // 146,097 days of 400 years, and 719,468 days are between its start and 1970.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let year = era * 400 + year;
    let (hour, minute, second) = (time / 3600, time % 3600 / 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_526_400), "2026-11-24T13:20:00Z");
        for number in [0, 951_782_399, 951_782_400, 1_795_526_400, 4_107_542_400] {
            assert_eq!(seconds(&utc(number)), Some(number));
        }
        assert_eq!([seconds(""), seconds("2026-11-24"), seconds("x-1-1T0:0:0Z")], [None; 3]);
    }
}
