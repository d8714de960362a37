//! `cache_control` of a request, put to its last block: on Bedrock only blocks have it.

use bytes::{BufMut, BytesMut};
use serde_json::value::RawValue;

use super::object::{Object, Writer};

/// Writes `messages` with this `cache_control` at the last block that may have one and has none. What is no list of
/// messages stays as it is, for the model to refuse.
pub(super) fn put_marked(out: &mut BytesMut, messages: &RawValue, control: &RawValue) {
    let list: Option<Vec<&RawValue>> = serde_json::from_str(messages.get()).ok();
    let Some((last, before)) = list.as_deref().and_then(<[_]>::split_last) else {
        return out.put_slice(messages.get().as_bytes());
    };
    out.put_u8(b'[');
    for message in before {
        out.put_slice(message.get().as_bytes());
        out.put_u8(b',');
    }
    put_message(out, last, control.get());
    out.put_u8(b']');
}

/// Writes a message with this `cache_control` at its last block that may have one and has none.
pub(super) fn put_message(out: &mut BytesMut, message: &RawValue, control: &str) {
    let Some(fields) = Object::read(message) else { return out.put_slice(message.get().as_bytes()) };
    let mut writer = Writer::begin(out);
    for (name, value) in &fields.0 {
        match &**name {
            "content" => put_content(writer.name(name), value, control),
            _ => writer.raw(name, value.get()),
        }
    }
    writer.end();
}

/// The same for the content of a message, or for instructions.
pub(super) fn put_content(out: &mut BytesMut, content: &RawValue, control: &str) {
    if content.get().starts_with('"') {
        out.put_slice(b"[{\"type\":\"text\",\"text\":");
        out.put_slice(content.get().as_bytes());
        out.put_slice(b",\"cache_control\":");
        out.put_slice(control.as_bytes());
        return out.put_slice(b"}]");
    }
    let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
    let Some(last) = blocks.iter().rposition(|block| takes_control(block)) else {
        return out.put_slice(content.get().as_bytes());
    };
    out.put_u8(b'[');
    for (at, block) in blocks.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        match Object::read(block) {
            Some(fields) if at == last && fields.get("cache_control").is_none() => {
                let mut writer = Writer::begin(out);
                for (name, value) in fields.0.iter().filter(|(name, _)| name != "cache_control") {
                    writer.raw(name, value.get());
                }
                writer.raw("cache_control", control);
                writer.end();
            }
            _ => out.put_slice(block.get().as_bytes()),
        }
    }
    out.put_u8(b']');
}

/// Whether a block may have `cache_control`: thoughts may not, and neither may a text that says nothing.
pub(super) fn takes_control(block: &RawValue) -> bool {
    let Some(fields) = Object::read(block) else { return false };
    match fields.of::<String>("type").as_deref() {
        None | Some("thinking" | "redacted_thinking") => false,
        Some("text") => fields.get("text").is_some_and(|text| text.get() != "\"\""),
        Some(_) => true,
    }
}
