//! The few shapes of protocol buffers that spans are written in (<https://protobuf.dev/programming-guides/encoding/>).
//!
//! Lengths stand before what they are the lengths of: they are reckoned first, so that nothing written is moved. Tags are of
//! fields below 16 and so have one byte.

/// A number of seven bits a byte.
pub const VARINT: u8 = 0;
/// Eight bytes.
pub const FIXED64: u8 = 1;
/// A length, and so many bytes.
pub const BYTES: u8 = 2;
/// Four bytes.
pub const FIXED32: u8 = 5;

/// What stands before a field's value.
#[must_use]
pub const fn tag(field: u8, kind: u8) -> u8 {
    assert!(field < 16, "it takes two bytes");
    field << 3 | kind
}

/// How many bytes a number takes: one for each seven bits.
#[must_use]
pub const fn varint_len(it: u64) -> usize {
    // Nearly all there are.
    if it < 0x80 { 1 } else { (it.ilog2() / 7 + 1) as usize }
}

/// How many bytes a field takes that holds so many.
#[must_use]
pub const fn field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// The same where nothing is written if there is nothing to write.
#[must_use]
pub const fn text_len(text: &str) -> usize {
    if text.is_empty() { 0 } else { field_len(text.len()) }
}

/// How many bytes [`number`] takes.
#[must_use]
pub const fn number_len(it: u64) -> usize {
    if it == 0 { 0 } else { 1 + varint_len(it) }
}

/// A number, at once.
pub fn varint(out: &mut Vec<u8>, mut it: u64) {
    while it >= 0x80 {
        out.push(it as u8 | 0x80);
        it >>= 7;
    }
    out.push(it as u8);
}

/// A tag and the length of what comes behind it.
pub fn head(out: &mut Vec<u8>, tag: u8, length: usize) {
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.extend_from_slice(&[tag, short]);
    } else {
        out.push(tag);
        varint(out, length as u64);
    }
}

/// A field that holds these.
pub fn bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    head(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// A text that is left out where it is empty.
pub fn text(out: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        bytes(out, tag, text.as_bytes());
    }
}

/// A number that is left out where it is 0.
pub fn number(out: &mut Vec<u8>, tag: u8, it: u64) {
    if it != 0 {
        out.push(tag);
        varint(out, it);
    }
}

/// Eight bytes that are left out where they are 0.
pub fn fixed64(out: &mut Vec<u8>, tag: u8, it: u64) {
    if it != 0 {
        out.push(tag);
        out.extend_from_slice(&it.to_le_bytes());
    }
}
