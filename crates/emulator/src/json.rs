//! Writing JSON straight into a buffer: the answers are few fixed shapes, and this is the hot path.

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a &str into a Vec cannot fail: neither the serializer nor the writer has an error to give.
    let _infallible = serde_json::to_writer(out, text);
}

/// Appends a number in decimal.
pub(crate) fn number(out: &mut Vec<u8>, value: u64) {
    let _infallible = serde_json::to_writer(out, &value);
}

/// Appends raw JSON, for what is known to be well-formed.
pub(crate) fn raw(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}
