//! Server-sent events as they arrive.

use std::collections::VecDeque;

use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// What `event:` says.
    pub(crate) name: Option<String>,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.data == "[DONE]"
    }
}

/// An open stream. Dropping it goes away in the middle.
#[derive(Debug)]
pub(crate) struct Stream {
    response: reqwest::Response,
    text: String,
    events: VecDeque<Event>,
}

impl Stream {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self { response, text: String::new(), events: VecDeque::new() }
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.response.headers()[name].to_str().unwrap().to_owned()
    }

    /// The next event; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let event = self.read().await.expect("the stream ends properly");
        assert!(event.is_some() || self.text.is_empty(), "the stream ended within an event: {}", self.text);
        event
    }

    async fn read(&mut self) -> reqwest::Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(bytes) = self.response.chunk().await? else { return Ok(None) };
            // Frames are ASCII but for their texts, which the tests that come here keep to ASCII too.
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
            while let Some(end) = self.text.find("\n\n") {
                let frame: String = self.text.drain(..end + 2).collect();
                self.events.extend(parse(&frame));
            }
        }
    }

    /// What still comes before the connection breaks, or the stream ends.
    pub(crate) async fn until_cut(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Ok(Some(event)) = self.read().await {
            events.push(event);
        }
        events
    }

    /// All that is still to come.
    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// The chunks that are still to come, before the `[DONE]` that must end them.
    pub(crate) async fn chunks(self) -> Vec<Value> {
        let mut events = self.rest().await;
        let last = events.pop().expect("an event");
        assert!(last.is_done(), "{last:?} after {events:#?}");
        events.iter().map(Event::json).collect()
    }
}

/// One frame; a comment, such as a heartbeat, is none.
fn parse(frame: &str) -> Option<Event> {
    let field = |name: &str| {
        let lines = frame.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim_start);
        lines.map(str::to_owned).reduce(|all, line| all + "\n" + &line)
    };
    Some(Event { name: field("event:"), data: field("data:")? })
}

/// The text of all chunks of a chat.
pub(crate) fn text(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

/// The finish reason, which exactly one chunk must give.
#[track_caller]
pub(crate) fn finish_reason(chunks: &[Value]) -> String {
    let reasons: Vec<_> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
    assert_eq!(reasons.len(), 1, "{chunks:#?}");
    reasons[0].to_owned()
}
