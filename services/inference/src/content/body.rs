//! The same of bodies in a model's own words, as far as they are like those that most models have.

use serde_json::{Value, json};

use super::fit::Room;
use super::{Asked, Said, thing};

/// Larger bodies are not taken apart: it is what is sent along that makes them so.
const MOST_BYTES: usize = 4 << 20;
/// How deep answers are looked into.
const MOST_DEPTH: usize = 8;
/// Where what is asked stands in a body that has no messages.
const PROMPTS: [&str; 5] = ["prompt", "inputText", "query", "texts", "documents"];
/// Where text stands in an answer.
const TEXTS: [&str; 6] = ["text", "outputText", "generation", "completion", "content", "output_text"];

impl Asked {
    /// What a body asks, if it looks like anything.
    pub(crate) fn of_body(body: &[u8], most: usize) -> Option<Self> {
        if body.len() > MOST_BYTES {
            return None;
        }
        let body: Value = serde_json::from_slice(body).ok()?;
        let system =
            body.get("system").map(|system| Value::Array(parts(system, &mut Room::new(most))).to_string());
        let mut room = Room::new(most);
        let mut messages = Vec::new();
        if let Some(turns) = body.get("messages").and_then(Value::as_array) {
            for (at, turn) in turns.iter().enumerate().rev() {
                if room.is_full() {
                    messages.push(json!({"role": "cut", "parts": [{"type": "cut", "messages": at + 1}]}));
                    break;
                }
                let role = turn.get("role").and_then(Value::as_str).unwrap_or("user");
                let content = turn.get("content").unwrap_or(&Value::Null);
                messages.push(json!({"role": room.name(role), "parts": parts(content, &mut room)}));
            }
            messages.reverse();
        } else {
            let asked = PROMPTS.iter().filter_map(|name| body.get(name));
            let parts: Vec<Value> = asked.flat_map(|it| parts(it, &mut room)).collect();
            messages.push(json!({"role": "user", "parts": parts}));
        }
        Some(Self { system, messages: Value::Array(messages).to_string() })
    }
}

fn parts(content: &Value, room: &mut Room) -> Vec<Value> {
    let items = match content {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    let mut parts = Vec::new();
    for item in items {
        if room.is_full() {
            break;
        }
        parts.push(part(item, room));
    }
    parts
}

fn part(item: &Value, room: &mut Room) -> Value {
    let text = item.as_str().or_else(|| item.get("text").and_then(Value::as_str));
    if let Some(text) = text {
        return json!({"type": "text", "content": room.text(text)});
    }
    let kind = item.get("type").and_then(Value::as_str);
    match kind {
        Some("thinking") => {
            let thought = item.get("thinking").and_then(Value::as_str).unwrap_or_default();
            json!({"type": "reasoning", "content": room.text(thought)})
        }
        Some("tool_use") => {
            let of = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
            let arguments = item.get("input").unwrap_or(&Value::Null);
            let (id, name) = (room.name(of("id")), room.name(of("name")));
            json!({"type": "tool_call", "id": id, "name": name, "arguments": room.value(arguments)})
        }
        Some("tool_result") => {
            let id = room.name(item.get("tool_use_id").and_then(Value::as_str).unwrap_or_default());
            let content = parts(item.get("content").unwrap_or(&Value::Null), room);
            json!({"type": "tool_call_response", "id": id, "response": content})
        }
        // A picture, a document, or something newer than this.
        kind => thing(&room.name(kind.unwrap_or("other")), item.to_string().len()),
    }
}

impl Said {
    /// An answer in a model's own words, or a piece of one.
    pub(crate) fn push_body(&mut self, body: &[u8]) {
        if self.left == 0 || body.len() > MOST_BYTES {
            return;
        }
        if let Ok(body) = serde_json::from_slice(body) {
            self.read(&body, 0);
        }
    }

    fn read(&mut self, value: &Value, depth: usize) {
        if depth > MOST_DEPTH {
            return;
        }
        match value {
            Value::Array(items) => items.iter().for_each(|it| self.read(it, depth + 1)),
            Value::Object(fields) => {
                if fields.get("type").is_some_and(|it| it == "tool_use") {
                    let of = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
                    self.call(0, of("id"), of("name"));
                    // A stream begins with none, and adds them piece by piece.
                    let input =
                        fields.get("input").filter(|it| it.as_object().is_some_and(|it| !it.is_empty()));
                    if let Some(input) = input {
                        self.input(0, &super::redact::redact_value(input).to_string());
                    }
                    return;
                }
                for (name, value) in fields {
                    match value {
                        Value::String(text) if TEXTS.contains(&name.as_str()) => self.text(0, text),
                        Value::String(text) if name == "thinking" => self.thought(0, text),
                        Value::String(text) if name == "partial_json" => self.input(0, text),
                        Value::Array(_) | Value::Object(_) => self.read(value, depth + 1),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether nothing was gathered.
    #[cfg(test)]
    fn has_texts(&self) -> bool {
        self.parts.iter().any(|it| matches!(it, super::Part::Text(..)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_str;

    use super::*;

    #[test]
    fn what_most_models_are_asked_is_found() {
        let body = json!({
            "system": [{"type": "text", "text": "Be kind."}],
            "messages": [
                {"role": "user", "content": "I am a@b.example"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"to": "a@b.example"}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": "done"},
                    {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                ]},
            ],
        });
        let Asked { system, messages } = Asked::of_body(body.to_string().as_bytes(), 2_000).unwrap();
        let system: Value = from_str(&system.unwrap()).unwrap();
        assert_eq!(system, json!([{"type": "text", "content": "Be kind."}]));
        let messages: Value = from_str(&messages).unwrap();
        assert_eq!(messages[0]["parts"][0]["content"], "I am [email]");
        assert_eq!(messages[1]["parts"][0]["arguments"], json!({"to": "[email]"}));
        assert_eq!(messages[2]["parts"][0]["response"][0]["content"], "done");
        assert_eq!(messages[2]["parts"][1]["type"], "image");
        assert!(!messages.to_string().contains("AAAA"));
        let body = json!({"inputText": "I am a@b.example"}).to_string();
        let asked = Asked::of_body(body.as_bytes(), 2_000).unwrap().messages;
        assert!(asked.contains("I am [email]"), "{asked}");
        assert!(Asked::of_body(b"no JSON", 2_000).is_none());
    }

    #[test]
    fn what_most_models_answer_is_found() {
        for body in [
            json!({"content": [{"type": "text", "text": "to a@b.example"}]}),
            json!({"results": [{"outputText": "to a@b.example"}]}),
            json!({"choices": [{"message": {"content": "to a@b.example"}}]}),
        ] {
            let mut said = Said::nothing(2_000);
            said.push_body(body.to_string().as_bytes());
            assert!(said.has_texts() && said.messages(None).contains("to [email]"), "{body}");
        }
        let mut said = Said::nothing(2_000);
        for chunk in [
            json!({"type": "content_block_start", "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
            json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
        ] {
            said.push_body(chunk.to_string().as_bytes());
        }
        assert!(said.messages(None).contains(r#""arguments":"{\"a\":1}""#), "{}", said.messages(None));
    }
}
