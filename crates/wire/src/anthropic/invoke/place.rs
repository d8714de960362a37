//! `cache_control` in bodies whose clients put none.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::value::RawValue;

use super::cache::{put_content, put_message, takes_control};
use super::object::{Object, Writer};
use super::weigh::weigh;

/// Where `cache_control` is wanted, and how long what stands before it is to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Placing {
    /// At the last tool.
    pub tools: bool,
    /// At the end of the instructions.
    pub system: bool,
    /// At the end of the user's last two turns.
    pub messages: bool,
    /// Whether tools and instructions are kept for an hour, rather than for five minutes.
    pub head_one_hour: bool,
    /// Whether turns are; not where tools and instructions are not, as Bedrock refuses an hour behind five minutes.
    pub turns_one_hour: bool,
    /// Shortest beginning that is worth it, tokens.
    pub min_tokens: u64,
}

/// Whether a body asks for something to be kept, or writes its names so that nobody can tell by looking.
#[must_use]
pub fn is_marked(body: &[u8]) -> bool {
    let says = |name: &[u8]| memchr::memmem::find_iter(body, name).any(|at| at == 0 || body[at - 1] != b'\\');
    // Nobody but who wants to hide something writes letters as `\u0063`.
    let mut escapes = memchr::memmem::find_iter(body, b"\\u00");
    says(b"\"cache_control\"") || escapes.any(|at| matches!(body.get(at + 4), Some(b'4'..=b'7')))
}

/// Whether a body asks for marks by `prompt_caching`, as far as that can be seen without reading it.
#[must_use]
pub fn asks_for_marks(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"prompt_caching\"").is_some()
}

/// Puts `cache_control` where it is wanted and the beginning is long enough, and says how often; a body that has some of
/// its own stays as it is. Tools are put in the order of their names, as clients do not always send them in the same one.
#[must_use]
pub fn place(body: Bytes, placing: Placing) -> (Bytes, usize) {
    if !(placing.tools || placing.system || placing.messages) || is_marked(&body) {
        return (body, 0);
    }
    let Ok(fields) = serde_json::from_slice::<Object<'_>>(&body) else { return (body, 0) };
    let spots = Spots::find(&fields, placing);
    let count = spots.count();
    if count == 0 {
        return (body, 0);
    }
    let (head, turns) = (control(placing.head_one_hour), control(placing.turns_one_hour));
    let mut out = BytesMut::with_capacity(body.len() + 256);
    let mut writer = Writer::begin(&mut out);
    for (name, value) in &fields.0 {
        match &**name {
            "tools" => put_tools(writer.name(name), value, spots.tools.then_some(head)),
            "system" if spots.system => put_content(writer.name(name), value, head),
            "messages" => put_messages(writer.name(name), value, &spots.turns, turns),
            _ => writer.raw(name, value.get()),
        }
    }
    writer.end();
    (out.freeze(), count)
}

/// Gives the texts with which a conversation begins, one after the other: tools in the order of their names, instructions
/// and the first turn. They are the same in every request of it, wherever `cache_control` stands.
pub fn beginning(body: &[u8], mut found: impl FnMut(&str)) {
    let Ok(fields) = serde_json::from_slice::<Object<'_>>(body) else { return };
    for tool in fields.get("tools").map(by_name).unwrap_or_default() {
        unmarked(tool, &mut found);
    }
    for content in fields.get("system").into_iter().chain(first_turn(&fields)) {
        match serde_json::from_str::<Vec<&RawValue>>(content.get()) {
            Ok(blocks) => blocks.into_iter().for_each(|block| unmarked(block, &mut found)),
            Err(_) => found(content.get()),
        }
    }
}

/// What a block says: a text alone, as one that is no list says it, and of others all fields.
fn unmarked(block: &RawValue, found: &mut impl FnMut(&str)) {
    let Some(fields) = Object::read(block) else { return found(block.get()) };
    if fields.of::<String>("type").as_deref() == Some("text") {
        return fields.get("text").into_iter().for_each(|text| found(text.get()));
    }
    for (name, value) in fields.0.iter().filter(|(name, _)| name != "cache_control") {
        found(name);
        found(value.get());
    }
}

fn first_turn<'a>(fields: &Object<'a>) -> Option<&'a RawValue> {
    let messages: Vec<&RawValue> = fields.of("messages")?;
    Object::read(messages.first()?)?.get("content")
}

/// The spots where the beginning is long enough.
#[derive(Default)]
struct Spots {
    tools: bool,
    system: bool,
    turns: Vec<usize>,
}

impl Spots {
    fn find(fields: &Object<'_>, placing: Placing) -> Self {
        let mut tokens = 0;
        let mut read = |value: &RawValue| {
            tokens += weigh(value.get().as_bytes());
            tokens >= placing.min_tokens
        };
        let mut spots = Self::default();
        if let Some(tools) = fields.get("tools") {
            spots.tools = read(tools) && placing.tools && by_name(tools).iter().any(|it| is_offered(it));
        }
        if let Some(system) = fields.get("system") {
            spots.system = read(system) && placing.system && holds(system);
        }
        let messages: Vec<&RawValue> = fields.of("messages").unwrap_or_default();
        for (at, message) in messages.into_iter().enumerate().filter(|_| placing.messages) {
            let enough = read(message);
            let message = Object::read(message);
            if message.as_ref().and_then(|it| it.of::<String>("role")).as_deref() != Some("user") {
                continue;
            }
            // The last two of the user's turns count, whether or not they have a spot.
            spots.turns.push(at);
            if !enough || !message.and_then(|it| it.get("content")).is_some_and(holds) {
                *spots.turns.last_mut().unwrap_or(&mut 0) = usize::MAX;
            }
        }
        spots.turns = spots.turns.split_off(spots.turns.len().saturating_sub(2));
        spots.turns.retain(|at| *at != usize::MAX);
        spots
    }

    const fn count(&self) -> usize {
        self.tools as usize + self.system as usize + self.turns.len()
    }
}

/// Whether content has a block that can be followed by a mark.
fn holds(content: &RawValue) -> bool {
    match serde_json::from_str::<Vec<&RawValue>>(content.get()) {
        Ok(blocks) => blocks.into_iter().any(takes_control),
        Err(_) => content.get().starts_with('"') && content.get() != "\"\"",
    }
}

const fn control(one_hour: bool) -> &'static str {
    if one_hour { r#"{"type":"ephemeral","ttl":"1h"}"# } else { r#"{"type":"ephemeral"}"# }
}

/// The tools in the order of their names; those without stay first, in their own.
fn by_name(tools: &RawValue) -> Vec<&RawValue> {
    let mut tools: Vec<&RawValue> = serde_json::from_str(tools.get()).unwrap_or_default();
    tools.sort_by_cached_key(|tool| Object::read(tool).and_then(|it| it.of::<String>("name")));
    tools
}

/// Whether the model is told of a tool at once: one that it has to look for cannot be marked.
fn is_offered(tool: &RawValue) -> bool {
    Object::read(tool).is_some_and(|it| it.of("defer_loading") != Some(true))
}

fn put_tools(out: &mut BytesMut, tools: &RawValue, control: Option<&str>) {
    let list = by_name(tools);
    if list.is_empty() {
        return out.put_slice(tools.get().as_bytes());
    }
    let marked = list.iter().rposition(|it| is_offered(it));
    let mut before = b'[';
    for (at, tool) in list.into_iter().enumerate() {
        out.put_u8(std::mem::replace(&mut before, b','));
        match (Object::read(tool), control) {
            (Some(fields), Some(control)) if Some(at) == marked => {
                let mut writer = Writer::begin(out);
                fields.0.iter().for_each(|(name, value)| writer.raw(name, value.get()));
                writer.raw("cache_control", control);
                writer.end();
            }
            _ => out.put_slice(tool.get().as_bytes()),
        }
    }
    out.put_u8(b']');
}

fn put_messages(out: &mut BytesMut, messages: &RawValue, marked: &[usize], control: &str) {
    let list: Vec<&RawValue> = serde_json::from_str(messages.get()).unwrap_or_default();
    if marked.is_empty() || list.is_empty() {
        return out.put_slice(messages.get().as_bytes());
    }
    let mut before = b'[';
    for (at, message) in list.into_iter().enumerate() {
        out.put_u8(std::mem::replace(&mut before, b','));
        if marked.contains(&at) {
            put_message(out, message, control);
        } else {
            out.put_slice(message.get().as_bytes());
        }
    }
    out.put_u8(b']');
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
