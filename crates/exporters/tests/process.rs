//! A process as a whole: its log and its recorder of spans are its only ones, so this binary has a test for each, and starts itself
//! once more for the one that panics.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use outcrop_exporters::{ExporterError, Format, LogOptions, Options, Otlp, TraceOptions, start};
use outcrop_telemetry::filter;
use outcrop_telemetry::trace::{self, Span, SpanKind, TraceContext};

/// Says that this is the process that panics.
const PANICS: &str = "OUTCROP_TEST_PANICS";

fn options(otlp: Option<Otlp>) -> Options {
    Options {
        service: "outcrop-test",
        environment: "test".into(),
        log: LogOptions { format: Format::Json, filter: "info".into(), at_once: false },
        otlp,
        traces: TraceOptions { sample_percent: 100, slow: Duration::from_secs(5), queue: 100 },
        metrics: None,
    }
}

#[test]
fn a_panic_comes_after_all_lines_before_it() {
    const NAME: &str = "a_panic_comes_after_all_lines_before_it";
    if std::env::var_os(PANICS).is_some() {
        let _exporters = start(&options(None)).unwrap();
        for n in 0..5_000 {
            tracing::info!(n, "before it");
        }
        panic!("this is the end");
    }
    let myself = std::env::current_exe().unwrap();
    let mut again = Command::new(myself);
    again.args(["--exact", NAME, "--nocapture"]).env(PANICS, "1").env_remove("RUST_LOG");
    let said = again.output().unwrap();
    assert!(!said.status.success());
    let said = String::from_utf8(said.stderr).unwrap();
    let panic = said.find("this is the end").unwrap_or_else(|| panic!("{said}"));
    assert_eq!(said[..panic].matches("\"message\":\"before it\"").count(), 5_000);
}

#[test]
fn spans_of_the_process_leave_it_and_its_filter_changes() {
    if std::env::var_os(PANICS).is_some() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = vec![0; 23];
            stream.read_exact(&mut head).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            tell.send(String::from_utf8(head).unwrap()).unwrap();
        }
    });
    let otlp = Otlp { endpoint, headers: Vec::new(), timeout: Duration::from_secs(5), gzip: false };
    let options = options(Some(otlp));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let exporters = start(&options).unwrap();
        assert!(trace::is_on());
        let span = Span::start(SpanKind::Server, "POST /v1/chat/completions", &TraceContext::none());
        assert!(span.is_recording() && span.context().is_some());
        span.end();
        assert!(matches!(start(&options), Err(ExporterError::AlreadySet { .. })));
        assert!(filter::configured().is_some());
        filter::change(Some("outcrop=loud")).unwrap_err();
        filter::change(Some("debug")).unwrap();
        assert!(tracing::enabled!(target: "outcrop", tracing::Level::DEBUG));
        filter::change(None).unwrap();
        exporters.finish(Duration::from_secs(10));
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(10)).unwrap(), "POST /v1/traces HTTP/1.");
}
