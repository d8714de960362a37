//! Logging set-up, and the one list of field names.
//!
//! Lines go to stderr, so that stdout stays free for what a command prints. Knows no exporter. Start at
//! [`init`]; [`names`] is the vocabulary of every span and event.

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

mod json;
pub mod names;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not read.
    #[error("`{filter}` is not a log filter (for example `info` or `outcrop=debug`)")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// There is a subscriber already.
    #[error("logging was set up before")]
    AlreadySet {
        /// As reported.
        #[source]
        source: tracing_subscriber::util::TryInitError,
    },
}

/// Sets up logging for the whole process; `filter` is in `RUST_LOG` syntax, and `RUST_LOG` itself wins.
pub fn init(service: &str, format: Format, filter: &str) -> Result<(), TelemetryError> {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| !text.is_empty());
    let filter = parse_filter(wanted.as_deref().unwrap_or(filter))?;
    tracing_subscriber::registry()
        .with(filter)
        .with(layer(service, format, stderr().is_terminal()))
        .try_init()
        .map_err(|source| TelemetryError::AlreadySet { source })
}

fn parse_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })
}

fn layer<S>(service: &str, format: Format, terminal: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let text = match format {
        Format::Auto => terminal,
        Format::Json => false,
        Format::Text => true,
    };
    let base = tracing_subscriber::fmt::layer().with_writer(stderr).with_span_events(FmtSpan::NONE);
    if text {
        base.with_ansi(terminal).with_target(false).boxed()
    } else {
        base.fmt_fields(tracing_subscriber::fmt::format::JsonFields::new())
            .event_format(json::Json::new(service))
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        let error = parse_filter("outcrop=loud").err().map(|error| error.to_string());
        assert_eq!(
            error.as_deref(),
            Some("`outcrop=loud` is not a log filter (for example `info` or `outcrop=debug`)")
        );
        assert!(parse_filter("info,outcrop=debug").is_ok());
    }
}
