//! The settings of what a process tells of itself.

use toml::Value;

use super::{Entry, secret, size, text, whole};
use crate::{LogFormat, MetricsConfig, OtlpCompression, TelemetryConfig, TraceContent, TracesConfig};

pub(super) fn of_telemetry(it: &TelemetryConfig) -> [Entry; 8] {
    let TelemetryConfig {
        format,
        filter,
        access_log,
        environment,
        otlp_endpoint,
        otlp_headers,
        otlp_timeout_ms,
        otlp_compression,
    } = it;
    let format = match format {
        LogFormat::Auto => "auto",
        LogFormat::Json => "json",
        LogFormat::Text => "text",
    };
    let otlp_compression = match otlp_compression {
        OtlpCompression::None => "none",
        OtlpCompression::Gzip => "gzip",
    };
    [
        ("telemetry.format", text(format)),
        ("telemetry.filter", text(filter)),
        ("telemetry.access_log", Some(Value::Boolean(*access_log))),
        ("telemetry.environment", text(environment)),
        ("telemetry.otlp_endpoint", given(otlp_endpoint)),
        ("telemetry.otlp_headers", secret(otlp_headers.as_ref())),
        ("telemetry.otlp_timeout_ms", whole(*otlp_timeout_ms)),
        ("telemetry.otlp_compression", text(otlp_compression)),
    ]
}

pub(super) fn of_traces(it: &TracesConfig) -> [Entry; 6] {
    let TracesConfig { sample_percent, slow_ms, follow_clients, content, content_bytes, queue_spans } = it;
    let content = match content {
        TraceContent::Off => "off",
        TraceContent::Redacted => "redacted",
    };
    [
        ("traces.sample_percent", whole(u64::from(*sample_percent))),
        ("traces.slow_ms", whole(*slow_ms)),
        ("traces.follow_clients", Some(Value::Boolean(*follow_clients))),
        ("traces.content", text(content)),
        ("traces.content_bytes", size(*content_bytes)),
        ("traces.queue_spans", size(*queue_spans)),
    ]
}

pub(super) fn of_metrics(it: &MetricsConfig) -> [Entry; 7] {
    let MetricsConfig { listen, emf, emf_namespace, otlp, interval_s, top_teams, top_models } = it;
    [
        ("metrics.listen", given(listen)),
        ("metrics.emf", text(emf)),
        ("metrics.emf_namespace", text(emf_namespace)),
        ("metrics.otlp", Some(Value::Boolean(*otlp))),
        ("metrics.interval_s", whole(*interval_s)),
        ("metrics.top_teams", size(*top_teams)),
        ("metrics.top_models", size(*top_models)),
    ]
}

/// A text that may be missing: an empty one cannot be set.
fn given(value: &str) -> Option<Value> {
    text(value).filter(|_| !value.is_empty())
}
