//! How the process tells what it does: its log, its traces, its metrics.

use secrecy::SecretString;
use serde::Deserialize;

/// The log, and what all that a process tells has in common.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// How log lines look.
    pub format: LogFormat,
    /// What is logged, in `RUST_LOG` syntax.
    pub filter: String,
    /// Whether every answer to a client has a line, besides the failures, which always have.
    pub access_log: bool,
    /// Which of an operator's platforms this is, as every metric and span says: `dev`, `prod`.
    pub environment: String,
    /// Where traces and metrics are sent by OTLP over HTTP (`http://collector:4318`); nowhere if empty.
    pub otlp_endpoint: String,
    /// Headers for it, `name=value` with commas between; the values are secrets.
    pub otlp_headers: Option<SecretString>,
    /// Longest for one export, milliseconds.
    pub otlp_timeout_ms: u64,
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
    /// Whether the trace of a client is gone on with, and its word taken on whether it is exported.
    pub follow_clients: bool,
    /// Whether prompts and answers are part of spans.
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
    /// Where Prometheus asks for `/metrics` (`0.0.0.0:9464`), an address of its own that needs no credential; nowhere if
    /// empty. Services behind the gateway answer it at their own address too.
    pub listen: String,
    /// Where lines in CloudWatch's embedded metric format go: `off`, `stdout`, or `tcp://host:port` of an agent.
    pub emf: String,
    /// CloudWatch's namespace.
    pub emf_namespace: String,
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
            interval_s: 60,
            top_teams: 50,
            top_models: 50,
        }
    }
}
