//! The blocks of a body for Claude, wherever they stand.

use serde_json::value::RawValue;

use super::object::Object;

/// Kinds of blocks that are more than Claude's.
const KNOWN: [&str; 8] = [
    "document",
    "image",
    "redacted_thinking",
    "search_result",
    "text",
    "thinking",
    "tool_result",
    "tool_use",
];

/// One block, of which only the names are read.
pub(super) struct Block<'a> {
    /// `messages[0].content[1]`
    pub(super) path: &'a str,
    pub(super) kind: &'a str,
    pub(super) fields: &'a Object<'a>,
}

/// Shows every block of the messages, in order; those in a tool's result behind it.
pub(super) fn each(body: &[u8], visit: &mut dyn FnMut(Block<'_>)) {
    let Ok(fields) = serde_json::from_slice::<Object<'_>>(body) else { return };
    for (at, message) in items(fields.get("messages")).enumerate() {
        if let Some(message) = Object::read(message) {
            each_in(message.get("content"), &format!("messages[{at}].content"), visit);
        }
    }
}

fn each_in(content: Option<&RawValue>, path: &str, visit: &mut dyn FnMut(Block<'_>)) {
    for (at, block) in items(content).enumerate() {
        let Some(fields) = Object::read(block) else { continue };
        let Some(kind) = fields.of::<String>("type") else { continue };
        let path = format!("{path}[{at}]");
        visit(Block { path: &path, kind: &kind, fields: &fields });
        if kind == "tool_result" {
            each_in(fields.get("content"), &format!("{path}.content"), visit);
        }
    }
}

/// Whether there are blocks or tools of kinds that only Claude may know.
#[must_use]
pub fn has_own_kinds(body: &[u8]) -> bool {
    let Ok(fields) = serde_json::from_slice::<Object<'_>>(body) else { return false };
    let kind = |tool: &RawValue| Object::read(tool)?.of::<String>("type");
    let mut found = items(fields.get("tools")).filter_map(kind).any(|kind| kind != "custom");
    each(body, &mut |block| found |= !KNOWN.contains(&block.kind));
    found
}

/// What a list holds; nothing if the value is something else.
fn items(list: Option<&RawValue>) -> impl Iterator<Item = &RawValue> {
    let items: Option<Vec<&RawValue>> = list.and_then(|list| serde_json::from_str(list.get()).ok());
    items.unwrap_or_default().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_claudes_own_are_found_wherever_they_stand() {
        for (own, body) in [
            (false, r#"{"messages":[{"content":"hi"},{"content":[{"type":"text","text":"hi"}]}]}"#),
            (false, r#"{"tools":[{"name":"a"},{"name":"b","type":"custom"}]}"#),
            (false, r#"{"messages":5,"tools":{"type":"bash"}}"#),
            (false, r#"{"messages":[{"content":[{"type":5},7]}]}"#),
            (false, "[]"),
            (true, r#"{"tools":[{"name":"a"},{"type":"bash_20250124"}]}"#),
            (true, r#"{"messages":[{"content":[{"type":"web_fetch_tool_result","content":{"type":"x"}}]}]}"#),
            (
                true,
                r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"tool_reference"}]}]}]}"#,
            ),
        ] {
            assert_eq!(has_own_kinds(body.as_bytes()), own, "{body}");
        }
    }
}
