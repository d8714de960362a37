//! JSON text written straight into an output buffer: no `Value`, no intermediate `String`.

use bytes::{BufMut, BytesMut};

/// For each byte: 0 if it may stand in a JSON string as it is, else the letter after the backslash
/// (`u` for the long form). RFC 8259, section 7.
static ESCAPES: [u8; 256] = escapes();

const fn escapes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
}

/// Writes the inside of a JSON string, without its quotes.
pub(crate) fn put_escaped(out: &mut BytesMut, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len());
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let letter = ESCAPES[usize::from(byte)];
        if letter == 0 {
            continue;
        }
        out.put_slice(&bytes[done..at]);
        if letter == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.put_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.put_slice(&[b'\\', letter]);
        }
        done = at + 1;
    }
    out.put_slice(&bytes[done..]);
}

/// Writes a JSON string with its quotes.
pub(crate) fn put_string(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    put_escaped(out, text);
    out.put_u8(b'"');
}

/// Writes a whole number in decimal.
pub(crate) fn put_integer(out: &mut BytesMut, number: impl std::fmt::Display) {
    use std::fmt::Write as _;
    // A BytesMut grows as it is written to, so that this cannot fail.
    let _ = write!(out, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_survives_a_json_parser() {
        let mut all: String = (0..0x300_u32).filter_map(char::from_u32).collect();
        all.push_str("\u{2028}\u{2029}😀\"\\/end");
        let mut out = BytesMut::new();
        put_string(&mut out, &all);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), all);
        assert!(!out.contains(&b'\n'), "a line feed would end an SSE line");
    }

    #[test]
    fn numbers_are_decimal() {
        let mut out = BytesMut::new();
        put_integer(&mut out, u64::MAX);
        put_integer(&mut out, -7_i64);
        assert_eq!(&out[..], b"18446744073709551615-7");
    }
}
