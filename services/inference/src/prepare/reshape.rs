//! What has to be done to an answer before its dialect sees it.

use futures::{StreamExt as _, stream};
use outcrop_chat::{Block, BlockStart, Delta, Event, Response, StopReason};
use outcrop_ports::EventStream;
use serde_json::Value;

use super::fence;

/// What has to be done to an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Reshape {
    /// Nothing.
    #[default]
    Nothing,
    /// Its text may stand in a code fence, which is no part of the answer.
    Unfence,
    /// Its text is a JSON object, and what stands in it under a key is the answer.
    Unwrap {
        /// The key.
        key: &'static str,
    },
    /// The input of a tool is the answer.
    Tool {
        /// The tool.
        name: String,
        /// Where in its input; `None` is all of it.
        key: Option<&'static str>,
    },
}

impl Reshape {
    /// A whole answer.
    pub(crate) fn response(&self, mut response: Response) -> Response {
        match self {
            Self::Nothing => {}
            Self::Unfence => fence::unfenced(&mut response),
            Self::Unwrap { key } => {
                for block in &mut response.content {
                    if let Block::Text(text) = block {
                        *text = under(text, key);
                    }
                }
            }
            Self::Tool { name, key } => from_tool(&mut response, name, *key),
        }
        response
    }

    /// An answer in pieces.
    pub(crate) fn events(&self, events: EventStream) -> EventStream {
        match self {
            Self::Nothing => events,
            Self::Unfence => {
                let mut fences = fence::Fences::default();
                each(events, move |event| fences.push(event))
            }
            Self::Unwrap { .. } | Self::Tool { .. } => {
                let mut pieces = Pieces::new(self.clone());
                each(events, move |event| pieces.push(event))
            }
        }
    }
}

/// Each event becomes what is sent for it.
fn each(events: EventStream, mut sent: impl FnMut(Event) -> Vec<Event> + Send + 'static) -> EventStream {
    Box::pin(events.flat_map(move |event| {
        stream::iter(match event {
            Ok(event) => sent(event).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }))
}

/// What stands under a key of a JSON object; the text itself where it is none, as when it was cut.
fn under(text: &str, key: &str) -> String {
    let value = serde_json::from_str(text).ok();
    let inner = value.and_then(|mut it: Value| it.get_mut(key).map(Value::take));
    inner.map_or_else(|| text.to_owned(), |it| it.to_string())
}

/// The first call of the tool becomes the text; what was said just before or after, and a second call, is no part of
/// the answer.
fn from_tool(response: &mut Response, name: &str, key: Option<&str>) {
    let (mut held, mut content) = (Vec::new(), Vec::new());
    let (mut answered, mut calls) = (false, false);
    for block in std::mem::take(&mut response.content) {
        match block {
            Block::ToolUse(call) if call.name == name && answered => {}
            Block::ToolUse(mut call) if call.name == name => {
                answered = true;
                held.clear();
                let input =
                    key.and_then(|key| call.input.get_mut(key).map(Value::take)).unwrap_or(call.input);
                content.push(Block::Text(input.to_string()));
            }
            Block::Text(_) | Block::Cited(_) => {
                if !answered {
                    held.push(block);
                }
            }
            other => {
                calls |= matches!(other, Block::ToolUse(_));
                if calls {
                    content.append(&mut held);
                }
                content.push(other);
            }
        }
    }
    content.append(&mut held);
    response.content = content;
    if response.stop_reason == StopReason::ToolUse && answered && !calls {
        response.stop_reason = StopReason::EndTurn;
    }
}

/// The pieces of an answer, one by one.
struct Pieces {
    reshape: Reshape,
    /// Text that is part of the answer only if the tool is not called, or that is read when it is whole.
    held: Vec<Event>,
    /// The block that is the answer.
    answer: Option<u32>,
    /// The block that is being left out: words behind the answer, or a second one.
    skipped: Option<u32>,
    /// Input that is read when it is whole.
    input: String,
    /// Whether a piece of the answer was sent.
    sent: bool,
    /// Whether another tool is called.
    calls: bool,
}

impl Pieces {
    const fn new(reshape: Reshape) -> Self {
        Self {
            reshape,
            held: Vec::new(),
            answer: None,
            skipped: None,
            input: String::new(),
            sent: false,
            calls: false,
        }
    }

    /// What is to be sent for a piece.
    fn push(&mut self, event: Event) -> Vec<Event> {
        match event {
            Event::BlockStart { index, start: BlockStart::ToolUse { name, .. } } if self.is_answer(&name) => {
                self.begin(index);
                Vec::new()
            }
            // What was said before another tool is called belongs to that call.
            Event::BlockStart { .. } => {
                self.calls = true;
                let mut events = std::mem::take(&mut self.held);
                events.push(event);
                events
            }
            Event::Delta { delta: Delta::Text(_) | Delta::Citation(_), index } if self.answer.is_some() => {
                self.skipped = Some(index);
                Vec::new()
            }
            Event::Delta { index, .. } | Event::BlockStop { index } if self.skipped == Some(index) => {
                Vec::new()
            }
            Event::Delta { index, delta: Delta::ToolInput(piece) } if self.answer == Some(index) => {
                self.input_grows(index, piece)
            }
            Event::BlockStop { index } if self.answer == Some(index) => self.input_ends(index),
            Event::Delta { delta: Delta::Text(_) | Delta::Citation(_), .. } => {
                self.held.push(event);
                Vec::new()
            }
            Event::BlockStop { index } if self.holds(index) => {
                self.held.push(event);
                Vec::new()
            }
            Event::Stop(reason) => self.stop(reason),
            other => vec![other],
        }
    }

    fn is_answer(&self, tool: &str) -> bool {
        matches!(&self.reshape, Reshape::Tool { name, .. } if name == tool)
    }

    /// The tool is called: what was said before is no part of the answer.
    fn begin(&mut self, index: u32) {
        if self.answer.is_some() {
            self.skipped = Some(index);
            return;
        }
        self.answer = Some(index);
        self.held.clear();
    }

    fn input_grows(&mut self, index: u32, piece: String) -> Vec<Event> {
        if matches!(self.reshape, Reshape::Tool { key: Some(_), .. }) {
            self.input.push_str(&piece);
            return Vec::new();
        }
        self.sent |= !piece.is_empty();
        vec![Event::Delta { index, delta: Delta::Text(piece) }]
    }

    fn input_ends(&mut self, index: u32) -> Vec<Event> {
        let mut events = Vec::with_capacity(2);
        let text = match self.reshape {
            Reshape::Tool { key: Some(key), .. } => Some(under(&std::mem::take(&mut self.input), key)),
            // A tool without arguments comes without a piece.
            _ => (!self.sent).then(|| "{}".to_owned()),
        };
        events.extend(text.map(|text| Event::Delta { index, delta: Delta::Text(text) }));
        events.push(Event::BlockStop { index });
        events
    }

    fn holds(&self, index: u32) -> bool {
        self.held.iter().any(|it| matches!(it, Event::Delta { index: at, .. } if *at == index))
    }

    /// The answer is whole. Text that was held is the answer if the tool was not called.
    fn stop(&mut self, reason: StopReason) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.held);
        if let Reshape::Unwrap { key } = self.reshape {
            events = unwrapped(events, key);
        }
        let is_done = reason == StopReason::ToolUse && self.answer.is_some() && !self.calls;
        events.push(Event::Stop(if is_done { StopReason::EndTurn } else { reason }));
        events
    }
}

/// Held text, read as one JSON object.
fn unwrapped(held: Vec<Event>, key: &str) -> Vec<Event> {
    let mut index = 0;
    let mut text = String::new();
    for event in held {
        if let Event::Delta { index: at, delta: Delta::Text(piece) } = event {
            index = at;
            text.push_str(&piece);
        }
    }
    if text.is_empty() {
        return Vec::new();
    }
    vec![Event::Delta { index, delta: Delta::Text(under(&text, key)) }, Event::BlockStop { index }]
}

#[cfg(test)]
#[path = "reshape_tests.rs"]
mod tests;
