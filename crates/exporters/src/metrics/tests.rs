//! Metrics from the instrument to whoever reads them.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use outcrop_telemetry::metric::{Instrument, Kind};
use outcrop_telemetry::names::{self, INSTRUMENTS};
use prost::Message as _;

use super::*;
use crate::{Format, LogOptions, MetricOptions, Otlp, TraceOptions};

pub(crate) fn options() -> Options {
    Options {
        service: "outcrop-test",
        environment: "staging".into(),
        log: LogOptions { format: Format::Json, filter: "info".into(), at_once: true },
        otlp: None,
        traces: TraceOptions { sample_percent: 100, slow: Duration::from_secs(5), queue: 16 },
        metrics: Some(MetricOptions {
            prometheus: true,
            emf: Emf::Off,
            namespace: "Outcrop".into(),
            otlp: true,
            interval: Duration::from_secs(60),
        }),
    }
}

/// A provider of the test's own, as tests share the process.
pub(crate) struct Instruments {
    kept: Kept,
    meter: Meter,
}

impl Instruments {
    pub(crate) fn new() -> Self {
        let kept = Kept::new(&options()).expect("kept");
        Self { meter: kept.provider.meter("outcrop"), kept }
    }

    pub(crate) fn reader(&self) -> Reader {
        self.kept.reader.clone()
    }

    /// Records as the instrument itself would.
    pub(crate) fn record(&self, row: Instrument, value: f64, labels: &[(&'static str, &str)]) {
        let labels: Vec<_> = labels.iter().map(|(name, it)| KeyValue::new(*name, (*it).to_owned())).collect();
        let (name, unit) = (row.spec.name, row.spec.unit);
        match row.kind {
            Kind::Counter => self.meter.f64_counter(name).with_unit(unit).build().add(value, &labels),
            Kind::UpDown => self.meter.f64_up_down_counter(name).with_unit(unit).build().add(value, &labels),
            Kind::Gauge => self.meter.f64_gauge(name).with_unit(unit).build().record(value, &labels),
            Kind::Histogram => {
                let histogram = self.meter.f64_histogram(name).with_unit(unit);
                histogram.with_boundaries(row.bounds.to_vec()).build().record(value, &labels);
            }
        }
    }

    pub(crate) fn record_everything(&self) {
        for row in INSTRUMENTS {
            let labels: Vec<_> = row.spec.labels.iter().map(|label| (*label, "some")).collect();
            self.record(*row, 1.5, &labels);
        }
    }

    fn page(&self) -> String {
        (self.kept.page)()
    }
}

/// A line of Prometheus' page: its name, its labels, its value.
fn sample(line: &str) -> (&str, BTreeSet<&str>, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = series.split_once('{').expect("labels");
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|it| it.split_once('=')).map(|it| it.0);
    (name, labels.collect(), value.parse().expect("a number"))
}

#[test]
fn prometheus_shows_every_instrument_under_the_names_that_are_foretold() {
    let instruments = Instruments::new();
    instruments.record_everything();
    let page = instruments.page();
    let shown: BTreeSet<_> =
        page.lines().filter(|line| !line.starts_with('#')).map(|line| sample(line).0.to_owned()).collect();
    let foretold: BTreeSet<_> = INSTRUMENTS.iter().flat_map(Instrument::prometheus_series).collect();
    assert_eq!(shown, foretold);
}

#[test]
fn every_series_has_the_labels_that_are_foretold() {
    let instruments = Instruments::new();
    instruments.record_everything();
    for line in instruments.page().lines().filter(|line| !line.starts_with('#')) {
        let (name, labels, _) = sample(line);
        let row = INSTRUMENTS.iter().find(|row| row.prometheus_series().iter().any(|it| it == name));
        let foretold = row.expect("in the table").prometheus_labels();
        let foretold =
            foretold.iter().map(String::as_str).filter(|it| *it != "le" || name.ends_with("_bucket"));
        assert_eq!(labels, foretold.collect(), "{line}");
    }
}

#[test]
fn a_flood_of_labels_ends_in_one_series() {
    let instruments = Instruments::new();
    let (row, limit) = (names::COST.row(), names::COST.row().most_series());
    let (flood, mut room) = (limit * 2, limits::Room::of(instruments.reader()));
    instruments.record(row, 0.0, &[(names::TEAM, "team-0"), (names::GEN_AI_REQUEST_MODEL, "m")]);
    assert_eq!(room.full(), 0);
    for turn in 0..flood {
        let team = format!("team-{turn}");
        instruments.record(row, 1.0, &[(names::TEAM, &team), (names::GEN_AI_REQUEST_MODEL, "m")]);
    }
    let page = instruments.page();
    let values: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("outcrop_cost_total{"))
        .map(|line| sample(line).2)
        .collect();
    assert_eq!(values.len(), limit + 1);
    assert_eq!(values.iter().sum::<f64>(), flood as f64, "nothing is lost");
    assert!(page.contains("otel_metric_overflow=\"true\""));
    assert_eq!(room.full(), 1);
}

/// What a collector was sent: the head of the request and its body.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    collector_that_says(Vec::new())
}

fn collector_that_says(said: Vec<u8>) -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = tell.send(request(&mut stream));
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
            let _ = stream.write_all(&[head.as_bytes(), &said].concat());
        }
    });
    (address, told)
}

fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some).expect("a request");
        read.extend_from_slice(&some[..count]);
        let Some(end) = read.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.and_then(|it| it.parse().ok()).expect("a length");
        if read.len() >= end + 4 + length {
            return (head, read[end + 4..].to_vec());
        }
    }
}

fn otlp(endpoint: String, timeout: Duration) -> Otlp {
    Otlp { endpoint, headers: vec![("x-key".into(), "a secret".into())], timeout, gzip: true }
}

#[test]
fn a_collector_is_told_totals_of_this_process() {
    let instruments = Instruments::new();
    let (address, told) = collector();
    let mut sender =
        Totals::new(&otlp(address, Duration::from_secs(5)), instruments.reader()).expect("built");
    for total in [2.0, 4.0] {
        instruments.record(names::REQUESTS.row(), 2.0, &[(names::TEAM, "a"), (names::STATUS_CLASS, "2xx")]);
        sender.send();
        let (head, body) = told.recv_timeout(Duration::from_secs(5)).expect("a request");
        assert!(head.starts_with("post /v1/metrics ") && head.contains("\r\nx-key: a secret"), "{head}");
        assert!(head.contains("\r\ncontent-encoding: gzip"), "{head}");
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut plain).expect("gzip");
        let request = ExportMetricsServiceRequest::decode(plain.as_slice()).expect("OTLP");
        let shown = format!("{request:?}");
        for said in
            ["outcrop.requests", &format!("AsDouble({total:?})"), "host.arch", "staging", "outcrop-test"]
        {
            assert!(shown.contains(said), "{said} is not in {shown}");
        }
        assert!(!sender.failing());
    }
}

#[test]
fn what_a_collector_refuses_in_part_has_failed() {
    let instruments = Instruments::new();
    for (rejected_data_points, fails) in [(0, false), (3, true)] {
        let error_message = "a warning, or why".to_owned();
        let partial_success = Some(ExportMetricsPartialSuccess { rejected_data_points, error_message });
        let (address, told) =
            collector_that_says(ExportMetricsServiceResponse { partial_success }.encode_to_vec());
        let mut sender =
            Totals::new(&otlp(address, Duration::from_secs(5)), instruments.reader()).expect("built");
        instruments.record(names::CLIENT_ERRORS.row(), 1.0, &[]);
        sender.send();
        told.recv_timeout(Duration::from_secs(5)).expect("a request");
        assert_eq!(sender.failing(), fails, "{rejected_data_points}");
    }
}

#[test]
fn a_collector_that_hangs_holds_up_nobody_else() {
    let instruments = Instruments::new();
    let hanging = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = format!("http://{}", hanging.local_addr().expect("bound"));
    let timeout = Duration::from_secs(1);
    let mut sender = Totals::new(&otlp(address, timeout), instruments.reader()).expect("built");
    instruments.record(names::CLIENT_ERRORS.row(), 1.0, &[]);
    let began = Instant::now();
    let sending = std::thread::spawn(move || {
        sender.send();
        sender.failing()
    });
    for _ in 0..1_000 {
        instruments.record(names::CLIENT_ERRORS.row(), 1.0, &[]);
        std::hint::black_box(instruments.page());
        if began.elapsed() > timeout / 10 {
            break;
        }
    }
    assert!(began.elapsed() < timeout, "recording and Prometheus went on meanwhile");
    assert!(sending.join().expect("no panic"), "it failed");
    assert!(began.elapsed() < Duration::from_secs(5), "and gave up");
    instruments.record(names::CLIENT_ERRORS.row(), 1.0, &[]);
}

#[test]
fn without_a_collector_sending_fails_and_that_is_all() {
    let instruments = Instruments::new();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("bound");
    let otlp = otlp(format!("http://{free}"), Duration::from_secs(1));
    let mut sender = Totals::new(&otlp, instruments.reader()).expect("built");
    instruments.record(names::CLIENT_ERRORS.row(), 1.0, &[]);
    sender.send();
    assert!(sender.failing());
}

#[test]
fn a_ticker_works_at_its_times_and_once_more_at_its_end() {
    let (tell, told) = mpsc::channel();
    let work = move || tell.send(()).expect("heard");
    let ticker = Ticker::start("test", Duration::from_millis(5), work).expect("started");
    for _ in 0..3 {
        told.recv_timeout(Duration::from_secs(5)).expect("worked");
    }
    ticker.end().recv_timeout(Duration::from_secs(5)).expect("ended");
    let seldom = mpsc::channel();
    let work = move || seldom.0.send(()).expect("heard");
    let ticker = Ticker::start("test", Duration::from_secs(3_600), work).expect("started");
    ticker.end().recv_timeout(Duration::from_secs(5)).expect("ended");
    assert!(seldom.1.try_recv().is_ok(), "the last time");
}

#[test]
fn an_end_does_not_wait_for_whoever_hangs() {
    let (hold, held) = mpsc::channel::<()>();
    let hanging = Ticker::start("test", Duration::from_secs(3_600), move || {
        let _ = held.recv();
    });
    let metrics = Metrics { page: None, tickers: vec![hanging.expect("started")] };
    let began = Instant::now();
    metrics.finish(Duration::from_millis(50));
    assert!(began.elapsed() < Duration::from_secs(2));
    drop(hold);
}
