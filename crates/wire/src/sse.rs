//! Server-sent events: the few bytes every streaming dialect shares (WHATWG HTML, section 9.2).

use bytes::{BufMut, BytesMut};

/// The `content-type` of a stream.
pub const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

/// Writes a comment, which keeps proxies and clients from giving up during a long pause.
///
/// Only between events: every `push`, `finish` and `fail` of this crate writes whole events.
pub fn heartbeat(out: &mut BytesMut) {
    out.put_slice(b": keep-alive\n\n");
}
