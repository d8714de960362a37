//! About how many tokens a body is, without reading it.

use super::text::{TextScale, Weight};
use crate::json::end_of_string;

/// The usual rule of thumb for text.
const BYTES_PER_TOKEN: usize = 4;
/// What Anthropic documents for a picture of 1092 by 1092 pixels, the largest that is not scaled down.
const TOKENS_PER_IMAGE: usize = 1_590;
/// As speech is packed.
const AUDIO_BYTES_PER_TOKEN: usize = 64;
/// Objects within more others than this are text: no model looks for a file there.
const MAX_DEPTH: usize = 32;
/// Below these stands what the model reads as text, whatever it looks like: arguments and results of tools, schemas.
const FREE_FORM: [&[u8]; 5] = [b"input", b"input_schema", b"inputSchema", b"json", b"schema"];

/// Text beyond so many bytes is more than any model reads: it is not looked at, and weighs a token for each byte.
const MOST_READ: usize = 8 << 20;

/// Estimates the tokens of a JSON body: its strings and numbers, with a flat count for each picture in base64 and the
/// bytes of every other file. Only what stands where a model looks for a file is one, so that no text passes for a picture.
#[must_use]
pub fn weigh(body: &[u8]) -> u64 {
    let parts = weigh_parts(body);
    let bytes =
        parts.text_bytes + parts.file_bytes + parts.audio_bytes / AUDIO_BYTES_PER_TOKEN * BYTES_PER_TOKEN;
    (bytes.div_ceil(BYTES_PER_TOKEN) + (parts.images + parts.films) * TOKENS_PER_IMAGE) as u64
}

/// What a body consists of, by what tokens are made of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// What all strings that are no files weigh, and what stands between strings.
    pub text: Weight,
    /// Bytes of all strings that are no files, and of numbers.
    pub text_bytes: usize,
    /// Bytes of files other than pictures, films and sounds.
    pub file_bytes: usize,
    /// Bytes of sounds.
    pub audio_bytes: usize,
    /// How many pictures there are, in S3 or here.
    pub images: usize,
    /// How many films there are, and sounds in S3.
    pub films: usize,
    /// How many other files in S3.
    pub stored: usize,
}

/// Weighs a body by its parts.
#[must_use]
pub fn weigh_parts(body: &[u8]) -> Parts {
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
    parts: Parts,
    /// Bytes that were looked at.
    read: usize,
    /// The objects that are not closed yet.
    open: Vec<Object<'a>>,
    /// How many more are open beyond [`MAX_DEPTH`].
    deeper: usize,
    /// The key of what comes.
    key: &'a [u8],
}

/// What a file is, as far as that decides how many tokens it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Media {
    Image,
    Video,
    Audio,
    #[default]
    Other,
}

impl Media {
    /// Nova has `{"image": {"source": {"bytes": …}}}`, and the other kinds likewise.
    fn of_key(key: &[u8]) -> Self {
        match key {
            b"image" => Self::Image,
            b"video" => Self::Video,
            b"audio" => Self::Audio,
            _ => Self::Other,
        }
    }
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
    media: Media,
    /// Whether it names a file in S3.
    stored: bool,
    /// The file in base64, if it is one: what is none is weighed when that is known.
    data: Vec<&'a [u8]>,
}

impl<'a> Scale<'a> {
    /// What stands between two strings: numbers are of many tokens.
    fn structure(&mut self, bytes: &[u8]) {
        let mut text = TextScale::default();
        for byte in bytes {
            match byte {
                b'{' if self.open.len() == MAX_DEPTH => self.deeper += 1,
                b'{' => self.begin(),
                b'}' if self.deeper > 0 => self.deeper -= 1,
                b'}' => self.end(),
                b' ' | b'\t'..=b'\r' => continue,
                b'a'..=b'z' | b'0'..=b'9' => self.parts.text_bytes += 1,
                _ => {}
            }
            text.add(&[*byte]);
        }
        self.parts.text += text.weight();
    }

    fn begin(&mut self) {
        let key = self.key;
        let around = self.open.last();
        let plain = around.is_some_and(|it| it.plain) || FREE_FORM.contains(&key);
        let media = match around {
            Some(around) if key == b"s3Location" => around.media,
            Some(around) => Media::of_key(around.key),
            None => Media::Other,
        };
        self.open.push(Object { key, plain, media, ..Object::default() });
    }

    fn end(&mut self) {
        let Some(object) = self.open.pop() else { return };
        // The next one may stand in the same list.
        self.key = object.key;
        let bytes = object.data.iter().map(|it| it.len()).sum::<usize>() / 4 * 3;
        let is_file = bytes > 0 && !object.plain && object.base64 == Some(true);
        if !is_file {
            object.data.iter().for_each(|text| self.text(text));
        }
        match (object.media, is_file, object.stored) {
            (_, false, false) => {}
            (Media::Image, ..) => self.parts.images += 1,
            (Media::Video, ..) | (Media::Audio, false, _) => self.parts.films += 1,
            (Media::Audio, true, _) => self.parts.audio_bytes += bytes,
            // A file's bytes stand for its text.
            (Media::Other, true, _) => self.parts.file_bytes += bytes,
            (Media::Other, false, _) => self.parts.stored += 1,
        }
    }

    fn key(&mut self, key: &'a [u8]) {
        self.text(key);
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
                b"media_type" if text.starts_with(b"image/") => object.media = Media::Image,
                b"media_type" => object.media = Media::Other,
                b"data" if object.base64 != Some(false) => {
                    object.data.push(text);
                    return;
                }
                b"bytes" if object.key == b"source" => {
                    object.base64.get_or_insert(true);
                    object.data.push(text);
                    return;
                }
                b"uri" if object.key == b"s3Location" => object.stored = true,
                b"url" | b"image_url" if is_picture(self.key, object.key, text) => {
                    self.parts.images += 1;
                    return;
                }
                // What is signed is not written out, and is a thought that the model reads no more.
                b"signature" => {
                    self.parts.text_bytes += text.len();
                    self.parts.text += Weight::of_sealed(text.len() / 4 * 3);
                    return;
                }
                _ => {}
            }
        }
        self.text(text);
    }

    fn text(&mut self, text: &[u8]) {
        self.parts.text_bytes += text.len();
        self.read += text.len();
        self.parts.text += match self.read {
            0..=MOST_READ => Weight::of_json_string(text),
            _ => Weight::of_tokens(text.len() as u64),
        };
    }

    fn total(mut self) -> Parts {
        while !self.open.is_empty() {
            self.end();
        }
        self.parts
    }
}

/// Whether this is a picture as models in OpenAI's shape take it.
fn is_picture(key: &[u8], object: &[u8], text: &[u8]) -> bool {
    (key == b"image_url" || object == b"image_url") && text.starts_with(b"data:image/")
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
        assert_eq!(weigh(br#"{"abcd":"efgh","a\"b\\":12345}"#), 5);
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
