//! What is told as collectors read it: OTLP, in protocol buffers
//! (<https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto>).
//!
//! Written at once, from whatever is told: a list of attributes to be taken apart later was what a span cost most. That
//! OpenTelemetry's own types would have written the same is tested.

pub mod attributes;
pub mod protobuf;

pub use self::attributes::Written;
