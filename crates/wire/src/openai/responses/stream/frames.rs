//! Single events of a streamed answer.

use bytes::{BufMut, BytesMut};
use serde_json::Value;

use super::ResponseStream;
use crate::escape::{put_integer, put_string};
use crate::openai::responses::answer::Status;
use crate::openai::responses::output::{OutputItem, Progress, TextPart, put_json, put_part};

impl ResponseStream {
    pub(super) fn end_text(&mut self, part: &TextPart, out: &mut BytesMut) {
        for (at, annotation) in part.annotations().iter().enumerate() {
            self.annotation(at, annotation, out);
        }
        self.event("response.output_text.done", out);
        self.place(out);
        self.put_content_index(out);
        out.put_slice(b",\"text\":");
        put_string(out, &part.text);
        out.put_slice(b",\"logprobs\":[]}\n\n");
        self.part_event("response.content_part.done", part, out);
    }

    fn annotation(&mut self, at: usize, annotation: &Value, out: &mut BytesMut) {
        self.event("response.output_text.annotation.added", out);
        self.place(out);
        self.put_content_index(out);
        out.put_slice(b",\"annotation_index\":");
        put_integer(out, at);
        out.put_slice(b",\"annotation\":");
        put_json(out, annotation);
        out.put_slice(b"}\n\n");
    }

    pub(super) fn part_event(&mut self, name: &str, part: &TextPart, out: &mut BytesMut) {
        self.event(name, out);
        self.place(out);
        self.put_content_index(out);
        out.put_slice(b",\"part\":");
        put_part(out, part);
        out.put_slice(b"}\n\n");
    }

    pub(super) fn end_thought(&mut self, text: &str, out: &mut BytesMut) {
        self.event("response.reasoning_summary_text.done", out);
        self.place(out);
        out.put_slice(b",\"summary_index\":0,\"text\":");
        put_string(out, text);
        out.put_slice(b"}\n\n");
        self.event("response.reasoning_summary_part.done", out);
        self.place(out);
        out.put_slice(b",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":");
        put_string(out, text);
        out.put_slice(b"}}\n\n");
    }

    /// A call without a piece of input has the input `{}`.
    pub(super) fn end_call(&mut self, out: &mut BytesMut) {
        let Some(OutputItem::Call(call)) = self.answer.items.last_mut() else { return };
        let empty = call.arguments.is_empty();
        if empty {
            call.arguments.push_str("{}");
        }
        let call = call.clone();
        if self.answer.tools.tool(&call.name).custom {
            let text = call.free_text();
            for (name, field) in [("delta", "delta"), ("done", "input")] {
                self.event(&format!("response.custom_tool_call_input.{name}"), out);
                self.place(out);
                out.put_slice(format!(",\"{field}\":").as_bytes());
                put_string(out, &text);
                out.put_slice(b"}\n\n");
            }
            return;
        }
        if empty {
            self.arguments_delta("{}", out);
        }
        self.event("response.function_call_arguments.done", out);
        self.place(out);
        out.put_slice(b",\"arguments\":");
        put_string(out, &call.arguments);
        out.put_slice(b"}\n\n");
    }

    pub(super) fn arguments_delta(&mut self, json: &str, out: &mut BytesMut) {
        self.event("response.function_call_arguments.delta", out);
        self.place(out);
        out.put_slice(b",\"delta\":");
        put_string(out, json);
        out.put_slice(b"}\n\n");
    }

    pub(super) fn item_event(&mut self, name: &str, progress: Progress, out: &mut BytesMut) {
        self.event(name, out);
        let at = self.answer.items.len() - 1;
        out.put_slice(b",\"output_index\":");
        put_integer(out, at);
        out.put_slice(b",\"item\":");
        self.answer.shown_to_client().put(out, at, &self.answer.items[at], progress);
        out.put_slice(b"}\n\n");
    }

    pub(super) fn object(&mut self, name: &str, status: Status<'_>, out: &mut BytesMut) {
        self.event(name, out);
        out.put_slice(b",\"response\":");
        self.answer.put_object(out, status);
        out.put_slice(b"}\n\n");
    }

    /// Begins an event: its name, and its data up to the number.
    pub(super) fn event(&mut self, name: &str, out: &mut BytesMut) {
        out.put_slice(b"event: ");
        out.put_slice(name.as_bytes());
        out.put_slice(b"\ndata: {\"type\":\"");
        out.put_slice(name.as_bytes());
        out.put_slice(b"\",\"sequence_number\":");
        put_integer(out, self.sequence);
        self.sequence += 1;
    }

    /// Says of which item an event is: the last one, whose number this gives.
    pub(super) fn place(&self, out: &mut BytesMut) -> usize {
        let at = self.answer.items.len() - 1;
        out.put_slice(b",\"item_id\":\"");
        out.put_slice(self.item_id.as_bytes());
        out.put_slice(b"\",\"output_index\":");
        put_integer(out, at);
        at
    }

    /// Says of which part of the last item an event is: the last one.
    fn put_content_index(&self, out: &mut BytesMut) {
        if let Some(OutputItem::Message(parts)) = self.answer.items.last() {
            out.put_slice(b",\"content_index\":");
            put_integer(out, parts.len() - 1);
        }
    }
}
