//! `vnd.amazon.eventstream` frames, written into one buffer.
//!
//! The headers of each kind of event never change, so they are encoded once by aws-smithy-eventstream and copied;
//! only lengths, payload and the two checksums are computed per frame. Tests decode every kind with that crate.

use aws_smithy_eventstream::frame::write_headers_to;
use aws_smithy_types::event_stream::{Header, HeaderValue};
use std::sync::LazyLock;

/// The encoded headers of one kind of frame.
#[derive(Clone, Debug)]
pub(crate) struct Kind(Vec<u8>);

impl Kind {
    /// An event of this name with a JSON payload.
    pub(crate) fn event(name: &'static str) -> Self {
        Self::new(":event-type", name.to_owned(), "event")
    }

    /// A modelled exception, named as the member of the stream's union.
    pub(crate) fn exception(name: String) -> Self {
        Self::new(":exception-type", name, "exception")
    }

    fn new(type_header: &'static str, name: String, message_type: &'static str) -> Self {
        let headers = [
            Header::new(type_header, HeaderValue::String(name.into())),
            Header::new(":content-type", HeaderValue::String("application/json".into())),
            Header::new(":message-type", HeaderValue::String(message_type.into())),
        ];
        let mut bytes = Vec::new();
        // Fails only for names longer than 255 bytes, and these are literals.
        let _infallible = write_headers_to(&headers, &mut bytes);
        Self(bytes)
    }
}

macro_rules! kinds {
    ($($name:ident = $event:literal),* $(,)?) => {
        $(pub(crate) static $name: LazyLock<Kind> = LazyLock::new(|| Kind::event($event));)*
    };
}
kinds! {
    MESSAGE_START = "messageStart",
    BLOCK_START = "contentBlockStart",
    BLOCK_DELTA = "contentBlockDelta",
    BLOCK_STOP = "contentBlockStop",
    MESSAGE_STOP = "messageStop",
    METADATA = "metadata",
    CHUNK = "chunk",
}

/// Appends one frame whose payload `write` appends.
pub(crate) fn frame(out: &mut Vec<u8>, kind: &Kind, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 12]);
    out.extend_from_slice(&kind.0);
    write(out);
    // total length u32, headers length u32, checksum of these eight, headers, payload, checksum of all before.
    let total = (out.len() - start + 4) as u32;
    out[start..start + 4].copy_from_slice(&total.to_be_bytes());
    out[start + 4..start + 8].copy_from_slice(&(kind.0.len() as u32).to_be_bytes());
    let prelude = crc32fast::hash(&out[start..start + 8]);
    out[start + 8..start + 12].copy_from_slice(&prelude.to_be_bytes());
    let whole = crc32fast::hash(&out[start..]);
    out.extend_from_slice(&whole.to_be_bytes());
}

#[cfg(test)]
pub(crate) fn decode(bytes: &[u8]) -> Vec<(String, serde_json::Value)> {
    use bytes::Buf as _;
    let mut buffer = bytes::Bytes::copy_from_slice(bytes);
    let mut events = Vec::new();
    while buffer.has_remaining() {
        let message = aws_smithy_eventstream::frame::read_message_from(&mut buffer).expect("a whole frame");
        let name = message
            .headers()
            .iter()
            .find(|it| [":event-type", ":exception-type"].contains(&it.name().as_str()))
            .and_then(|it| it.value().as_string().ok().map(|it| it.as_str().to_owned()))
            .expect("a type header");
        events.push((name, serde_json::from_slice(message.payload()).expect("a JSON payload")));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_decode_with_the_sdks_own_decoder() {
        let mut out = Vec::new();
        for kind in
            [&MESSAGE_START, &BLOCK_START, &BLOCK_DELTA, &BLOCK_STOP, &MESSAGE_STOP, &METADATA, &CHUNK]
        {
            frame(&mut out, kind, |out| out.extend_from_slice(br#"{"a":1}"#));
        }
        frame(&mut out, &Kind::exception("throttlingException".to_owned()), |out| {
            out.extend_from_slice(b"{}")
        });
        let names: Vec<_> = decode(&out).into_iter().map(|it| it.0).collect();
        let expected = [
            "messageStart",
            "contentBlockStart",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
            "chunk",
            "throttlingException",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let mut out = Vec::new();
        frame(&mut out, &CHUNK, |out| out.extend_from_slice(b"{}"));
        let last = out.len() - 6;
        out[last] ^= 1;
        assert!(aws_smithy_eventstream::frame::read_message_from(bytes::Bytes::from(out)).is_err());
    }
}
