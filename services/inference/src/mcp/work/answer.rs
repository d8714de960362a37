//! What a model said, found in the answer of whichever dialect the job was asked in.

use serde_json::Value;

/// The text of an answer to a call of this path; `None` where an answer is no text (vectors, images, an order of documents), or
/// says nothing.
pub(super) fn text(path: &str, body: &Value) -> Option<String> {
    let path = path.strip_prefix("/api").unwrap_or(path);
    let text = match path {
        "/v1/chat/completions" => body.pointer("/choices/0/message/content")?.as_str()?.to_owned(),
        "/v1/completions" => body.pointer("/choices/0/text")?.as_str()?.to_owned(),
        "/v1/messages" => joined(body.get("content")?),
        "/v1/responses" => {
            let items = body.get("output")?.as_array()?;
            items.iter().filter_map(|item| item.get("content")).map(joined).collect()
        }
        "/generate" | "/v1/generate" => body.get("text")?.as_str()?.to_owned(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The texts of all blocks that say something.
fn joined(blocks: &Value) -> String {
    let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
    let said = |block: &&Value| matches!(block["type"].as_str(), Some("text" | "output_text"));
    blocks.iter().filter(said).filter_map(|block| block["text"].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_dialect_says_its_text_elsewhere() {
        let chat = json!({ "choices": [{ "message": { "content": "later" } }] });
        let blocks = json!([{ "type": "thinking", "text": "hm" }, { "type": "text", "text": "later" }]);
        let message = json!([{ "type": "output_text", "text": "later" }]);
        let cases = [
            ("/v1/chat/completions", chat.clone()),
            ("/api/v1/chat/completions", chat),
            ("/v1/completions", json!({ "choices": [{ "text": "later" }] })),
            ("/v1/messages", json!({ "content": blocks })),
            ("/v1/responses", json!({ "output": [{ "type": "reasoning" }, { "content": message }] })),
            ("/generate", json!({ "text": "later" })),
            ("/v1/generate", json!({ "text": "later" })),
        ];
        for (path, body) in cases {
            assert_eq!(text(path, &body).as_deref(), Some("later"), "{path}");
            assert_eq!(text(path, &json!({ "error": { "message": "no" } })), None, "{path}");
        }
        assert_eq!(text("/v1/embeddings", &json!({ "data": [] })), None);
    }
}
