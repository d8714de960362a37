//! Where the model found what it says: web pages as OpenAI's annotations, the rest where LiteLLM's clients look for it.

use bytes::{BufMut, BytesMut};
use serde_json::Value;

use crate::escape::{put_integer, put_string};

/// Where the parts of one answer are from.
#[derive(Debug, Default)]
pub(in crate::openai) struct Sources {
    pages: Vec<Annotation>,
    /// What OpenAI has no place for here, a place in a document above all: Converse's `Citation`, and which characters
    /// of the content are from there.
    others: Vec<Value>,
}

/// A page that a part of the content is from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Annotation {
    /// The first character of the part.
    start: usize,
    /// The character behind its last one.
    end: usize,
    url: String,
    title: String,
}

impl Sources {
    /// Adds a citation in Converse's shape, and the characters that are from there.
    pub(in crate::openai) fn add(&mut self, citation: &Value, start: usize, end: usize) {
        if let Some(page) = Annotation::of(citation, start, end) {
            self.pages.push(page);
            return;
        }
        let mut other = citation.clone();
        if let Value::Object(fields) = &mut other {
            fields.insert("start_index".to_owned(), start.into());
            fields.insert("end_index".to_owned(), end.into());
        }
        self.others.push(other);
    }

    /// Whether nothing was found anywhere.
    pub(in crate::openai) const fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.others.is_empty()
    }

    /// Writes `annotations` and, if there is anything for them, `provider_specific_fields.citations`.
    pub(in crate::openai) fn put(&self, out: &mut BytesMut) {
        out.put_slice(b"\"annotations\":");
        put_annotations(out, &self.pages);
        for (at, citation) in self.others.iter().enumerate() {
            let lead: &[u8] = if at == 0 { b",\"provider_specific_fields\":{\"citations\":[" } else { b"," };
            out.put_slice(lead);
            out.put_slice(citation.to_string().as_bytes());
        }
        if !self.others.is_empty() {
            out.put_slice(b"]}");
        }
    }
}

impl Annotation {
    /// From a citation of a page, or of what has an address.
    fn of(citation: &Value, start: usize, end: usize) -> Option<Self> {
        let address = citation.get("source").and_then(Value::as_str);
        let address = address.filter(|it| it.starts_with("https://") || it.starts_with("http://"));
        let url = citation.pointer("/location/web/url").and_then(Value::as_str).or(address)?;
        let title = citation.get("title").or_else(|| citation.pointer("/location/web/domain"));
        let title = title.and_then(Value::as_str).unwrap_or(url);
        Some(Self { start, end, url: url.to_owned(), title: title.to_owned() })
    }
}

fn put_annotations(out: &mut BytesMut, annotations: &[Annotation]) {
    out.put_u8(b'[');
    for (at, annotation) in annotations.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        out.put_slice(b"{\"type\":\"url_citation\",\"url_citation\":{\"end_index\":");
        put_integer(out, annotation.end);
        out.put_slice(b",\"start_index\":");
        put_integer(out, annotation.start);
        out.put_slice(b",\"title\":");
        put_string(out, &annotation.title);
        out.put_slice(b",\"url\":");
        put_string(out, &annotation.url);
        out.put_slice(b"}}");
    }
    out.put_u8(b']');
}
