//! The lines of a batch: each with a prompt and an answer of its own.

use serde_json::{Value, json};

/// The model that most lines ask.
const MODEL: &str = "amazon.nova-lite-v1:0";
/// One line in so many asks for a model that there is not.
const STRAY: u32 = 97;

/// What a line is known by: to its owner, and in the emulator's book.
pub(crate) fn mark(line: u32) -> String {
    format!("line-{line:06}")
}

/// Whether a line cannot be answered.
pub(crate) fn is_stray(line: u32) -> bool {
    line.is_multiple_of(STRAY)
}

/// What a line is answered.
pub(crate) fn answer(line: u32) -> String {
    format!("this is {} and nothing else", mark(line))
}

/// The whole file, lines from 1.
pub(crate) fn file(lines: u32) -> String {
    let mut file = String::new();
    for line in 1..=lines {
        file.push_str(&request(line).to_string());
        file.push('\n');
    }
    file
}

fn request(line: u32) -> Value {
    let model = if is_stray(line) { "nobody.nothing-v1:0" } else { MODEL };
    let prompt = format!("[[id: {}]][[say: {}]]", mark(line), answer(line));
    json!({
        "custom_id": mark(line),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 50},
    })
}
