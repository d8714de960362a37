//! JSON text, written field by field in the order in which it is sent.
//!
//! The SDK holds free-form JSON in a `HashMap` and writes its keys in an order that differs from call to call, which
//! costs prompt caches; it takes media decoded, to encode them again; and it writes `0.2` as 0.20000000298. So bodies
//! are written here, in one pass into one buffer, and signed and sent as they are.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

/// An object that is being written.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

/// Writes an object.
pub(crate) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut Object<'_>)) {
    out.push(b'{');
    fill(&mut Object { out, empty: true });
    out.push(b'}');
}

/// Writes a list.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Writes what serde can.
pub(crate) fn value(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Writing strings, numbers and JSON values to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// Writes bytes as a string in base64.
pub(crate) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// Writes a string that needs no escapes, such as one in base64.
pub(crate) fn plain(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

impl Object<'_> {
    /// Where the value of this field is to be written.
    pub(crate) fn field(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        value(self.out, key);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn value(&mut self, key: &str, it: &(impl Serialize + ?Sized)) {
        value(self.field(key), it);
    }

    /// A field that is left out when there is nothing to say.
    pub(crate) fn maybe(&mut self, key: &str, it: Option<&(impl Serialize + ?Sized)>) {
        if let Some(it) = it {
            self.value(key, it);
        }
    }

    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.field(key), fill);
    }

    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Vec<u8>, T),
    ) {
        list(self.field(key), items, write);
    }
}

/// Puts a body into a request that the SDK has made and not yet signed.
pub(crate) fn put_body(request: &mut HttpRequest, body: &Bytes) {
    let length = body.len().to_string();
    *request.body_mut() = SdkBody::from(body.clone());
    request.headers_mut().insert("content-length", length);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_reads_back_in_its_order() {
        let mut out = Vec::new();
        object(&mut out, |it| {
            it.value("z\"", "é\n");
            it.value("temperature", &0.2_f32);
            it.maybe("absent", None::<&str>);
            it.object("empty", |_| {});
            it.list("list", [1, 2], |out, number| value(out, &json!({"b": number, "a": null})));
        });
        let expected =
            r#"{"z\"":"é\n","temperature":0.2,"empty":{},"list":[{"b":1,"a":null},{"b":2,"a":null}]}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn bytes_are_written_in_base64() {
        for (bytes, text) in [(&b""[..], "\"\""), (b"a", "\"YQ==\""), (b"abc", "\"YWJj\"")] {
            let mut out = Vec::new();
            base64(&mut out, bytes);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
