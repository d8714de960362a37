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
    /// The collector's address or a header for it.
    #[error("`telemetry.otlp_endpoint` or `telemetry.otlp_headers` cannot be used")]
    Otlp {
        /// As reported.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
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
