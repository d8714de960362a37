//! What is listened to, and where it goes.

use std::time::Duration;

/// All of it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The process' name: `outcrop-gateway`, `outcrop`.
    pub service: &'static str,
    /// Which of an operator's platforms it belongs to.
    pub environment: String,
    /// The log.
    pub log: LogOptions,
    /// Where OTLP goes, if anywhere.
    pub otlp: Option<Otlp>,
    /// Traces; exported only with [`Options::otlp`].
    pub traces: TraceOptions,
    /// Metrics; `None` for a process that is over in a moment.
    pub metrics: Option<MetricOptions>,
}

/// The log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// How lines look.
    pub format: Format,
    /// What is logged, in `RUST_LOG` syntax; the environment's `RUST_LOG` wins.
    pub filter: String,
    /// Whether each line is written at once by whoever logs it: for commands, of which nobody waits for an answer.
    pub at_once: bool,
}

/// A collector.
#[derive(Clone)]
pub struct Otlp {
    /// Its base address: `http://collector:4318`.
    pub endpoint: String,
    /// Headers, by name; their values are secrets.
    pub headers: Vec<(String, String)>,
    /// Longest for one export.
    pub timeout: Duration,
    /// Whether what is sent is compressed.
    pub gzip: bool,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The values of headers are secrets, and an address may have one in it.
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Otlp")
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Traces.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// Of a hundred traces so many are exported whatever happens in them.
    pub sample_percent: u8,
    /// What takes longer is exported in any case.
    pub slow: Duration,
    /// Spans that wait for export at most.
    pub queue: usize,
}

/// Metrics.
#[derive(Debug, Clone)]
pub struct MetricOptions {
    /// Whether somebody asks for Prometheus' page.
    pub prometheus: bool,
    /// Where embedded metric format goes.
    pub emf: Emf,
    /// CloudWatch's namespace.
    pub namespace: String,
    /// Whether they go to [`Options::otlp`] too.
    pub otlp: bool,
    /// How often metrics are sent.
    pub interval: Duration,
}

/// Where lines of metrics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emf {
    /// Nowhere.
    Off,
    /// To stdout, which CloudWatch Logs reads under ECS and Lambda.
    Stdout,
    /// To an agent of CloudWatch, by TCP: a host and a port.
    Agent(String),
}

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
