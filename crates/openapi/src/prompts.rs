//! The JSON schemas of prompts.

use serde_json::{Value, json};

/// What fills the blanks of a prompt.
pub(crate) fn argument() -> Value {
    let text = |about: &str| json!({ "type": "string", "description": about });
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "Its name, and that of its blanks." },
            "description": text("What it is."),
            "required": { "type": "boolean", "default": false, "description": "Whether it must be given." },
            "default": text("What it is where it is not given, unless it is required; without this, nothing."),
            "values": {
                "type": "array",
                "items": { "type": "string", "minLength": 1, "maxLength": 200 },
                "maxItems": 100,
                "uniqueItems": true,
                "description": "What it may be; MCP clients complete it from these. Empty or absent is anything."
            }
        },
        "required": ["name"],
        "additionalProperties": false
    })
}

/// Something said in a prompt.
pub(crate) fn message() -> Value {
    json!({
        "type": "object",
        "properties": {
            "role": { "type": "string", "enum": ["user", "assistant"] },
            "text": {
                "type": "string",
                "minLength": 1,
                "description": "What is said. `{{name}}` is a blank that the argument of this name fills; `{{{{` stands for `{{` itself."
            }
        },
        "required": ["role", "text"],
        "additionalProperties": false
    })
}
