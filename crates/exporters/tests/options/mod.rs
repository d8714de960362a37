//! What a process is told to do here: a log, and metrics that Prometheus may read.

use std::time::Duration;

use outcrop_exporters::{Emf, Format, LogOptions, MetricOptions, Options, TraceOptions};

pub(crate) fn options() -> Options {
    Options {
        service: "outcrop-test",
        environment: "test".into(),
        log: LogOptions { format: Format::Json, filter: "info".into(), at_once: false },
        otlp: None,
        traces: TraceOptions { sample_percent: 100, slow: Duration::from_secs(5), queue: 100 },
        metrics: Some(MetricOptions {
            prometheus: true,
            emf: Emf::Off,
            namespace: "Outcrop".into(),
            otlp: true,
            interval: Duration::from_secs(60),
        }),
    }
}
