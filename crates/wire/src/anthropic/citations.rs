//! Where a text was found: from Converse's words to Anthropic's.

use serde_json::{Value, json};

/// A citation of Converse's (`Citation`, `CitationsDelta`) as Anthropic's; `None` for a location it has no word for.
pub(super) fn citation(given: &Value) -> Option<Value> {
    let (kind, location) = given.get("location")?.as_object()?.iter().next()?;
    let cited: String = given["sourceContent"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|part| part["text"].as_str())
        .collect();
    let (title, start, end) = (&given["title"], &location["start"], &location["end"]);
    let document = &location["documentIndex"];
    Some(match kind.as_str() {
        "documentChar" => json!({
            "type": "char_location", "cited_text": cited, "document_index": document, "document_title": title,
            "start_char_index": start, "end_char_index": end,
        }),
        "documentPage" => json!({
            "type": "page_location", "cited_text": cited, "document_index": document, "document_title": title,
            "start_page_number": start, "end_page_number": end,
        }),
        "documentChunk" => json!({
            "type": "content_block_location", "cited_text": cited, "document_index": document,
            "document_title": title, "start_block_index": start, "end_block_index": end,
        }),
        "searchResultLocation" => json!({
            "type": "search_result_location", "cited_text": cited, "source": given["source"], "title": title,
            "search_result_index": location["searchResultIndex"], "start_block_index": start, "end_block_index": end,
        }),
        "web" => json!({
            "type": "web_search_result_location", "cited_text": cited, "url": location["url"], "title": title,
            "encrypted_index": "",
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_location_has_its_word() {
        let cases = [
            (json!({"documentChar": {"documentIndex": 1, "start": 2, "end": 3}}), "char_location"),
            (json!({"documentPage": {"documentIndex": 1, "start": 2, "end": 3}}), "page_location"),
            (json!({"documentChunk": {"documentIndex": 1, "start": 2, "end": 3}}), "content_block_location"),
            (
                json!({"searchResultLocation": {"searchResultIndex": 0, "start": 2, "end": 3}}),
                "search_result_location",
            ),
            (
                json!({"web": {"url": "https://example.com", "domain": "example.com"}}),
                "web_search_result_location",
            ),
        ];
        for (location, word) in cases {
            let given = json!({"title": "T", "source": "s", "sourceContent": [{"text": "a"}, {"text": "b"}], "location": location});
            let citation = citation(&given).unwrap();
            assert_eq!(
                (citation["type"].as_str(), citation["cited_text"].as_str()),
                (Some(word), Some("ab"))
            );
        }
        assert_eq!(citation(&json!({"location": {"moon": {}}})), None);
        assert_eq!(citation(&json!({"title": "T"})), None);
    }
}
