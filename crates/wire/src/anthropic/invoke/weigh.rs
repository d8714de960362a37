//! About how many tokens a body is, without reading it.

use crate::json::end_of_string;

/// The usual rule of thumb for text.
const BYTES_PER_TOKEN: usize = 4;
/// What Anthropic documents for a picture of 1092 by 1092 pixels, the largest that is not scaled down.
const TOKENS_PER_IMAGE: usize = 1_590;
/// Objects within more others than this are text: no model looks for a file there.
const MAX_DEPTH: usize = 32;
/// Below these stands what the model reads as text, whatever it looks like: arguments and results of tools, schemas.
const FREE_FORM: [&[u8]; 5] = [b"input", b"input_schema", b"inputSchema", b"json", b"schema"];

/// Estimates the tokens of a JSON body: its strings, with a flat count for each picture in base64 and the bytes of every
/// other file. Only what stands where a model looks for a file is one, so that no text passes for a picture.
#[must_use]
pub fn weigh(body: &[u8]) -> u64 {
    let mut scale = Scale::default();
    let mut at = 0;
    while let Some(start) = memchr::memchr(b'"', &body[at..]).map(|found| at + found + 1) {
        scale.structure(&body[at..start - 1]);
        let end = end_of_string(body, start);
        at = (end + 1).min(body.len());
        let is_key = body[at..].iter().find(|it| !it.is_ascii_whitespace()) == Some(&b':');
        if is_key { scale.key(&body[start..end]) } else { scale.value(&body[start..end]) }
    }
    scale.structure(&body[at..]);
    scale.total()
}

/// What was found so far.
#[derive(Default)]
struct Scale<'a> {
    text_bytes: usize,
    images: usize,
    /// The objects that are not closed yet.
    open: Vec<Object<'a>>,
    /// How many more are open beyond [`MAX_DEPTH`].
    deeper: usize,
    /// The key of what comes.
    key: &'a [u8],
}

/// What an object says of a file in it.
#[derive(Default)]
struct Object<'a> {
    /// Its key in the object around it, or that of the list which it stands in.
    key: &'a [u8],
    /// Whether no file can be in it.
    plain: bool,
    /// Whether its `type` says base64.
    base64: Option<bool>,
    image: bool,
    /// Length of the file in base64, if it is one.
    data: usize,
}

impl<'a> Scale<'a> {
    /// What stands between two strings.
    fn structure(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'{' if self.open.len() == MAX_DEPTH => self.deeper += 1,
                b'{' => self.begin(),
                b'}' if self.deeper > 0 => self.deeper -= 1,
                b'}' => self.end(),
                _ => {}
            }
        }
    }

    fn begin(&mut self) {
        let key = self.key;
        let around = self.open.last();
        let plain = around.is_some_and(|it| it.plain) || FREE_FORM.contains(&key);
        // Nova has `{"image": {"source": {"bytes": …}}}`, and documents likewise.
        let image = around.is_some_and(|it| matches!(it.key, b"image" | b"video" | b"audio"));
        self.open.push(Object { key, plain, image, ..Object::default() });
    }

    fn end(&mut self) {
        let Some(object) = self.open.pop() else { return };
        // The next one may stand in the same list.
        self.key = object.key;
        let is_file = object.data > 0 && !object.plain && object.base64 == Some(true);
        match (is_file, object.image) {
            (false, _) => self.text_bytes += object.data,
            (true, true) => self.images += 1,
            // A file's bytes stand for its text.
            (true, false) => self.text_bytes += object.data / 4 * 3,
        }
    }

    fn key(&mut self, key: &'a [u8]) {
        self.text_bytes += key.len();
        if self.deeper > 0 {
            return;
        }
        self.key = key;
        if let Some(object) = self.open.last_mut() {
            // Another spelling of a key would be taken for none here, and for that key by the model.
            object.plain |= key.contains(&b'\\');
        }
    }

    fn value(&mut self, text: &'a [u8]) {
        let object = if self.deeper > 0 { None } else { self.open.last_mut() };
        if let Some(object) = object.filter(|it| !it.plain) {
            match self.key {
                // Of two, either may be the one that counts.
                b"type" => object.base64 = Some(text == b"base64" && object.base64 != Some(false)),
                b"media_type" => object.image = text.starts_with(b"image/"),
                b"data" if object.base64 != Some(false) => {
                    object.data += text.len();
                    return;
                }
                b"bytes" if object.key == b"source" => {
                    object.base64.get_or_insert(true);
                    object.data += text.len();
                    return;
                }
                _ => {}
            }
        }
        self.text_bytes += text.len();
    }

    fn total(mut self) -> u64 {
        while !self.open.is_empty() {
            self.end();
        }
        (self.text_bytes.div_ceil(BYTES_PER_TOKEN) + self.images * TOKENS_PER_IMAGE) as u64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn weight(body: &Value) -> u64 {
        weigh(body.to_string().as_bytes())
    }

    #[test]
    fn text_counts_by_length() {
        assert_eq!(weigh(b"{}"), 0);
        assert_eq!(weigh(br#"{"abcd":"efgh","a\"b\\":12345}"#), 4);
        let prose = format!(r#"{{"text":"{}"}}"#, "word ".repeat(1_000));
        assert_eq!(weigh(prose.as_bytes()), 1251);
        assert_eq!(weigh(br#"{"unended"#), 2);
        assert_eq!(weigh(br#"{"unended\"#), 2);
        assert_eq!(weigh(br#"}}]{"a":{"data":"bcd"#), 2);
    }

    #[test]
    fn pictures_count_by_number_and_other_files_by_their_bytes() {
        let file = "A".repeat(40_000);
        // The words around a file are few.
        let near = |weight: u64, expected: u64| (expected..expected + 50).contains(&weight);
        for media_type in ["image/png", "application/pdf"] {
            let source = json!({"type": "base64", "media_type": media_type, "data": file});
            let turned = format!(r#"{{"data":"{file}","media_type":"{media_type}", "type" : "base64"}}"#);
            let expected = if media_type == "image/png" { 1_590 } else { 7_500 };
            let body = json!({"messages": [{"content": [{"type": "image", "source": source}, "x"]}]});
            assert!(near(weight(&body), expected), "{media_type}");
            assert!(near(weigh(turned.as_bytes()), expected), "{media_type}, in another order");
        }
        let nova =
            |kind: &str| weight(&json!({"content": [{kind: {"format": "x", "source": {"bytes": file}}}]}));
        assert!(near(nova("image"), 1_590) && near(nova("document"), 7_500));
        let two = json!([{"source": {"type": "base64", "media_type": "image/png", "data": file}},
            {"source": {"type": "base64", "media_type": "image/png", "data": file}}]);
        assert!(near(weight(&two), 2 * 1_590));
    }

    #[test]
    fn no_text_passes_for_a_picture() {
        let text = "A".repeat(40_000);
        let file = json!({"type": "base64", "media_type": "image/png", "data": text});
        let deep = (0..MAX_DEPTH).fold(file.clone(), |inner, _| json!({"a": inner}));
        for body in [
            json!({"text": text}),
            json!({"data": text}),
            json!({"type": "text", "media_type": "image/png", "data": text}),
            json!({"type": "tool_use", "input": {"a": [file]}}),
            json!({"tools": [{"input_schema": file}]}),
            json!({"toolResult": {"content": [{"json": {"image": {"source": {"bytes": text}}}}]}}),
            json!({"source": text, "image": {"bytes": text}}),
            deep,
        ] {
            assert!(weight(&body) >= 10_000, "{body:.100}");
        }
        for twice in [
            r#""type":"base64","type":"text""#,
            r#""type":"text","type":"base64""#,
            r#""type":"base64","\u0074ype":"text""#,
        ] {
            let body = format!(r#"{{{twice},"media_type":"image/png","data":"{text}"}}"#);
            assert!(weigh(body.as_bytes()) >= 10_000, "{twice}");
            let body = format!(r#"{{"data":"{text}","media_type":"image/png",{twice}}}"#);
            assert!(weigh(body.as_bytes()) >= 10_000, "{twice}, behind");
        }
    }
}
