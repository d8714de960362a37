//! YAML out of JSON values: blocks, with every text quoted as in JSON, which YAML reads alike.

use serde_json::Value;

/// The document, with a line before it that says where it comes from.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::from("# Written by `cargo xtask observability`; change it there.\n");
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                text.push_str(&format!("{indent}{}:", key(name)));
                below(text, value, depth + 1);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                block(&mut inner, item, depth + 1);
                // The first line of an item stands beside its dash.
                text.push_str(&format!("{indent}- {}", inner.trim_start()));
            }
        }
        scalar => text.push_str(&format!("{indent}{scalar}\n")),
    }
}

fn below(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if fields.is_empty() => text.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => text.push_str(" []\n"),
        Value::Array(items) if items.iter().all(Value::is_string) => text.push_str(&format!(" {value}\n")),
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            block(text, value, depth);
        }
        scalar => text.push_str(&format!(" {scalar}\n")),
    }
}

/// Plain where YAML lets it be plain.
fn key(name: &str) -> String {
    let plain = name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || "_-:".contains(it))
        && !name.ends_with(':')
        && !["on", "off", "yes", "no", "true", "false", "null", "y", "n"]
            .contains(&name.to_lowercase().as_str());
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}
