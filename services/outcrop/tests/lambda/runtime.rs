//! Lambda's side: the runtime API and the API of extensions, as far as an adapter meets them.
//!
//! `GET …/invocation/next` waits for an event; the answer comes as `POST …/invocation/{id}/response`, whole or, where its
//! header says so, in pieces. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::{Mutex as Turn, mpsc, watch};

use crate::wait::{LIMIT, now};

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const RESPONSE: &str = "/2018-06-01/runtime/invocation/{id}/response";
const ERROR: &str = "/2018-06-01/runtime/invocation/{id}/error";
const REGISTER: &str = "/2020-01-01/extension/register";
const EVENT: &str = "/2020-01-01/extension/event/next";
const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:outcrop";

/// What the function says to an event.
#[derive(Debug)]
pub(crate) enum Said {
    /// It answers, streamed or whole.
    Begins { streamed: bool },
    /// A piece of the answer, as it came in.
    Piece(Bytes),
    /// The whole answer has come.
    Ends,
    /// It failed, in these words.
    Failed(Value),
}

/// The runtime API of one environment.
pub(crate) struct Runtime {
    /// `host:port`, as environments are told.
    pub(crate) address: String,
    state: web::Data<State>,
    events: mpsc::UnboundedSender<(String, Value)>,
}

struct State {
    events: Turn<mpsc::UnboundedReceiver<(String, Value)>>,
    open: Mutex<HashMap<String, mpsc::UnboundedSender<Said>>>,
    invocations: AtomicU64,
    /// How often the function asked for an event: from then on Lambda freezes it.
    asked: watch::Sender<usize>,
    /// How often it had asked when the last answer ended.
    ended: Arc<AtomicUsize>,
    /// The names of the extensions that came.
    extensions: Mutex<Vec<String>>,
}

/// An event on its way, and what comes back.
pub(crate) struct Invocation {
    said: mpsc::UnboundedReceiver<Said>,
    asked: watch::Receiver<usize>,
    /// How often it had asked when the last answer ended.
    ended: Arc<AtomicUsize>,
}

/// An answer whose form Lambda and the address in front understand.
#[derive(Debug)]
pub(crate) struct Streamed {
    /// What precedes the body: status, headers, cookies.
    pub(crate) prelude: Value,
    /// The body as it came, and when, from the event on.
    pub(crate) pieces: Vec<(Duration, Bytes)>,
}

impl Runtime {
    pub(crate) fn start() -> Self {
        let (events, incoming) = mpsc::unbounded_channel();
        let state = web::Data::new(State {
            events: Turn::new(incoming),
            open: Mutex::default(),
            invocations: AtomicU64::new(1),
            asked: watch::Sender::default(),
            ended: Arc::default(),
            extensions: Mutex::default(),
        });
        let shared = state.clone();
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .route(NEXT, web::get().to(next))
                .route(RESPONSE, web::post().to(response))
                .route(ERROR, web::post().to(failed))
                .route(REGISTER, web::post().to(register))
                .route(EVENT, web::get().to(nothing_happens))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let address = server.addrs()[0].to_string();
        // It ends with the test's runtime.
        tokio::spawn(server.run());
        Self { address, state, events }
    }

    /// Sends an event.
    pub(crate) fn invoke(&self, event: Value) -> Invocation {
        let (sender, said) = mpsc::unbounded_channel();
        // In the form of a request's id at Lambda.
        let number = self.state.invocations.fetch_add(1, Ordering::Relaxed);
        let id = format!("{number:08x}-0000-4000-8000-000000000000");
        self.state.open.lock().unwrap().insert(id.clone(), sender);
        let (asked, ended) = (self.state.asked.subscribe(), Arc::clone(&self.state.ended));
        self.events.send((id, event)).unwrap();
        Invocation { said, asked, ended }
    }

    /// Waits until the function is there and asks for its first event.
    pub(crate) async fn ready(&self) {
        let mut asked = self.state.asked.subscribe();
        tokio::time::timeout(LIMIT, asked.wait_for(|it| *it > 0)).await.expect("it asks").unwrap();
    }

    pub(crate) fn extensions(&self) -> Vec<String> {
        self.state.extensions.lock().unwrap().clone()
    }
}

impl Invocation {
    pub(crate) async fn next(&mut self) -> Option<Said> {
        tokio::time::timeout(LIMIT, self.said.recv()).await.expect("it goes on")
    }

    /// Waits until the function asks for another event, which is when it is frozen.
    pub(crate) async fn over(mut self) {
        let before = self.ended.load(Ordering::Acquire);
        let _ = tokio::time::timeout(LIMIT, self.asked.wait_for(|it| *it > before)).await.expect("it asks");
    }

    /// A whole answer, as addresses that buffer want it.
    pub(crate) async fn whole(&mut self) -> Value {
        assert!(matches!(self.next().await, Some(Said::Begins { streamed: false })), "it answers whole");
        let mut bytes = Vec::new();
        loop {
            match self.next().await.expect("an end") {
                Said::Piece(piece) => bytes.extend_from_slice(&piece),
                Said::Ends => return serde_json::from_slice(&bytes).unwrap(),
                Said::Failed(words) => panic!("it failed: {words}"),
                other => panic!("{other:?}"),
            }
        }
    }

    /// An answer in pieces, to its end.
    pub(crate) async fn streamed(&mut self) -> Streamed {
        let began = Instant::now();
        assert!(matches!(self.next().await, Some(Said::Begins { streamed: true })), "it streams");
        let (mut head, mut pieces, mut prelude) = (Vec::new(), Vec::new(), None);
        loop {
            match self.next().await.expect("an end") {
                Said::Piece(piece) if prelude.is_some() => pieces.push((began.elapsed(), piece)),
                Said::Piece(piece) => {
                    head.extend_from_slice(&piece);
                    // JSON, eight zero bytes, the body.
                    if let Some(at) = head.windows(8).position(|it| it == [0; 8]) {
                        prelude = Some(serde_json::from_slice(&head[..at]).unwrap());
                        let rest = Bytes::copy_from_slice(&head[at + 8..]);
                        pieces.extend((!rest.is_empty()).then(|| (began.elapsed(), rest)));
                    }
                }
                Said::Ends => return Streamed { prelude: prelude.expect("a prelude"), pieces },
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Streamed {
    pub(crate) fn status(&self) -> u64 {
        self.prelude["statusCode"].as_u64().unwrap()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|(_, piece)| piece.to_vec()).collect()
    }
}

async fn next(state: web::Data<State>) -> HttpResponse {
    state.asked.send_modify(|it| *it += 1);
    let Some((id, event)) = state.events.lock().await.recv().await else {
        return HttpResponse::InternalServerError().finish();
    };
    let deadline = now().timestamp_millis() + 900_000;
    HttpResponse::Ok()
        .insert_header(("lambda-runtime-aws-request-id", id))
        .insert_header(("lambda-runtime-deadline-ms", deadline.to_string()))
        .insert_header(("lambda-runtime-invoked-function-arn", ARN))
        .insert_header(("lambda-runtime-trace-id", "Root=1-5eb33c07-de25b420912dee103a5db434;Sampled=0"))
        .json(event)
}

async fn response(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    mut body: web::Payload,
) -> HttpResponse {
    let Some(open) = state.open.lock().unwrap().remove(&*id) else {
        return HttpResponse::BadRequest().finish();
    };
    let mode = request.headers().get("lambda-runtime-function-response-mode");
    let streamed = mode.is_some_and(|it| it == "streaming");
    let _ = open.send(Said::Begins { streamed });
    while let Some(Ok(piece)) = body.next().await {
        let _ = open.send(Said::Piece(piece));
    }
    // It asks for the next event only once it has been told that this one is over.
    state.ended.store(*state.asked.borrow(), Ordering::Release);
    let _ = open.send(Said::Ends);
    HttpResponse::Accepted().finish()
}

async fn failed(state: web::Data<State>, id: web::Path<String>, said: web::Json<Value>) -> HttpResponse {
    if let Some(open) = state.open.lock().unwrap().remove(&*id) {
        let _ = open.send(Said::Failed(said.into_inner()));
    }
    HttpResponse::Accepted().finish()
}

async fn register(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let name = request.headers().get("lambda-extension-name").map_or("", |it| it.to_str().unwrap());
    state.extensions.lock().unwrap().push(name.to_owned());
    HttpResponse::Ok()
        .insert_header(("lambda-extension-identifier", "7c9c8f5e-0d1b-4a55-8c44-2d4f7d9d8a10"))
        .json(serde_json::json!({ "functionName": "outcrop" }))
}

async fn nothing_happens() -> HttpResponse {
    std::future::pending().await
}
