//! The few shapes of protocol buffers that spans are written in (<https://protobuf.dev/programming-guides/encoding/>).
//!
//! Lengths stand before what they are the lengths of: they are reckoned first, so that nothing written is moved. Tags are of
//! fields below 16 and so have one byte.

/// A number of seven bits a byte.
pub(super) const VARINT: u8 = 0;
/// Eight bytes.
pub(super) const FIXED64: u8 = 1;
/// A length, and so many bytes.
pub(super) const BYTES: u8 = 2;
/// Four bytes.
pub(super) const FIXED32: u8 = 5;

/// What stands before a field's value.
pub(super) const fn tag(field: u8, kind: u8) -> u8 {
    assert!(field < 16, "it takes two bytes");
    field << 3 | kind
}

/// How many bytes a number takes: one for each seven bits.
pub(super) const fn varint_len(it: u64) -> usize {
    ((it | 1).ilog2() / 7 + 1) as usize
}

/// How many bytes a field takes that holds so many.
pub(super) const fn field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// The same where nothing is written if there is nothing to write.
pub(super) const fn text_len(text: &str) -> usize {
    if text.is_empty() { 0 } else { field_len(text.len()) }
}

/// A number that is left out where it is 0.
pub(super) const fn number_len(it: u64) -> usize {
    if it == 0 { 0 } else { 1 + varint_len(it) }
}

pub(super) fn varint(out: &mut Vec<u8>, it: u64) {
    let (bytes, length) = varint_bytes(it);
    out.extend_from_slice(bytes.get(..length).unwrap_or_default());
}

/// The bytes of a number, and how many of them are meant.
pub(super) fn varint_bytes(mut it: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        if it < 0x80 {
            *byte = it as u8;
            break;
        }
        *byte = it as u8 | 0x80;
        it >>= 7;
    }
    (bytes, length)
}

/// A tag and the length of what comes behind it.
pub(super) fn head(out: &mut Vec<u8>, tag: u8, length: usize) {
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.extend_from_slice(&[tag, short]);
    } else {
        out.push(tag);
        varint(out, length as u64);
    }
}

pub(super) fn bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    head(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

pub(super) fn text(out: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        bytes(out, tag, text.as_bytes());
    }
}

pub(super) fn number(out: &mut Vec<u8>, tag: u8, it: u64) {
    if it != 0 {
        out.push(tag);
        varint(out, it);
    }
}

pub(super) fn fixed64(out: &mut Vec<u8>, tag: u8, it: u64) {
    if it != 0 {
        out.push(tag);
        out.extend_from_slice(&it.to_le_bytes());
    }
}
