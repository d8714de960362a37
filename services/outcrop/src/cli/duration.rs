//! Times as people write them: `90d`, `12h`, `30m`, `45s`.

use std::time::Duration;

/// A century is for ever enough, and keeps dates within what stores can hold.
const MOST_S: u64 = 100 * 365 * 86_400;

/// Reads a time of at least a second.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Some(total @ 1..) => Ok(Duration::from_secs(total)),
        _ => Err(format!("`{text}` is not between 1s and 36500d")),
    }
}

/// Reads a time that may be none: `0s`.
pub(crate) fn parse_overlap(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Some(total) => Ok(Duration::from_secs(total)),
        None => Err(format!("`{text}` is not between 0s and 30d")),
    }
}

/// `None` if it is more than can be.
fn seconds(text: &str) -> Result<Option<u64>, String> {
    let bad = || format!("`{text}` is not a number and one of s, m, h, d");
    let unit = text.chars().last().ok_or_else(bad)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| bad())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    Ok(number.checked_mul(seconds).filter(|total| *total <= MOST_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        for (text, seconds) in [("45s", 45), ("30m", 1_800), ("12h", 43_200), ("90d", 7_776_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
            assert_eq!(parse_overlap(text), Ok(Duration::from_secs(seconds)));
        }
        for bad in ["", "d", "5", "5w", "-5d", "0s", "36501d", "99999999999999999999d", "5 d", "5é"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_overlap("0s"), Ok(Duration::ZERO));
    }
}
