//! Pictures and documents behind URLs, which Bedrock does not fetch: they go into the body.

use std::fmt::Write as _;
use std::ops::Range;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use outcrop_chat::LinkKind;
use serde_json::value::RawValue;

use super::blocks::{self, Block};
use super::object::{Object, Writer};

/// A URL that has to be fetched before Claude is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLink {
    /// What it leads to.
    pub kind: LinkKind,
    /// Where.
    pub url: String,
    /// The field it came in.
    pub param: String,
}

/// What a URL led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inlined {
    /// Its real media type.
    pub media_type: &'static str,
    /// The file: text for `text/plain`.
    pub bytes: Bytes,
}

/// The URLs in a body, in order. Costs a search through it, and nothing else where there is none.
#[must_use]
pub fn find(body: &[u8]) -> Vec<MediaLink> {
    places(body).into_iter().map(|(_, link)| link).collect()
}

/// The body with what the URLs led to in their place; `fetched` are in the order of [`find`]. It is written once.
#[must_use]
pub fn inline(body: &Bytes, fetched: Vec<Inlined>) -> Bytes {
    let room: usize = fetched.iter().map(|it| it.bytes.len().div_ceil(3) * 4 + 64).sum();
    let mut out = BytesMut::with_capacity(body.len() + room);
    let mut written = 0;
    for ((source, _), inlined) in places(body).into_iter().zip(fetched) {
        out.put_slice(&body[written..source.start]);
        put_source(&mut out, &inlined);
        written = source.end;
    }
    out.put_slice(&body[written..]);
    out.freeze()
}

/// The `source` objects that are URLs: where in the body, and what they name.
fn places(body: &[u8]) -> Vec<(Range<usize>, MediaLink)> {
    let mut found = Vec::new();
    if memchr::memmem::find(body, b"\"url\"").is_none() {
        return found;
    }
    blocks::each(body, &mut |Block { path, kind, fields }| {
        let kind = match kind {
            "image" => LinkKind::Image,
            "document" => LinkKind::Document,
            _ => return,
        };
        let Some(source) = fields.get("source") else { return };
        if let Some(url) = url(source) {
            // What is read is borrowed from the body.
            let start = source.get().as_ptr().addr() - body.as_ptr().addr();
            let link = MediaLink { kind, url, param: format!("{path}.source.url") };
            found.push((start..start + source.get().len(), link));
        }
    });
    found
}

fn url(source: &RawValue) -> Option<String> {
    let fields = Object::read(source)?;
    let kind: String = fields.of("type")?;
    (kind == "url").then(|| fields.of("url"))?
}

fn put_source(out: &mut BytesMut, Inlined { media_type, bytes }: &Inlined) {
    let mut writer = Writer::begin(out);
    writer.string("media_type", media_type);
    if *media_type == "text/plain" {
        writer.string("type", "text");
        writer.string("data", &String::from_utf8_lossy(bytes));
    } else {
        writer.string("type", "base64");
        let out = writer.name("data");
        // Nothing in base64 needs to be escaped, and writing to a buffer does not fail.
        let _ = write!(out, "\"{}\"", Base64Display::new(bytes, &STANDARD));
    }
    writer.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_are_replaced_and_nothing_else_is_touched() {
        let body = Bytes::from_static(
            br#" { "messages":[{"role":"user" ,"content":[{"type":"image","source":{"type":"url","url":"https:\/\/a/1"}},
            {"type":"tool_result","content":[{"source": {"url":"https://a/2","type":"url"} , "type":"document"}]},
            {"type":"image","source":{"type":"base64","data":"url"}}]}],"new":1.50} "#,
        );
        let links = find(&body);
        let named: Vec<_> = links.iter().map(|it| (it.url.as_str(), it.param.as_str())).collect();
        let (first, second) = ("messages[0].content[0]", "messages[0].content[1].content[0]");
        let expected =
            [("https://a/1", format!("{first}.source.url")), ("https://a/2", format!("{second}.source.url"))];
        assert_eq!(named, expected.each_ref().map(|(url, param)| (*url, param.as_str())));
        let png = Inlined { media_type: "image/png", bytes: Bytes::from_static(b"\x89PNG") };
        let text = Inlined { media_type: "text/plain", bytes: Bytes::from_static(b"a \"b\"") };
        let inlined = inline(&body, vec![png, text]);
        let expected = String::from_utf8(body.to_vec()).unwrap();
        let expected = expected
            .replace(
                r#"{"type":"url","url":"https:\/\/a/1"}"#,
                r#"{"media_type":"image/png","type":"base64","data":"iVBORw=="}"#,
            )
            .replace(
                r#"{"url":"https://a/2","type":"url"}"#,
                r#"{"media_type":"text/plain","type":"text","data":"a \"b\""}"#,
            );
        assert_eq!(String::from_utf8(inlined.to_vec()).unwrap(), expected);
        assert_eq!(inline(&body, Vec::new()), body);
    }
}
