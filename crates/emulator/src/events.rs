//! An answer as a stream of events, in whichever dialect.

use crate::answer::{Answer, AnswerBlock, Stop, Usage};
use crate::tokens;

/// Bytes of tool input per delta.
const INPUT_CHUNK: usize = 24;

/// Encoded events, back to back.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) bytes: Vec<u8>,
    /// Where each event ends and how many tokens it carries; only kept when the stream is paced or faulty.
    pub(crate) marks: Option<Vec<Mark>>,
}

/// See [`Events::marks`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) end: usize,
    pub(crate) tokens: u32,
}

impl Events {
    pub(crate) fn new(marked: bool) -> Self {
        Self { bytes: Vec::new(), marks: marked.then(Vec::new) }
    }

    /// Notes the end of an event.
    pub(crate) fn mark(&mut self, tokens: u32) {
        if let Some(marks) = &mut self.marks {
            marks.push(Mark { end: self.bytes.len(), tokens });
        }
    }
}

/// What the end of an answer says.
#[derive(Clone, Debug)]
pub(crate) struct End<'a> {
    pub(crate) stop: Stop,
    pub(crate) stop_sequence: Option<&'a str>,
    pub(crate) usage: Usage,
    pub(crate) latency_ms: u64,
    pub(crate) first_byte_ms: u64,
}

/// A dialect of streaming. Blocks are opened by what is written into them; `close` ends the open one.
pub(crate) trait Encoder {
    fn start(&mut self);
    fn thinking(&mut self, text: &str, tokens: u32);
    fn signature(&mut self, signature: &str);
    /// A whole encrypted thought, in base64.
    fn redacted(&mut self, data: &str);
    fn text(&mut self, text: &str, tokens: u32);
    /// Where the text of the open block was found.
    fn citation(&mut self, text: &str);
    fn tool(&mut self, id: &str, name: &str);
    fn tool_input(&mut self, json: &str, tokens: u32);
    fn close(&mut self);
    fn finish(&mut self, end: &End<'_>);
    /// What was encoded since the last time.
    fn events(&mut self) -> &mut Events;
}

/// Writes a whole answer.
pub(crate) fn encode(answer: &Answer, latency_ms: u64, encoder: &mut impl Encoder) {
    // About what a delta takes in either dialect, so that long answers grow the buffer once.
    let expected = answer.usage.output as usize / answer.chunk.max(1);
    encoder.events().bytes.reserve(512 + expected.min(4096) * 224);
    encoder.start();
    for block in &answer.blocks {
        match block {
            AnswerBlock::Thinking { text, signature } => {
                for (part, count) in deltas(text, answer.chunk) {
                    encoder.thinking(part, count);
                }
                encoder.signature(signature);
            }
            AnswerBlock::Redacted(data) => encoder.redacted(data),
            AnswerBlock::Text(text) => {
                for (part, count) in deltas(text, answer.chunk) {
                    encoder.text(part, count);
                }
            }
            AnswerBlock::Cited(text) => {
                for (part, count) in deltas(text, answer.chunk) {
                    encoder.text(part, count);
                }
                encoder.citation(text);
            }
            AnswerBlock::Tool { id, name, input } => {
                encoder.tool(id, name);
                // No input at all is how a call without arguments arrives.
                let mut rest = if input == "{}" { "" } else { input.as_str() };
                while !rest.is_empty() {
                    let mut end = rest.len().min(INPUT_CHUNK);
                    while !rest.is_char_boundary(end) {
                        end += 1;
                    }
                    let (part, after) = rest.split_at(end);
                    encoder.tool_input(part, tokens::json(part) as u32);
                    rest = after;
                }
            }
        }
        encoder.close();
    }
    encoder.finish(&End {
        stop: answer.stop,
        stop_sequence: answer.stop_sequence.as_deref(),
        usage: answer.usage,
        latency_ms,
        first_byte_ms: latency_ms,
    });
}

/// The text in pieces of `chunk` tokens.
fn deltas(text: &str, chunk: usize) -> impl Iterator<Item = (&str, u32)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (mut end, mut count) = (0, 0);
        for piece in tokens::pieces(rest).take(chunk) {
            end += piece.len();
            count += 1;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        Some((part, count))
    })
}
