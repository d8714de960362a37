//! Settings -> what listens to the process.

use std::time::Duration;

use outcrop_config::{Config, LogFormat, OtlpCompression};
use outcrop_exporters::{Emf, Exporters, Format, LogOptions, MetricOptions, Options, Otlp, TraceOptions};
use secrecy::ExposeSecret as _;

use crate::WiringError;
use crate::error::chain;

/// How long the last moments of a process may take to be handed over.
const LAST_MOMENTS: Duration = Duration::from_secs(3);

/// Begins to listen to a process that serves: its log, its traces and its metrics, as configured. Secrets of the settings
/// must be resolved.
///
/// # Errors
/// A setting makes no sense.
pub fn start_telemetry(service: &'static str, config: &Config) -> Result<Telemetry, WiringError> {
    let metrics = &config.metrics;
    let options = Options {
        metrics: Some(MetricOptions {
            // Where nobody can ask for the page, and nothing else reads them, metrics are not even kept.
            prometheus: !metrics.listen.is_empty() || !matches!(service, "outcrop" | "outcrop-gateway"),
            emf: emf(&metrics.emf)?,
            namespace: metrics.emf_namespace.clone(),
            otlp: metrics.otlp,
            interval: Duration::from_secs(metrics.interval_s),
        }),
        otlp: otlp(config)?,
        ..log_only(service, config, config.telemetry.filter.clone(), false)
    };
    start(&options)
}

/// Begins to listen to a command, of which nobody but its caller hears: its log alone, by this filter.
///
/// # Errors
/// A setting makes no sense.
pub fn start_log(service: &'static str, config: &Config, filter: &str) -> Result<Telemetry, WiringError> {
    start(&log_only(service, config, filter.to_owned(), true))
}

/// What listens. To be kept until the process ends, and then [finished](Self::finish).
#[must_use = "what is not finished loses its last moments"]
pub struct Telemetry(Exporters);

impl Telemetry {
    /// The metrics as Prometheus reads them.
    #[must_use]
    pub fn page(&self) -> Option<outcrop_telemetry::metric::Page> {
        self.0.prometheus()
    }

    /// Hands over what is still there. Blocks for some seconds at most.
    pub fn finish(self) {
        self.0.finish(LAST_MOMENTS);
    }
}

fn start(options: &Options) -> Result<Telemetry, WiringError> {
    outcrop_exporters::start(options).map(Telemetry).map_err(|error| WiringError::setting(chain(&error)))
}

fn log_only(service: &'static str, config: &Config, filter: String, at_once: bool) -> Options {
    let (telemetry, traces) = (&config.telemetry, &config.traces);
    let format = match telemetry.format {
        LogFormat::Auto => Format::Auto,
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    Options {
        service,
        environment: telemetry.environment.clone(),
        log: LogOptions { format, filter, at_once },
        otlp: None,
        traces: TraceOptions {
            sample_percent: traces.sample_percent,
            slow: Duration::from_millis(traces.slow_ms),
            queue: traces.queue_spans,
        },
        metrics: None,
    }
}

fn otlp(config: &Config) -> Result<Option<Otlp>, WiringError> {
    let telemetry = &config.telemetry;
    if telemetry.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let given = telemetry.otlp_headers.as_ref().map(|it| it.expose_secret().to_owned()).unwrap_or_default();
    let mut headers = Vec::new();
    for part in given.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            WiringError::setting("`telemetry.otlp_headers` is not `name=value` with commas between")
        })?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Otlp {
        endpoint: telemetry.otlp_endpoint.clone(),
        headers,
        timeout: Duration::from_millis(telemetry.otlp_timeout_ms),
        gzip: telemetry.otlp_compression == OtlpCompression::Gzip,
    }))
}

fn emf(text: &str) -> Result<Emf, WiringError> {
    match text {
        "off" | "" => Ok(Emf::Off),
        "stdout" => Ok(Emf::Stdout),
        other => match other.strip_prefix("tcp://").filter(|address| address.contains(':')) {
            Some(address) => Ok(Emf::Agent(address.to_owned())),
            None => Err(WiringError::setting(format!(
                "`metrics.emf` is `off`, `stdout` or `tcp://host:port`, not `{other}`"
            ))),
        },
    }
}
