//! A collector: what OTLP over HTTP is sent to, read by the protocol's own definitions.

use std::io::Read as _;
use std::net::Ipv4Addr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::spans::{Seen, Tree};
use crate::wait::until;

/// Largest export that is read, bytes.
const MAX_BYTES: usize = 64 << 20;

/// What it does with what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behaviour {
    /// Takes it.
    #[default]
    Takes,
    /// Answers with 503.
    Refuses,
    /// Never answers.
    Hangs,
}

/// A running collector; stops when dropped.
pub(crate) struct Collector {
    /// What `telemetry.otlp_endpoint` is to be.
    pub(crate) url: String,
    shared: Arc<Shared>,
    stop: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    spans: Vec<Seen>,
    /// The names of metrics that came.
    metrics: Vec<String>,
    /// How many exports came, whatever became of them.
    exports: usize,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::that(Behaviour::Takes)
    }

    pub(crate) fn that(behaviour: Behaviour) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state().behaviour = behaviour;
        let (tell, told) = std::sync::mpsc::channel();
        let serving = shared.clone();
        let thread = std::thread::spawn(move || serve(serving, &tell));
        let (url, stop) = told.recv().expect("a free port");
        Self { url, shared, stop, thread: Some(thread) }
    }

    /// All spans that came so far.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.shared.state().spans.clone()
    }

    /// The names of all metrics that came so far.
    pub(crate) fn metrics(&self) -> Vec<String> {
        self.shared.state().metrics.clone()
    }

    /// How many exports came so far.
    pub(crate) fn exports(&self) -> usize {
        self.shared.state().exports
    }

    /// The spans of a trace, once they are such.
    pub(crate) async fn trace(&self, id: &str, complete: impl Fn(&Tree) -> bool) -> Tree {
        let mut last = String::new();
        let what = format!("the spans of {id}");
        until(&what, async || {
            let tree = Tree::of(self.spans().into_iter().filter(|span| span.trace == id).collect());
            let shown = tree.to_string();
            if shown != last {
                print_spans(&shown);
                last = shown;
            }
            complete(&tree).then_some(tree)
        })
        .await
    }

    /// The trace that a request of this id was answered in, once its first span came.
    pub(crate) async fn trace_of(&self, request_id: &str) -> String {
        until(&format!("a span of the request {request_id}"), async || self.seen(request_id)).await
    }

    /// The same, if anything of it came.
    pub(crate) fn seen(&self, request_id: &str) -> Option<String> {
        let spans = &self.shared.state().spans;
        spans.iter().find(|span| span.text("request.id") == request_id).map(|span| span.trace.clone())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.stop.stop(false));
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A test that fails shows what had come.
#[expect(clippy::print_stderr, reason = "shown of failed tests alone")]
fn print_spans(shown: &str) {
    eprintln!("--- spans so far\n{shown}");
}

fn serve(shared: Arc<Shared>, tell: &Sender<(String, ServerHandle)>) {
    let shared = web::Data::from(shared);
    actix_web::rt::System::new().block_on(async {
        let app = move || App::new().app_data(shared.clone()).default_service(web::to(take));
        let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0);
        let server = server.bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let running = server.run();
        tell.send((url, running.handle())).unwrap();
        running.await.unwrap();
    });
}

async fn take(request: HttpRequest, body: web::Payload, shared: web::Data<Shared>) -> HttpResponse {
    let behaviour = {
        let mut state = shared.state();
        state.exports += 1;
        state.behaviour
    };
    match behaviour {
        Behaviour::Takes => {}
        Behaviour::Refuses => return HttpResponse::ServiceUnavailable().finish(),
        Behaviour::Hangs => std::future::pending().await,
    }
    let sent = body.to_bytes_limited(MAX_BYTES).await.unwrap().unwrap();
    let gzip = request.headers().get(CONTENT_ENCODING).is_some_and(|it| it == "gzip");
    let mut bytes = Vec::new();
    if gzip {
        GzDecoder::new(&sent[..]).read_to_end(&mut bytes).unwrap();
    } else {
        bytes.extend_from_slice(&sent);
    }
    assert_eq!(request.headers().get("content-type").unwrap(), "application/x-protobuf");
    match request.path() {
        "/v1/traces" => {
            let sent = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
            shared.state().spans.extend(Seen::all(sent));
        }
        "/v1/metrics" => {
            let sent = ExportMetricsServiceRequest::decode(&bytes[..]).unwrap();
            let scopes = sent.resource_metrics.into_iter().flat_map(|it| it.scope_metrics);
            shared.state().metrics.extend(scopes.flat_map(|it| it.metrics).map(|it| it.name));
        }
        other => panic!("nothing is sent to {other}"),
    }
    // An empty message says that all of it was taken (OTLP, "Full Success").
    HttpResponse::Ok().content_type("application/x-protobuf").finish()
}
