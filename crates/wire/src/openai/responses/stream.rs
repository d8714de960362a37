//! The streamed answer: named server-sent events with growing numbers.
//!
//! Order and shapes: OpenAI API reference, "Responses: streaming"; protocol facts b.2. The final event shows the whole
//! response, its usage included: it is written by [`ResponseStream::complete`], once all is known and the response is kept.

mod frames;

use bytes::{BufMut, BytesMut};
use outcrop_chat::{BlockStart, Delta, Event, Reasoning, StopReason};

use super::answer::{Answer, Ending, Status, incomplete};
use super::output::{Call, OutputItem, Progress, TextPart, grow};
use crate::error::{ErrorBody, broken};
use crate::escape::{put_integer, put_string};

/// Writes the events of one answer as OpenAI's.
///
/// [`push`](Self::push) each event, then [`finish`](Self::finish) and, if that says so, [`complete`](Self::complete); or
/// [`fail`](Self::fail) if the model failed. After `complete` or `fail` nothing more is written.
#[derive(Debug)]
pub struct ResponseStream {
    answer: Answer,
    /// The next `sequence_number`.
    sequence: u64,
    state: State,
    /// The block that grows. It belongs to the last item.
    block: Option<u32>,
    /// Whether the last item has not ended yet; texts that follow each other are one item.
    item_open: bool,
    /// The last item's id.
    item_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing written yet.
    New,
    /// The response is begun.
    Open,
    /// All items are written.
    Stopped,
    /// The final event is written.
    Ended,
}

impl ResponseStream {
    /// A stream of which nothing is written yet.
    #[must_use]
    pub const fn new(answer: Answer) -> Self {
        Self { answer, sequence: 0, state: State::New, block: None, item_open: false, item_id: String::new() }
    }

    /// The answer so far.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Writes what an event adds for the client; several events add nothing.
    pub fn push(&mut self, event: &Event, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        match event {
            Event::Usage(usage) => self.answer.usage = Some(*usage),
            Event::Extra(extra) => self.answer.tier = extra.service_tier.or(self.answer.tier),
            _ if self.state == State::Stopped => {}
            Event::Start => self.open(out),
            Event::BlockStart { index, start: BlockStart::ToolUse { id, name } } => {
                let call = Call { id: id.clone(), name: name.clone(), arguments: String::new() };
                self.begin(*index, OutputItem::Call(call), out);
            }
            Event::Delta { index, delta } => self.delta(*index, delta, out),
            Event::BlockStop { index } => {
                if self.block == Some(*index) {
                    self.end_block(out);
                }
            }
            Event::Stop(reason) => self.stop(*reason, out),
        }
    }

    /// The model has nothing more to say. Whether that makes a whole answer, which is left to
    /// [`complete`](Self::complete); if the model never stopped, the answer broke off, and that is written.
    pub fn finish(&mut self, out: &mut BytesMut) -> bool {
        match self.state {
            State::Ended => false,
            State::Stopped => true,
            State::New | State::Open => {
                self.fail(&broken("The model's answer broke off."), out);
                false
            }
        }
    }

    /// Ends the stream with the whole response.
    pub fn complete(&mut self, ending: Ending, out: &mut BytesMut) {
        if self.state != State::Stopped {
            return;
        }
        let name =
            if incomplete(self.answer.stop).is_some() { "response.incomplete" } else { "response.completed" };
        self.object(name, Status::Ended(ending), out);
        self.state = State::Ended;
    }

    /// Ends the stream with a failed response.
    pub fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if self.state == State::Ended {
            return;
        }
        self.open(out);
        self.object("response.failed", Status::Failed(error), out);
        self.state = State::Ended;
    }

    fn open(&mut self, out: &mut BytesMut) {
        if self.state == State::New {
            self.state = State::Open;
            self.object("response.created", Status::InProgress, out);
            self.object("response.in_progress", Status::InProgress, out);
        }
    }

    fn stop(&mut self, reason: StopReason, out: &mut BytesMut) {
        if reason.is_malformed() {
            return self.fail(&broken("The model wrote something that is not an answer."), out);
        }
        self.open(out);
        self.answer.stop = reason;
        self.end_block(out);
        self.end_item(true, out);
        self.state = State::Stopped;
    }

    // === blocks ===

    fn delta(&mut self, index: u32, delta: &Delta, out: &mut BytesMut) {
        match delta {
            Delta::Text(text) if !text.is_empty() => self.text(index, text, out),
            Delta::Citation(citation) => {
                self.text(index, "", out);
                if let Some(OutputItem::Message(parts)) = self.answer.items.last_mut()
                    && let Some(part) = parts.last_mut()
                {
                    part.citations.push(citation.clone());
                }
            }
            Delta::Reasoning(text) if !text.is_empty() => self.thought(index, text, out),
            Delta::Signature(piece) => {
                if let Reasoning::Text { signature, .. } = self.reasoning(index, out) {
                    signature.get_or_insert_default().push_str(piece);
                }
            }
            Delta::RedactedReasoning(piece) => grow(self.reasoning(index, out), piece),
            Delta::ToolInput(json) if !json.is_empty() => self.input(index, json, out),
            Delta::Text(_) | Delta::Reasoning(_) | Delta::ToolInput(_) => {}
        }
    }

    fn text(&mut self, index: u32, text: &str, out: &mut BytesMut) {
        if self.block != Some(index) || !matches!(self.answer.items.last(), Some(OutputItem::Message(_))) {
            self.begin_text(index, out);
        }
        if text.is_empty() {
            return;
        }
        self.event("response.output_text.delta", out);
        let at = self.place(out);
        out.put_slice(b",\"content_index\":");
        if let OutputItem::Message(parts) = &mut self.answer.items[at] {
            put_integer(out, parts.len() - 1);
            if let Some(part) = parts.last_mut() {
                part.text.push_str(text);
            }
        }
        out.put_slice(b",\"delta\":");
        put_string(out, text);
        out.put_slice(b",\"logprobs\":[]}\n\n");
    }

    /// Begins a part of a message: of the one before, if that is the last item.
    fn begin_text(&mut self, index: u32, out: &mut BytesMut) {
        self.end_block(out);
        if self.item_open
            && let Some(OutputItem::Message(parts)) = self.answer.items.last_mut()
        {
            parts.push(TextPart::default());
            self.block = Some(index);
        } else {
            self.begin(index, OutputItem::Message(vec![TextPart::default()]), out);
        }
        self.part_event("response.content_part.added", &TextPart::default(), out);
    }

    fn thought(&mut self, index: u32, text: &str, out: &mut BytesMut) {
        if let Reasoning::Text { text: said, .. } = self.reasoning(index, out)
            && said.is_empty()
        {
            self.event("response.reasoning_summary_part.added", out);
            self.place(out);
            out.put_slice(b",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}}\n\n");
        }
        if let Reasoning::Text { text: said, .. } = self.reasoning(index, out) {
            said.push_str(text);
        }
        self.event("response.reasoning_summary_text.delta", out);
        self.place(out);
        out.put_slice(b",\"summary_index\":0,\"delta\":");
        put_string(out, text);
        out.put_slice(b"}\n\n");
    }

    /// The thought that grows; a new one, if the block is.
    fn reasoning(&mut self, index: u32, out: &mut BytesMut) -> &mut Reasoning {
        if self.block != Some(index) || !matches!(self.answer.items.last(), Some(OutputItem::Reasoning(_))) {
            let thought = Reasoning::Text { text: String::new(), signature: None };
            self.begin(index, OutputItem::Reasoning(thought), out);
        }
        match self.answer.items.last_mut() {
            Some(OutputItem::Reasoning(thought)) => thought,
            _ => unreachable!("it was put there the line before"),
        }
    }

    fn input(&mut self, index: u32, json: &str, out: &mut BytesMut) {
        // A piece for a call that never began has no id or name to go with, and is left out.
        let Some(OutputItem::Call(call)) = self.answer.items.last_mut().filter(|_| self.block == Some(index))
        else {
            return;
        };
        call.arguments.push_str(json);
        if !self.answer.tools.tool(&call.name).custom {
            self.arguments_delta(json, out);
        }
    }

    fn end_block(&mut self, out: &mut BytesMut) {
        if self.block.take().is_none() {
            return;
        }
        match self.answer.items.last() {
            Some(OutputItem::Message(parts)) => {
                let part = parts.last().cloned().unwrap_or_default();
                self.end_text(&part, out);
            }
            Some(OutputItem::Reasoning(Reasoning::Text { text, .. })) if !text.is_empty() => {
                let text = text.clone();
                self.end_thought(&text, out);
            }
            Some(OutputItem::Call(_)) => self.end_call(out),
            _ => {}
        }
    }

    // === items ===

    fn begin(&mut self, index: u32, item: OutputItem, out: &mut BytesMut) {
        self.open(out);
        self.end_block(out);
        self.end_item(false, out);
        self.item_id = self.answer.shown_to_client().id(self.answer.items.len(), &item);
        self.answer.items.push(item);
        self.block = Some(index);
        self.item_open = true;
        self.item_event("response.output_item.added", Progress::Begun, out);
    }

    fn end_item(&mut self, last: bool, out: &mut BytesMut) {
        if std::mem::take(&mut self.item_open) {
            let progress = self.answer.progress(false, last);
            self.item_event("response.output_item.done", progress, out);
        }
    }
}
