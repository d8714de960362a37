//! What is around spans in a request to a collector
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/collector/trace/v1/trace_service.proto>).

use opentelemetry_sdk::Resource;
use outcrop_telemetry::otlp::attributes;
use outcrop_telemetry::otlp::protobuf::{BYTES, bytes, field_len, head, tag, text, text_len};

/// All of an `ExportTraceServiceRequest` but the spans. They are of one scope: this process has one recorder.
#[derive(Debug)]
pub(super) struct Envelope {
    resource: Vec<u8>,
    scope: Vec<u8>,
    schema: Vec<u8>,
}

impl Envelope {
    pub(super) fn new(of: &Resource, name: &str) -> Self {
        let mut inner = Vec::new();
        for (key, value) in of {
            attributes::write(&mut inner, tag(1, BYTES), key.as_str(), value);
        }
        let [mut resource, mut scope, mut schema] = [const { Vec::new() }; 3];
        bytes(&mut resource, tag(1, BYTES), &inner);
        head(&mut scope, tag(1, BYTES), text_len(name));
        text(&mut scope, tag(1, BYTES), name);
        text(&mut schema, tag(3, BYTES), of.schema_url().unwrap_or_default());
        Self { resource, scope, schema }
    }

    /// The request with these spans in it, one behind the other as they are written.
    pub(super) fn around(&self, spans: &[u8]) -> Vec<u8> {
        let of_scope = self.scope.len() + spans.len();
        let of_resource = self.resource.len() + field_len(of_scope) + self.schema.len();
        let mut out = Vec::with_capacity(field_len(of_resource));
        head(&mut out, tag(1, BYTES), of_resource);
        out.extend_from_slice(&self.resource);
        head(&mut out, tag(2, BYTES), of_scope);
        out.extend_from_slice(&self.scope);
        out.extend_from_slice(spans);
        out.extend_from_slice(&self.schema);
        out
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
