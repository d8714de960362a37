//! Puts a stream together as Anthropic's SDKs do, and is strict where they are lax: about order, numbers and ends.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The message, or what is wrong with the stream.
pub(crate) fn accumulate(stream: &str) -> Result<Value, String> {
    let mut client = Client::default();
    for event in stream.split_terminator("\n\n") {
        let (name, data) = event.split_once('\n').ok_or("an event without data")?;
        let name = name.strip_prefix("event: ").ok_or("an event without a name")?;
        let data: Vec<&str> = data.lines().map(|line| line.strip_prefix("data: ").unwrap_or("?")).collect();
        let data: Value = serde_json::from_str(&data.join("\n")).map_err(|error| error.to_string())?;
        if data["type"] != name {
            return Err(format!("{name} holds {data}"));
        }
        client.event(name, &data)?;
    }
    if client.ended { Ok(client.message) } else { Err("the stream has no end".into()) }
}

#[derive(Default)]
struct Client {
    message: Value,
    open: Option<usize>,
    inputs: HashMap<usize, String>,
    stopped: bool,
    ended: bool,
}

impl Client {
    fn event(&mut self, name: &str, data: &Value) -> Result<(), String> {
        if self.ended {
            return Err(format!("{name} after the end"));
        }
        if name != "message_start" && self.message.is_null() {
            return Err(format!("{name} before the beginning"));
        }
        match name {
            "ping" => {}
            "message_start" if self.message.is_null() => self.message = data["message"].clone(),
            "content_block_start" => self.start(data)?,
            "content_block_delta" => self.delta(data)?,
            "content_block_stop" => self.stop(data)?,
            "message_delta" if self.open.is_none() => {
                merge(&mut self.message, &data["delta"]);
                merge(&mut self.message["usage"], &data["usage"]);
                self.stopped = true;
            }
            "message_stop" if self.stopped => self.ended = true,
            _ => return Err(format!("{name} out of place: {data}")),
        }
        Ok(())
    }

    fn content(&mut self) -> &mut Vec<Value> {
        self.message["content"].as_array_mut().unwrap()
    }

    fn start(&mut self, data: &Value) -> Result<(), String> {
        let next = self.content().len();
        if self.open.is_some() || data["index"] != next {
            return Err(format!("a block begins out of turn: {data}"));
        }
        self.open = Some(next);
        self.content().push(data["content_block"].clone());
        Ok(())
    }

    fn delta(&mut self, data: &Value) -> Result<(), String> {
        let at =
            self.open.filter(|at| data["index"] == *at).ok_or_else(|| format!("no such block: {data}"))?;
        let delta = &data["delta"];
        let (block, field) = match delta["type"].as_str() {
            Some("text_delta") => ("text", "text"),
            Some("thinking_delta") => ("thinking", "thinking"),
            Some("signature_delta") => ("thinking", "signature"),
            Some("input_json_delta") => ("tool_use", "partial_json"),
            Some("citations_delta") => ("text", "citation"),
            _ => return Err(format!("an unknown delta: {data}")),
        };
        if self.content()[at]["type"] != block {
            return Err(format!("a delta of another kind of block: {data}"));
        }
        let piece = delta[field].as_str().unwrap_or_default();
        match field {
            "partial_json" => self.inputs.entry(at).or_default().push_str(piece),
            "signature" => self.content()[at][field] = json!(piece),
            "citation" => {}
            _ => {
                let all = format!("{}{piece}", self.content()[at][field].as_str().unwrap_or_default());
                self.content()[at][field] = json!(all);
            }
        }
        Ok(())
    }

    fn stop(&mut self, data: &Value) -> Result<(), String> {
        let at = self.open.take().filter(|at| data["index"] == *at).ok_or("a block ends that is not open")?;
        if let Some(input) = self.inputs.remove(&at).filter(|it| !it.is_empty()) {
            self.content()[at]["input"] = serde_json::from_str(&input).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn merge(into: &mut Value, from: &Value) {
    let nothing = Map::new();
    for (name, value) in from.as_object().unwrap_or(&nothing) {
        into[name] = value.clone();
    }
}
