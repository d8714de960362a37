//! Where a text was found, in Converse's shape.

use aws_sdk_bedrockruntime::types as sdk;
use serde_json::{Map, Value, json};

/// A citation of a whole answer (`Citation`).
pub(crate) fn whole(citation: sdk::Citation) -> Value {
    let sdk::Citation { title, source, source_content, location, .. } = citation;
    let texts = source_content.map(|parts| {
        parts.into_iter().filter_map(|part| match part {
            sdk::CitationSourceContent::Text(text) => Some(json!({ "text": text })),
            _ => None,
        })
    });
    object(title, source, texts.map(Iterator::collect), location)
}

/// A citation in a stream (`CitationsDelta`).
pub(crate) fn delta(citation: sdk::CitationsDelta) -> Value {
    let sdk::CitationsDelta { title, source, source_content, location, .. } = citation;
    let texts = source_content.map(|parts| parts.into_iter().map(|part| json!({ "text": part.text })));
    object(title, source, texts.map(Iterator::collect), location)
}

fn object(
    title: Option<String>,
    source: Option<String>,
    content: Option<Vec<Value>>,
    location: Option<sdk::CitationLocation>,
) -> Value {
    let fields = [
        ("title", title.map(Value::String)),
        ("source", source.map(Value::String)),
        ("sourceContent", content.map(Value::Array)),
        ("location", location.and_then(self::location)),
    ];
    Value::Object(said(fields))
}

fn location(location: sdk::CitationLocation) -> Option<Value> {
    use sdk::CitationLocation as Location;
    Some(match location {
        Location::Web(it) => {
            let fields = [("url", it.url.map(Value::String)), ("domain", it.domain.map(Value::String))];
            json!({ "web": said(fields) })
        }
        Location::DocumentChar(it) => {
            json!({ "documentChar": span("documentIndex", it.document_index, it.start, it.end) })
        }
        Location::DocumentPage(it) => {
            json!({ "documentPage": span("documentIndex", it.document_index, it.start, it.end) })
        }
        Location::DocumentChunk(it) => {
            json!({ "documentChunk": span("documentIndex", it.document_index, it.start, it.end) })
        }
        Location::SearchResultLocation(it) => {
            json!({ "searchResultLocation": span("searchResultIndex", it.search_result_index, it.start, it.end) })
        }
        _ => return None,
    })
}

fn span(key: &'static str, index: Option<i32>, start: Option<i32>, end: Option<i32>) -> Map<String, Value> {
    said([(key, index.map(Value::from)), ("start", start.map(Value::from)), ("end", end.map(Value::from))])
}

/// The fields that hold something.
fn said<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}
