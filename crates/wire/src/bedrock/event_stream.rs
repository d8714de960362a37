//! Frames of AWS's event stream (Smithy 2.0, "Amazon Event Stream specification").
//!
//! Total length, length of the headers, checksum of these two, headers, payload, checksum of all before; numbers are
//! unsigned, of 32 bits, the highest byte first, and checksums are CRC-32.

use bytes::{BufMut, BytesMut};

/// The `content-type` of a stream.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The type of a header whose value is a text.
const TEXT: u8 = 7;

/// Appends an event of this name, with the JSON that `payload` appends.
pub(super) fn put_event(out: &mut BytesMut, name: &str, payload: impl FnOnce(&mut BytesMut)) {
    put_frame(out, [(":event-type", name), (":message-type", "event")], payload);
}

/// Appends an exception, named as the member of the stream's union.
pub(super) fn put_exception(out: &mut BytesMut, name: &str, payload: impl FnOnce(&mut BytesMut)) {
    put_frame(out, [(":exception-type", name), (":message-type", "exception")], payload);
}

fn put_frame(out: &mut BytesMut, headers: [(&str, &str); 2], payload: impl FnOnce(&mut BytesMut)) {
    const PRELUDE: usize = 12;
    let start = out.len();
    out.put_bytes(0, PRELUDE);
    for (name, value) in headers.into_iter().chain([(":content-type", "application/json")]) {
        put_header(out, name, value);
    }
    let headers = out.len() - start - PRELUDE;
    payload(out);
    let total = out.len() - start + 4;
    out[start..start + 4].copy_from_slice(&(total as u32).to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&(headers as u32).to_be_bytes());
    let checksum = crc32fast::hash(&out[start..start + 8]);
    out[start + 8..start + PRELUDE].copy_from_slice(&checksum.to_be_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.put_u32(checksum);
}

/// Names and values are words of the protocol, all shorter than 256 bytes.
fn put_header(out: &mut BytesMut, name: &str, value: &str) {
    out.put_u8(name.len() as u8);
    out.put_slice(name.as_bytes());
    out.put_u8(TEXT);
    out.put_u16(value.len() as u16);
    out.put_slice(value.as_bytes());
}
