//! How the process tells what it does: its log, its traces, its metrics.

use secrecy::SecretString;
use serde::Deserialize;

/// The log, and what all that a process tells has in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How log lines look: `auto` is text on a terminal and JSON elsewhere.
    pub format: LogFormat,
    /// What is logged, in `RUST_LOG` syntax.
    pub filter: String,
    /// Whether every answer to a client has a line in the log; failures always have one.
    pub access_log: bool,
    /// Which of your platforms this is (`dev`, `prod`): a dimension of every metric, an attribute of every span.
    pub environment: String,
    /// Where traces and metrics are sent by OTLP over HTTP (`http://collector:4318`); nowhere if empty.
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` works too.
    pub otlp_endpoint: String,
    /// Headers for it, `name=value` with commas between; the values are secrets, and all of it may be a reference to one
    /// (`secretsmanager://…`). `OTEL_EXPORTER_OTLP_HEADERS` works too.
    pub otlp_headers: Option<SecretString>,
    /// Longest for one export, milliseconds.
    pub otlp_timeout_ms: u64,
    /// How what is sent there is compressed: `none`, which costs nothing, for a collector near by; `gzip` for one far away.
    /// `OTEL_EXPORTER_OTLP_COMPRESSION` works too.
    pub otlp_compression: OtlpCompression,
}

/// How OTLP is compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtlpCompression {
    /// Not at all.
    #[default]
    None,
    /// Fewer bytes, for more processor time.
    Gzip,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            // The HTTP library announces every worker thread; the AWS SDK warns where there is no EC2 to ask for a region.
            filter: "info,actix_server=warn,aws_config=warn,aws_config::imds=error".into(),
            access_log: true,
            environment: "default".into(),
            otlp_endpoint: String::new(),
            otlp_headers: None,
            otlp_timeout_ms: 5_000,
            otlp_compression: OtlpCompression::None,
        }
    }
}

/// Traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracesConfig {
    /// Of a hundred traces so many are exported whatever happens in them, chosen when they begin.
    pub sample_percent: u8,
    /// What takes longer is exported in any case, as is what fails, milliseconds.
    pub slow_ms: u64,
    /// Whether a client's trace is gone on with (`traceparent`, `x-amzn-trace-id`). Whether it is exported is decided
    /// here all the same.
    pub follow_clients: bool,
    /// `redacted`: prompts and answers are part of spans, with personal data and secrets masked; `off`: they are not.
    pub content: TraceContent,
    /// Most of each that is, bytes.
    pub content_bytes: usize,
    /// Spans that wait for export at most; further ones are dropped and counted.
    pub queue_spans: usize,
}

/// Whether prompts and answers are part of spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TraceContent {
    /// They are not.
    #[default]
    Off,
    /// They are, with personal data and secrets masked.
    Redacted,
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            sample_percent: 100,
            slow_ms: 5_000,
            follow_clients: true,
            content: TraceContent::Off,
            content_bytes: 8_192,
            queue_spans: 8_192,
        }
    }
}

/// Metrics.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Where Prometheus asks for `/metrics` (`0.0.0.0:9464`), an address of its own without credentials; nowhere if
    /// empty. Services behind the gateway answer it at their own address too.
    pub listen: String,
    /// Where lines in CloudWatch's embedded metric format go: `off`, `stdout`, or `tcp://host:port` of an agent.
    pub emf: String,
    /// CloudWatch's namespace.
    pub emf_namespace: String,
    /// Whether they are sent to `telemetry.otlp_endpoint` too. Not where its collector would tell CloudWatch what such lines
    /// tell it already: it charges for both.
    pub otlp: bool,
    /// How often metrics are sent by OTLP and as such lines, seconds.
    pub interval_s: u64,
    /// Teams with a label of their own, at most 250; the others are `other`.
    pub top_teams: usize,
    /// Models with a label of their own, at most 250; the others are `other`.
    pub top_models: usize,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            listen: String::new(),
            emf: "off".into(),
            emf_namespace: "Outcrop".into(),
            otlp: true,
            interval_s: 60,
            top_teams: 50,
            top_models: 50,
        }
    }
}
