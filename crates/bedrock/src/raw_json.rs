//! Keeps the key order of JSON that goes to Bedrock.
//!
//! The SDK holds free-form JSON in a `HashMap` and writes its keys in an order that differs from call to call.
//! Prompt caches look for an unchanged beginning of the request, so tool schemas and tool arguments must be sent as
//! the client wrote them. Instead of the JSON, the SDK is given a marker string; once it has written the body, the
//! markers are replaced by the JSON text. Nobody outside can write a marker: it holds a random number that never
//! leaves the process.

use std::sync::LazyLock;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::Document;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

/// What every marker of this process begins with.
static PREFIX: LazyLock<String> = LazyLock::new(|| format!("outcrop-raw-{}-", secret()));

#[expect(
    clippy::disallowed_methods,
    reason = "no id that a test could want to foresee: a secret of the process"
)]
fn secret() -> uuid::fmt::Simple {
    uuid::Uuid::new_v4().simple()
}

/// JSON texts that stand in the request as markers, by number.
#[derive(Debug, Default)]
pub(crate) struct RawJson(Vec<String>);

impl RawJson {
    /// A marker that [`RawJson::splice`] replaces by this value.
    pub(crate) fn mark(&mut self, value: &Value) -> Document {
        let marker = format!("{}{}.", *PREFIX, self.0.len());
        self.0.push(value.to_string());
        Document::String(marker)
    }

    /// Whether there is nothing to replace.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces the markers in the body of a request that is written and not yet signed.
    pub(crate) fn splice(&self, request: &mut HttpRequest) {
        let Some(body) = request.body().bytes() else { return };
        let body = self.spliced(body);
        let length = body.len().to_string();
        *request.body_mut() = SdkBody::from(body);
        request.headers_mut().insert("content-length", length);
    }

    fn spliced(&self, body: &[u8]) -> Vec<u8> {
        let quoted = format!("\"{}", *PREFIX);
        let mut out = Vec::with_capacity(body.len() + self.0.iter().map(String::len).sum::<usize>());
        let mut rest = body;
        while let Some(at) = memchr::memmem::find(rest, quoted.as_bytes()) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at + quoted.len()..];
            // `<number>."` follows.
            let end = memchr::memchr(b'"', rest).unwrap_or(rest.len());
            let number =
                std::str::from_utf8(&rest[..end]).ok().and_then(|it| it.strip_suffix('.')?.parse().ok());
            let json = number.and_then(|it: usize| self.0.get(it)).map_or("null", String::as_str);
            out.extend_from_slice(json.as_bytes());
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn markers_are_replaced_and_nothing_else_is() {
        let mut raw = RawJson::default();
        let value = json!({"z": 1, "a": {"é": "\"quoted\""}});
        let markers: Vec<Document> = (0..12).map(|_| raw.mark(&value)).collect();
        let Document::String(last) = &markers[11] else { panic!("a marker is a string") };
        let body = json!({"first": markers[0].as_string().unwrap(), "text": "outcrop-raw-0", "last": last});
        let spliced = raw.spliced(body.to_string().as_bytes());
        let expected = format!(r#"{{"first":{value},"text":"outcrop-raw-0","last":{value}}}"#);
        assert_eq!(String::from_utf8(spliced).unwrap(), expected);
    }

    #[test]
    fn a_body_without_markers_stays() {
        assert_eq!(RawJson::default().spliced(b"{\"a\":1}"), b"{\"a\":1}");
    }
}
