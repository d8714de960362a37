//! From a whole answer to its events, and back.

use std::collections::BTreeMap;

use outcrop_chat::{
    Block, BlockStart, CitedText, Delta, Event, Extra, Reasoning, Response, StopReason, ToolUse,
};
use outcrop_types::TokenUsage;
use serde_json::{Map, Value};

/// About how many characters a piece has: a few words, as models write them.
const PIECE: usize = 32;

/// The events of an answer, as if its model wrote it now.
pub(crate) fn events(response: Response) -> Vec<Event> {
    let Response { content, stop_reason, usage, extra } = response;
    let mut events = vec![Event::Start];
    for (index, block) in content.into_iter().enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        push_block(index, block, &mut events);
        events.push(Event::BlockStop { index });
    }
    events.push(Event::Stop(stop_reason));
    if !extra.is_empty() {
        events.push(Event::Extra(Box::new(extra)));
    }
    events.push(Event::Usage(usage));
    events
}

fn push_block(index: u32, block: Block, events: &mut Vec<Event>) {
    let mut push = |delta| events.push(Event::Delta { index, delta });
    match block {
        Block::Text(text) => pieces(&text).for_each(|it| push(Delta::Text(it.to_owned()))),
        Block::Cited(CitedText { text, citations }) => {
            pieces(&text).for_each(|it| push(Delta::Text(it.to_owned())));
            citations.into_iter().for_each(|it| push(Delta::Citation(it)));
        }
        Block::Reasoning(Reasoning::Text { text, signature }) => {
            pieces(&text).for_each(|it| push(Delta::Reasoning(it.to_owned())));
            signature.into_iter().for_each(|it| push(Delta::Signature(it)));
        }
        Block::Reasoning(Reasoning::Redacted(sealed)) => push(Delta::RedactedReasoning(sealed)),
        Block::ToolUse(ToolUse { id, name, input }) => {
            events.push(Event::BlockStart { index, start: BlockStart::ToolUse { id, name } });
            let input = input.to_string();
            let delta = |it: &str| Event::Delta { index, delta: Delta::ToolInput(it.to_owned()) };
            events.extend(pieces(&input).map(delta));
        }
        // Models answer with nothing else.
        _ => {}
    }
}

/// A text in pieces that end behind a word, where it has words.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.ceil_char_boundary(PIECE.min(rest.len()));
        // A long word is no reason for a long piece.
        let most = rest.ceil_char_boundary((2 * PIECE).min(rest.len()));
        let space = rest[end..most].find(char::is_whitespace);
        let end = space.map_or(if most == rest.len() { most } else { end }, |at| end + at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Puts an answer together from its events, up to a size.
#[derive(Debug)]
pub(crate) struct Gathered {
    blocks: BTreeMap<u32, Part>,
    stop: Option<StopReason>,
    extra: Extra,
    usage: Option<TokenUsage>,
    /// How much more it may be.
    room: usize,
    too_large: bool,
}

#[derive(Debug)]
enum Part {
    Text { text: String, citations: Vec<Value> },
    Thought { text: String, signature: Option<String> },
    Sealed(bytes::Bytes),
    Tool { id: String, name: String, input: String },
}

impl Gathered {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            blocks: BTreeMap::new(),
            stop: None,
            extra: Extra::default(),
            usage: None,
            room: most_bytes,
            too_large: false,
        }
    }

    pub(crate) fn push(&mut self, event: &Event) {
        if self.too_large {
            return;
        }
        let Some(room) = self.room.checked_sub(weight(event)) else {
            self.too_large = true;
            self.blocks.clear();
            return;
        };
        self.room = room;
        match event {
            Event::Start | Event::BlockStop { .. } => {}
            Event::BlockStart { index, start: BlockStart::ToolUse { id, name } } => {
                let tool = Part::Tool { id: id.clone(), name: name.clone(), input: String::new() };
                self.blocks.insert(*index, tool);
            }
            Event::Delta { index, delta } => self.delta(*index, delta),
            Event::Stop(reason) => self.stop = Some(*reason),
            Event::Extra(extra) => self.extra = (**extra).clone(),
            Event::Usage(usage) => self.usage = Some(*usage),
        }
    }

    fn delta(&mut self, index: u32, delta: &Delta) {
        let blocks = &mut self.blocks;
        match delta {
            Delta::Text(piece) => {
                if let Part::Text { text, .. } = blocks.entry(index).or_insert_with(Part::text) {
                    text.push_str(piece);
                }
            }
            Delta::Citation(citation) => {
                if let Part::Text { citations, .. } = blocks.entry(index).or_insert_with(Part::text) {
                    citations.push(citation.clone());
                }
            }
            Delta::Reasoning(piece) => {
                if let Part::Thought { text, .. } = blocks.entry(index).or_insert_with(Part::thought) {
                    text.push_str(piece);
                }
            }
            Delta::Signature(piece) => {
                if let Part::Thought { signature, .. } = blocks.entry(index).or_insert_with(Part::thought) {
                    signature.get_or_insert_default().push_str(piece);
                }
            }
            Delta::RedactedReasoning(sealed) => {
                blocks.insert(index, Part::Sealed(sealed.clone()));
            }
            Delta::ToolInput(piece) => {
                if let Some(Part::Tool { input, .. }) = blocks.get_mut(&index) {
                    input.push_str(piece);
                }
            }
        }
    }

    /// The answer, if it is whole, and not too large.
    pub(crate) fn whole(self) -> Option<Response> {
        if self.too_large {
            return None;
        }
        let content = self.blocks.into_values().map(Part::block).collect::<Option<_>>()?;
        Some(Response { content, stop_reason: self.stop?, usage: self.usage?, extra: self.extra })
    }
}

/// About how many bytes an event takes.
pub(crate) fn weight(event: &Event) -> usize {
    let said = match event {
        Event::Delta { delta, .. } => match delta {
            Delta::Text(text) | Delta::ToolInput(text) | Delta::Reasoning(text) | Delta::Signature(text) => {
                text.len()
            }
            Delta::RedactedReasoning(sealed) => sealed.len(),
            Delta::Citation(value) => value.to_string().len(),
        },
        Event::BlockStart { start: BlockStart::ToolUse { id, name }, .. } => id.len() + name.len(),
        Event::Extra(extra) => {
            let values = [&extra.fields, &extra.trace].into_iter().flatten();
            values.map(|it| it.to_string().len()).sum()
        }
        Event::Start | Event::BlockStop { .. } | Event::Stop(_) | Event::Usage(_) => 0,
    };
    said + 8
}

impl Part {
    const fn text() -> Self {
        Self::Text { text: String::new(), citations: Vec::new() }
    }

    const fn thought() -> Self {
        Self::Thought { text: String::new(), signature: None }
    }

    /// The block; nothing where a tool's input is no JSON.
    fn block(self) -> Option<Block> {
        Some(match self {
            Self::Text { text, citations } if citations.is_empty() => Block::Text(text),
            Self::Text { text, citations } => Block::Cited(CitedText { text, citations }),
            Self::Thought { text, signature } => Block::Reasoning(Reasoning::Text { text, signature }),
            Self::Sealed(sealed) => Block::Reasoning(Reasoning::Redacted(sealed)),
            Self::Tool { id, name, input } => {
                let input = match input.as_str() {
                    "" => Value::Object(Map::new()),
                    input => serde_json::from_str(input).ok()?,
                };
                Block::ToolUse(ToolUse { id, name, input })
            }
        })
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
