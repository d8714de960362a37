//! Why nothing listens.

/// An option that makes no sense, or a second start.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The filter does not read.
    #[error("`telemetry.filter`: `{filter}` is not a log filter (for example `info` or `outcrop=debug`)")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The collector's address.
    #[error(
        "`telemetry.otlp_endpoint` is not the address of a collector (for example `http://collector:4318`)"
    )]
    Endpoint,
    /// A header for the collector; its value is a secret.
    #[error("`telemetry.otlp_headers`: `{name}` cannot be sent as a header")]
    Header {
        /// Which.
        name: String,
    },
    /// What speaks to the collector.
    #[error("there is no HTTP client for the collector")]
    Client {
        /// As reported; none where it broke down.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// What reads the metrics.
    #[error("metrics cannot be kept")]
    Reader {
        /// As reported.
        #[source]
        source: opentelemetry_sdk::error::OTelSdkError,
    },
    /// The system gives no more threads.
    #[error("the thread `{name}` cannot be started")]
    Thread {
        /// What it was for.
        name: &'static str,
        /// As reported.
        #[source]
        source: std::io::Error,
    },
    /// There is a subscriber already.
    #[error("logging was set up before")]
    AlreadySet {
        /// As reported.
        #[source]
        source: tracing_subscriber::util::TryInitError,
    },
}
