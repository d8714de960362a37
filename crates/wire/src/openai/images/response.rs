//! What is answered.

use bytes::{BufMut, Bytes, BytesMut};

use crate::escape::put_integer;

/// The body of an answer; `images` are files in base64, which needs no escaping. Each is copied once, into its place.
#[must_use]
pub fn response(created: i64, images: &[Bytes]) -> Bytes {
    let size: usize = images.iter().map(|it| it.len() + 16).sum();
    let mut out = BytesMut::with_capacity(size + 64);
    out.put_slice(b"{\"created\":");
    put_integer(&mut out, created);
    out.put_slice(b",\"data\":[");
    for (at, image) in images.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        out.put_slice(b"{\"b64_json\":\"");
        out.put_slice(image);
        out.put_slice(b"\"}");
    }
    out.put_slice(b"],\"output_format\":\"png\"}");
    out.freeze()
}
