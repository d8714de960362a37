//! What is over is told by a thread, and nobody who reads metrics misses it. A process has one such thread, so this binary has
//! one test.

use std::time::Duration;

use outcrop_exporters::{Emf, Format, LogOptions, MetricOptions, Options, TraceOptions, start};
use outcrop_telemetry::later::{self, Of, Tell};
use outcrop_telemetry::names;

struct Failed;

impl Tell for Failed {
    fn tell(self: Box<Self>) {
        names::SERVER_ERRORS.add(1.0, &[]);
    }
}

struct Faulty;

impl Tell for Faulty {
    fn tell(self: Box<Self>) {
        panic!("a fault in telling");
    }
}

fn options() -> Options {
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

#[test]
fn a_page_has_all_that_was_over_before_it() {
    let exporters = start(&options()).unwrap();
    let page = exporters.prometheus().unwrap();
    let value = |name: &str, label: &str| {
        let page = page();
        let line = page.lines().find(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    for count in [1.0, 2.0, 3.0] {
        later::tell(Of::Request, Box::new(Failed));
        assert_eq!(value("outcrop_server_errors_total", ""), Some(count));
    }
    later::tell(Of::Call, Box::new(Faulty));
    later::tell(Of::Request, Box::new(Failed));
    assert_eq!(value("outcrop_server_errors_total", ""), Some(4.0), "a fault costs nobody else anything");
    assert_eq!(value("outcrop_telemetry_export_failures_total", "outcrop_signal=\"logs\""), Some(1.0));

    later::tell(Of::Request, Box::new(Failed));
    exporters.finish(Duration::from_secs(5));
    assert_eq!(value("outcrop_server_errors_total", ""), Some(5.0));
}
