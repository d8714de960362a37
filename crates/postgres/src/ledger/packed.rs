//! Counts by length of time as one number: each bucket has twelve decimal digits of it, the shortest time the last.
//!
//! Postgres adds up such numbers as fast as others, where it knows no sum of arrays; and since it keeps neither leading
//! nor trailing zeros, they are about as short as what they count. Nobody counts a million millions in one bucket.

use outcrop_types::Latencies;

/// Digits of one bucket.
const DIGITS: usize = 12;

/// The number, in decimal digits.
pub(super) fn pack(latencies: &Latencies) -> String {
    let mut text = String::new();
    let mut buckets: Vec<(u16, u64)> = latencies.buckets().collect();
    let Some((longest, _)) = buckets.last().copied() else { return "0".to_owned() };
    for bucket in (0..=longest).rev() {
        let count = buckets.pop_if(|it| it.0 == bucket).map_or(0, |it| it.1);
        text.push_str(&format!("{:012}", count.min(999_999_999_999)));
    }
    text
}

/// What was packed; `None` if it is no such number.
pub(super) fn unpack(number: &str) -> Option<Latencies> {
    let mut latencies = Latencies::default();
    for (bucket, digits) in number.as_bytes().rchunks(DIGITS).enumerate() {
        let count = std::str::from_utf8(digits).ok()?.parse().ok()?;
        latencies.add(u16::try_from(bucket).ok()?, count);
    }
    Some(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let mut latencies = Latencies::default();
        assert_eq!(pack(&latencies), "0");
        assert_eq!(unpack("0"), Some(latencies.clone()));
        for ms in [0, 1, 7, 7, 1_000_000_000_000, 250] {
            latencies.note(ms);
        }
        latencies.add(40, 999_999_999_999);
        assert_eq!(unpack(&pack(&latencies)), Some(latencies.clone()));
        assert_eq!(unpack(pack(&latencies).trim_start_matches('0')), Some(latencies));
        assert_eq!(unpack("-1"), None);
    }
}
