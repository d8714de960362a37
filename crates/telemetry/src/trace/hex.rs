//! Ids as text and back. The formatter takes a digit at a time, and every request has some ids in it.

use std::fmt;

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// Writes bytes over a text that has two places for each.
pub(super) fn write(places: &mut [u8], bytes: &[u8]) {
    for (place, byte) in places.chunks_exact_mut(2).zip(bytes) {
        place.copy_from_slice(&PAIRS[usize::from(*byte)]);
    }
}

/// Exactly so many digits, all lower case.
pub(super) fn read<const DIGITS: usize>(text: &str) -> Option<u128> {
    const { assert!(DIGITS <= 32, "it is read as one number") };
    if text.len() != DIGITS {
        return None;
    }
    text.bytes().try_fold(0_u128, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u128::from(digit))
    })
}

/// A short text with an id in it.
pub(super) struct Text<const LENGTH: usize>(pub(super) [u8; LENGTH]);

impl<const LENGTH: usize> Text<LENGTH> {
    /// Two digits for each byte of an id.
    pub(super) fn of(id: &[u8]) -> Self {
        let mut text = [b'0'; LENGTH];
        write(&mut text, id);
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        // What is not ASCII is nobody's id.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const LENGTH: usize> fmt::Display for Text<LENGTH> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_and_read_as_others_do() {
        for byte in 0..=u8::MAX {
            let text = Text::<2>::of(&[byte]).to_string();
            assert_eq!(text, format!("{byte:02x}"));
            assert_eq!(read::<2>(&text), Some(u128::from(byte)));
        }
        assert_eq!(read::<32>(&"f".repeat(32)), Some(u128::MAX));
        for nonsense in ["", "0", "000", "0A", "+1", "0é", "g0", "0/", "0:", "0`"] {
            assert_eq!(read::<2>(nonsense), None, "{nonsense}");
        }
    }
}
