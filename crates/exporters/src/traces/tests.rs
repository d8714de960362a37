//! From a span to the collector, whatever state that is in.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use outcrop_telemetry::trace::{Span, TraceContext};
use prost::Message as _;

use super::*;
use crate::{Format, LogOptions, Otlp};

/// How a collector answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    Refuses,
    /// Refuses once, and takes what comes then.
    RefusesFirst,
    /// Takes all of a batch but one span.
    RefusesOne,
    /// Reads and never answers.
    Hangs,
}

/// What one request was.
struct Request {
    head: String,
    body: ExportTraceServiceRequest,
}

fn collector(manner: Manner) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut hanging = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            if manner == Manner::Hangs {
                hanging.push(stream);
            } else {
                let tell = tell.clone();
                std::thread::spawn(move || serve(stream, manner, &tell));
            }
        }
    });
    (address, told)
}

fn serve(mut stream: TcpStream, manner: Manner, tell: &Sender<Request>) {
    let mut requests = 0;
    while let Some(request) = read(&mut stream) {
        requests += 1;
        let answer = match manner {
            Manner::RefusesFirst if requests == 1 => {
                "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
            }
            Manner::Refuses => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            // `rejected_spans` is 1, in `partial_success`.
            Manner::RefusesOne => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\n\u{2}\u{8}\u{1}",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        };
        let told = tell.send(request).is_ok();
        if !told || stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let mut plain = body;
    if head.contains("content-encoding: gzip") {
        let zipped = std::mem::take(&mut plain);
        GzDecoder::new(&zipped[..]).read_to_end(&mut plain).unwrap();
    }
    Some(Request { head, body: ExportTraceServiceRequest::decode(&plain[..]).unwrap() })
}

fn options(endpoint: &str, sample_percent: u8, queue: usize) -> Options {
    Options {
        service: "outcrop-gateway",
        environment: "test".into(),
        log: LogOptions { format: Format::Json, filter: "info".into(), at_once: true },
        otlp: Some(Otlp {
            endpoint: endpoint.to_owned(),
            headers: vec![("x-api-key".into(), "s3cret".into())],
            timeout: Duration::from_secs(30),
            gzip: false,
        }),
        traces: TraceOptions { sample_percent, slow: Duration::from_secs(5), queue },
        metrics: None,
    }
}

/// Begins spans that go there.
#[derive(Clone, Copy)]
struct Tracer(&'static Arc<Keeper<Outbox>>);

impl Tracer {
    fn start(self, name: &'static str) -> Span {
        self.start_below(name, &TraceContext::none())
    }

    fn start_below(self, name: &'static str, parent: &TraceContext) -> Span {
        Span::start_for(self.0, name, parent)
    }
}

fn traces(options: &Options) -> (Traces, Tracer) {
    let traces =
        Traces::new(Collector::new(options.otlp.as_ref().unwrap(), "traces").unwrap(), options).unwrap();
    let tracer = Tracer(Box::leak(Box::new(Arc::clone(&traces.keeper))));
    (traces, tracer)
}

fn text(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|it| it.key == key)?.value.clone();
    match value {
        Some(AnyValue { value: Some(any_value::Value::StringValue(text)) }) => Some(text),
        _ => None,
    }
}

fn all(requests: &Receiver<Request>) -> Vec<ResourceSpans> {
    requests.try_iter().flat_map(|it| it.body.resource_spans).collect()
}

fn names(of: &[ResourceSpans]) -> Vec<&str> {
    of.iter().flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans).map(|it| it.name.as_str()).collect()
}

fn record(tracer: Tracer, spans: usize) -> Duration {
    let began = Instant::now();
    for _ in 0..spans {
        let mut span = tracer.start("POST /v1/chat/completions");
        span.set("http.request.method", "POST");
    }
    began.elapsed()
}

#[test]
fn spans_arrive_with_parents_attributes_and_who_they_are_of() {
    let (address, requests) = collector(Manner::Takes);
    let (traces, tracer) = traces(&options(&format!("{address}/"), 100, 100));
    let mut root = tracer.start("root");
    root.set("http.route", "/v1/chat/completions");
    drop(tracer.start_below("child", root.context()));
    let above = root.context().span_context().unwrap().clone();
    drop(root);
    traces.finish(Duration::from_secs(10));
    let request = requests.try_recv().unwrap();
    assert!(request.head.starts_with("post /v1/traces http/1.1\r\n"), "{}", request.head);
    assert!(request.head.contains("content-type: application/x-protobuf"));
    assert!(request.head.contains("x-api-key: s3cret"));
    let of = &request.body.resource_spans[0];
    let resource = &of.resource.as_ref().unwrap().attributes;
    assert_eq!(text(resource, "service.name").as_deref(), Some("outcrop-gateway"));
    assert_eq!(text(resource, "deployment.environment.name").as_deref(), Some("test"));
    assert!(text(resource, "service.instance.id").is_some() && text(resource, "host.arch").is_some());
    let [child, root] = &of.scope_spans[0].spans[..] else { panic!("two spans") };
    assert_eq!((child.name.as_str(), root.name.as_str()), ("child", "root"));
    assert_eq!(child.parent_span_id, above.span_id().to_bytes());
    assert_eq!(child.trace_id, above.trace_id().to_bytes());
    assert!(root.parent_span_id.is_empty());
    assert_eq!(text(&root.attributes, "http.route").as_deref(), Some("/v1/chat/completions"));
}

#[test]
fn of_unsampled_traces_those_that_failed_arrive_whole() {
    let (address, requests) = collector(Manner::Takes);
    let (traces, tracer) = traces(&options(&address, 0, 100));
    for fails in [false, true] {
        let mut root = tracer.start(if fails { "failed" } else { "went well" });
        drop(tracer.start_below(if fails { "below" } else { "not there" }, root.context()));
        if fails {
            root.fail("broken", "it broke");
        }
    }
    traces.finish(Duration::from_secs(10));
    let arrived = all(&requests);
    assert_eq!(names(&arrived), ["below", "failed"]);
    assert!(arrived[0].scope_spans[0].spans.iter().all(|span| span.flags & 1 == 1));
}

#[test]
fn nobody_waits_for_a_collector_in_trouble() {
    const SPANS: usize = 100_000;
    const QUEUE: usize = 2_048;
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refusing, _refused) = collector(Manner::Refuses);
    let (hanging, _hung) = collector(Manner::Hangs);
    let (good, taken) = collector(Manner::Takes);
    let usual = {
        let (traces, tracer) = traces(&options(&good, 100, QUEUE));
        let usual = record(tracer, SPANS);
        let gate = Arc::clone(&traces.gate);
        traces.finish(Duration::from_secs(30));
        assert_eq!(gate.waiting(), 0);
        usual
    };
    assert!(!names(&all(&taken)).is_empty());
    for address in [format!("http://{closed}"), refusing, hanging] {
        let (traces, tracer) = traces(&options(&address, 100, QUEUE));
        let took = record(tracer, SPANS);
        // Ten times would be a span that waits now and then; a wait for the collector would be hundreds of times.
        assert!(took < usual * 10 + Duration::from_millis(500), "{address}: {took:?}, usually {usual:?}");
        let gate = Arc::clone(&traces.gate);
        assert!(gate.waiting() <= QUEUE);
        let began = Instant::now();
        traces.finish(Duration::from_millis(300));
        assert!(began.elapsed() < Duration::from_secs(3), "{address}: {:?}", began.elapsed());
        assert!(
            gate.lost() + gate.waiting() as u64 == SPANS as u64,
            "{address}: every span is accounted for"
        );
    }
}

#[test]
fn a_collector_in_trouble_is_left_alone_for_a_while() {
    let (address, tries) = collector(Manner::Refuses);
    // Each span is a batch.
    let (traces, tracer) = traces(&options(&address, 100, 1));
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(600) {
        tracer.start("span").end();
        std::thread::yield_now();
    }
    let tried = tries.try_iter().count() as u128;
    assert!(tried > 0 && tried <= began.elapsed().as_millis() / 250 + 1, "{tried} tries");
    traces.finish(Duration::from_secs(10));
}

#[test]
fn what_ends_while_a_collector_is_away_arrives_when_it_is_back() {
    let (address, requests) = collector(Manner::RefusesFirst);
    let (traces, tracer) = traces(&options(&address, 100, 100));
    tracer.start("lost").end();
    let until = Instant::now() + Duration::from_secs(30);
    while traces.gate.waiting() > 0 && Instant::now() < until {
        std::thread::yield_now();
    }
    assert_eq!((traces.gate.waiting(), traces.gate.lost()), (0, 1));
    tracer.start("waits").end();
    let again: Vec<_> = (0..2).map(|_| requests.recv_timeout(Duration::from_secs(30)).unwrap()).collect();
    assert_eq!(names(&again[1].body.resource_spans), ["waits"]);
    let gate = Arc::clone(&traces.gate);
    traces.finish(Duration::from_secs(10));
    assert_eq!((gate.waiting(), gate.lost()), (0, 0), "and its trouble is over");
}

/// As services do: made, used and finished where a runtime is entered.
#[test]
fn a_runtime_does_not_mind() {
    let (address, requests) = collector(Manner::Takes);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (traces, tracer) = traces(&options(&address, 100, 100));
        tracer.start("span").end();
        traces.finish(Duration::from_secs(10));
    });
    assert_eq!(names(&all(&requests)), ["span"]);
}

#[test]
fn compressed_where_that_is_asked_for() {
    for gzip in [false, true] {
        let (address, requests) = collector(Manner::Takes);
        let mut options = options(&address, 100, 100);
        options.otlp.as_mut().unwrap().gzip = gzip;
        let (traces, tracer) = traces(&options);
        tracer.start("span").end();
        traces.finish(Duration::from_secs(10));
        let request = requests.try_recv().unwrap();
        assert_eq!(request.head.contains("content-encoding: gzip"), gzip);
        assert_eq!(names(&request.body.resource_spans), ["span"]);
    }
}

#[test]
fn what_a_collector_refuses_of_a_batch_is_counted() {
    let (address, _requests) = collector(Manner::RefusesOne);
    let (traces, tracer) = traces(&options(&address, 100, 100));
    for _ in 0..3 {
        tracer.start("span").end();
    }
    let gate = Arc::clone(&traces.gate);
    traces.finish(Duration::from_secs(10));
    assert_eq!((gate.waiting(), gate.lost()), (0, 1));
}

#[test]
fn an_address_or_a_header_that_is_none_is_refused() {
    for address in ["not an address", "ftp://collector", ""] {
        let refused =
            Collector::new(options(address, 100, 1).otlp.as_ref().unwrap(), "traces").map(drop).unwrap_err();
        assert!(refused.to_string().contains("telemetry.otlp_endpoint"), "{refused}");
    }
    let mut options = options("http://127.0.0.1:1", 100, 1);
    options.otlp.as_mut().unwrap().headers = vec![("a header".into(), "s3cret".into())];
    let refused = Collector::new(options.otlp.as_ref().unwrap(), "traces").map(drop).unwrap_err().to_string();
    assert!(refused.contains("telemetry.otlp_headers") && !refused.contains("s3cret"), "{refused}");
}
