//! One event of a stream: its id, how it is kept, how it is sent.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use outcrop_ports::McpStreamId;
use outcrop_wire::mcp::MessageId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where in which stream: what a client comes back with in `Last-Event-ID`. It names one stream, and so only that one can be
/// taken up with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventId {
    /// The stream.
    pub stream: McpStreamId,
    /// The event's number in it, from 1.
    pub number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.stream.0.simple(), self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (stream, number) = text.split_once('_').ok_or(())?;
        let stream = Some(stream).filter(|it| it.len() == 32).and_then(|it| Uuid::parse_str(it).ok());
        let number = number.parse().ok().filter(|it| *it > 0);
        let id = Self { stream: McpStreamId(stream.ok_or(())?), number: number.ok_or(())? };
        // There is one way to write it.
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

/// What a stream is about; said with each of its events, so that whoever reads one of them can go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum About {
    /// It answers a request.
    Answers(MessageId),
    /// It answers the requests of one body (2025-03-26).
    AnswersAll(Vec<MessageId>),
    /// It tells what changes: here is what was known of what is watched, once this had been told.
    News(BTreeMap<String, String>),
}

/// An event, as it is kept: what the stream is about, a line's end, the message. The first of a stream has no message: it is what
/// a client can come back with that has heard nothing yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// What its stream is about.
    pub about: About,
    /// A message, or nothing.
    pub message: Bytes,
}

impl Event {
    /// As it is kept.
    pub(super) fn write(&self) -> Bytes {
        let mut out = serde_json::to_vec(&self.about).unwrap_or_default();
        out.push(b'\n');
        out.extend_from_slice(&self.message);
        out.into()
    }

    /// Reads what was kept.
    pub(super) fn read(kept: &Bytes) -> Option<Self> {
        let end = kept.iter().position(|byte| *byte == b'\n')?;
        Some(Self {
            about: serde_json::from_slice(kept.get(..end)?).ok()?,
            message: kept.slice(end.saturating_add(1).min(kept.len())..),
        })
    }
}

/// A message as it is sent (WHATWG HTML, section 9.2). Messages are JSON on one line.
pub(super) fn frame(id: Option<EventId>, message: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(message.len() + 80);
    if let Some(id) = id {
        out.put_slice(format!("id: {id}\n").as_bytes());
    }
    out.put_slice(b"data: ");
    out.put_slice(message);
    out.put_slice(b"\n\n");
    out.freeze()
}

/// Tells a client when to come back.
pub(super) fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n\n", after.as_millis()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_by_its_id_and_by_nothing_else() {
        let id = EventId { stream: McpStreamId(Uuid::from_u128(7)), number: 12 };
        assert_eq!(id.to_string(), "00000000000000000000000000000007_12");
        assert_eq!(id.to_string().parse(), Ok(id));
        let zeroes = "00000000000000000000000000000007";
        for wrong in
            ["", "_", "7_1", zeroes, &format!("{zeroes}_0"), &format!("{zeroes}_01"), &format!("{zeroes}_x")]
        {
            assert_eq!(wrong.parse::<EventId>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let ids = vec![MessageId::Number(1), MessageId::Text("a\nb".into())];
        for about in [About::Answers(ids[0].clone()), About::AnswersAll(ids), About::News(BTreeMap::new())] {
            for message in ["", "{\"a\":1}"] {
                let event = Event { about: about.clone(), message: message.into() };
                assert_eq!(Event::read(&event.write()), Some(event));
            }
        }
        assert_eq!(Event::read(&Bytes::from_static(b"nothing")), None);
    }

    #[test]
    fn an_event_is_sent_as_the_standard_says() {
        let id = EventId { stream: McpStreamId(Uuid::from_u128(7)), number: 1 };
        assert_eq!(frame(Some(id), b""), format!("id: {id}\ndata: \n\n"));
        assert_eq!(frame(None, b"{}"), "data: {}\n\n");
        assert_eq!(retry(Duration::from_secs(1)), "retry: 1000\n\n");
    }
}
