//! A gateway that runs apart, three services behind it, and the keys they know.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use outcrop_config::{Config, FilesConfig, ServerConfig, ServicesConfig};
use outcrop_embedded::MemoryChanges;
use outcrop_gateway::{Forwarder, Gateway, GatewayOptions};
use outcrop_http::{
    ApiError, BodyPieces, Bounds, Health, Layer, RequestContext, Server, ServerParts, internal_identity, sse,
};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Authenticated, Authenticator, Clock, Credential, IdGen, PortError, Refused};
use outcrop_token::{InternalSigner, InternalVerifier, service_principal};
use outcrop_types::{PresentedKey, Principal, Role};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

pub(crate) const SECRET: &str = "a secret for tests, 32 bytes long";

/// Real time, from a fixed date on: connections and caches run, signatures stay comparable.
pub(crate) struct RunningClock(std::time::Instant);

impl Clock for RunningClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

struct CountingIds(AtomicU64);

impl IdGen for CountingIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }

    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// Knows these keys, unless it is away.
#[derive(Default)]
pub(crate) struct Keys {
    pub(crate) known: Mutex<HashMap<String, Principal>>,
    pub(crate) away: Mutex<bool>,
    pub(crate) asked: AtomicUsize,
    /// When all of them end.
    pub(crate) expires_at: Mutex<Option<DateTime<Utc>>>,
}

#[async_trait]
impl Authenticator for Keys {
    async fn authenticate(&self, credential: &Credential) -> Result<Authenticated, Refused> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if *self.away.lock().unwrap() {
            return Err(Refused::Unknown { source: PortError::unavailable("look up a key", "away") });
        }
        let text = match credential {
            Credential::ApiKey(key) | Credential::Session(key) => key.expose(),
            Credential::Token(text) | Credential::Static(text) => text.expose_secret(),
        };
        let known = self.known.lock().unwrap();
        let principal = known.get(text).cloned().ok_or_else(|| Refused::invalid("nobody knows it"))?;
        Ok(Authenticated { principal, expires_at: *self.expires_at.lock().unwrap(), session: None })
    }
}

/// What the services saw and what they wait for.
#[derive(Default)]
pub(crate) struct Seen {
    /// Bytes of bodies read.
    pub(crate) bytes: AtomicUsize,
    /// Bodies read to their true end.
    pub(crate) whole: AtomicUsize,
}

/// What the slow routes wait for.
pub(crate) struct Gate(pub(crate) Semaphore);

/// What a world may be unlike the others in.
pub(crate) struct Setup {
    /// What the gateway signs with, whatever the services verify with.
    pub(crate) secret: &'static str,
    /// The gateway's own bounds.
    pub(crate) config: ServerConfig,
    /// The bounds of files, everywhere.
    pub(crate) files: FilesConfig,
    /// Another address for the inference service.
    pub(crate) inference: Option<String>,
    /// How old an answer about a key may be.
    pub(crate) cache_ttl: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        let cache_ttl = Duration::from_millis(200);
        Self {
            secret: SECRET,
            config: server_config(),
            files: FilesConfig::default(),
            inference: None,
            cache_ttl,
        }
    }
}

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    /// What the gateway listens to.
    pub(crate) changes: MemoryChanges,
    pub(crate) seen: Arc<Seen>,
    pub(crate) gate: Arc<Gate>,
    /// Open answers of the services.
    pub(crate) behind: InFlight,
    /// Open answers of the gateway.
    pub(crate) front: InFlight,
    /// Stops the gateway alone.
    front_stop: CancellationToken,
    _stop: DropGuard,
}

pub(crate) fn key(seed: u8) -> String {
    PresentedKey::generate([seed; 16], [seed; 86]).expose().to_owned()
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

pub(crate) fn server_config() -> ServerConfig {
    ServerConfig { port: 0, workers: 1, drain_ms: 500, ..ServerConfig::default() }
}

/// The caller whose key has this seed.
pub(crate) fn caller(role: Role) -> Principal {
    Principal { role, ..service_principal("caller") }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Setup::default()).await
    }

    /// With the gateway's own bounds, and, if given, another address for the inference service.
    pub(crate) async fn with(config: ServerConfig, inference: Option<String>) -> Self {
        Self::of(Setup { config, inference, ..Setup::default() }).await
    }

    pub(crate) async fn of(setup: Setup) -> Self {
        let Setup { secret, config, files, inference, cache_ttl } = setup;
        let stop = CancellationToken::new();
        let keys = Arc::new(Keys::default());
        keys.known.lock().unwrap().insert(key(1), caller(Role::Developer));
        keys.known.lock().unwrap().insert(key(2), caller(Role::Viewer));
        let (seen, gate) = (Arc::new(Seen::default()), Arc::new(Gate(Semaphore::new(0))));
        let (behind, front) = (InFlight::default(), InFlight::default());
        let clock: Arc<dyn Clock> = Arc::new(RunningClock(std::time::Instant::now()));
        let service = |name: &'static str| {
            let verifier = Arc::new(InternalVerifier::new(&SECRET.to_owned().into()).unwrap());
            let layer = internal_identity(verifier, Arc::clone(&clock));
            let (seen, gate) = (Arc::clone(&seen), Arc::clone(&gate));
            let config = Config { server: server_config(), files: files.clone(), ..Config::default() };
            serve(&config, layer, behind.clone(), &stop, move |app| {
                app.app_data(web::Data::from(Arc::clone(&seen)))
                    .app_data(web::Data::from(Arc::clone(&gate)))
                    .app_data(web::Data::new(name))
                    .service(web::resource("/v1/chat/completions").post(count))
                    .service(web::resource("/v1/files").post(take_file).get(give_file))
                    .service(web::resource("/v1/completions").post(never_reads))
                    .service(web::resource("/v1/responses").post(stream_pieces))
                    .service(web::resource("/v1/embeddings").post(waits))
                    .service(web::resource("/v1/rerank").post(breaks_off))
                    .service(web::resource("/v1/messages").post(confesses))
                    .service(web::resource("/mcp").get(stream_pieces).post(speak).delete(echo))
                    .default_service(web::to(echo));
            })
        };
        let services = ServicesConfig {
            auth: service("auth"),
            inference: inference.unwrap_or_else(|| service("inference")),
            jobs: service("jobs"),
            connect_timeout_ms: 1_000,
        };
        let options = GatewayOptions {
            cache_ttl,
            grace: Duration::from_secs(60),
            cache_entries: 100,
            ..GatewayOptions::from(&Config { server: config.clone(), ..Config::default() })
        };
        let changes = MemoryChanges::default();
        let listening = Arc::new(changes.clone());
        let gateway = Gateway::new(options, Arc::clone(&keys) as _, listening, Arc::clone(&clock));
        let running = (gateway.clone(), stop.clone());
        actix_web::rt::spawn(async move { running.0.run(running.1).await });
        let signer =
            InternalSigner::new("gateway", &secret.to_owned().into(), Duration::from_secs(60)).unwrap();
        let forwarder =
            Forwarder::new(&services, Bounds::new(&config, &files), signer, Arc::clone(&clock)).unwrap();
        let parts = parts(gateway.layer(), front.clone());
        let config = Config { server: config, files, ..Config::default() };
        let server = Server::bind_public(&config, parts, move |app| forwarder.routes(app)).unwrap();
        let front_stop = stop.child_token();
        let url = run(server, &front_stop);
        Self { url, keys, clock, changes, seen, gate, behind, front, front_stop, _stop: stop.drop_guard() }
    }

    /// Asks the gateway to stop; what is behind it goes on.
    pub(crate) fn stop_gateway(&self) {
        self.front_stop.cancel();
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Makes a credential known.
    pub(crate) fn know(&self, text: &str, principal: Principal) {
        self.keys.known.lock().unwrap().insert(text.to_owned(), principal);
    }

    /// Has all credentials end so long from now.
    pub(crate) fn end_after(&self, left: Duration) {
        *self.keys.expires_at.lock().unwrap() = Some(self.clock.now() + left);
    }

    /// A request with the developer's key.
    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        client().post(self.at(path)).bearer_auth(key(1))
    }
}

fn serve(
    config: &Config,
    layer: Layer,
    in_flight: InFlight,
    stop: &CancellationToken,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> String {
    run(Server::bind(config, parts(layer, in_flight), routes).unwrap(), stop)
}

fn parts(layer: Layer, in_flight: InFlight) -> ServerParts {
    let ids = Arc::new(CountingIds(AtomicU64::new(0)));
    ServerParts { in_flight, ids, layer, health: Health::new(Vec::new()) }
}

fn run(server: Server, stop: &CancellationToken) -> String {
    let url = format!("http://{}", server.addr());
    actix_web::rt::spawn(server.run(stop.clone()));
    url
}

/// Says what arrived.
async fn echo(
    request: HttpRequest,
    context: RequestContext,
    service: web::Data<&'static str>,
    body: Bytes,
) -> HttpResponse {
    let headers: serde_json::Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().into()))
        .collect();
    let mut answer = HttpResponse::Created();
    answer
        .insert_header(("x-from-service", "yes"))
        .insert_header(("mcp-session-id", "mcps_of_the_service"))
        .insert_header((outcrop_http::REFUSED_HEADER, "something"))
        .insert_header(("x-frame-options", "SAMEORIGIN"))
        .insert_header(("access-control-allow-origin", "*"));
    answer.json(serde_json::json!({
        "service": **service,
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "headers": headers,
        "principal": request.extensions().get::<Principal>(),
        "client_ip": context.client_ip,
        "request_id": context.request_id,
        "deadline_ms": u64::try_from(context.deadline.as_millis()).unwrap(),
        "body": String::from_utf8_lossy(&body),
    }))
}

/// Reads a body piece by piece and says how long it was.
async fn count(mut body: web::Payload, seen: web::Data<Seen>) -> HttpResponse {
    let mut length = 0;
    while let Some(piece) = body.next().await {
        let Ok(piece) = piece else { return HttpResponse::BadRequest().finish() };
        length += piece.len();
        seen.bytes.fetch_add(piece.len(), Ordering::SeqCst);
    }
    seen.whole.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().json(length)
}

/// Reads a file as the service that keeps them does.
async fn take_file(
    mut body: BodyPieces,
    context: RequestContext,
    seen: web::Data<Seen>,
) -> Result<HttpResponse, ApiError> {
    let mut length = 0;
    while let Some(piece) = body.next().await? {
        length += piece.len();
        seen.bytes.fetch_add(piece.len(), Ordering::SeqCst);
    }
    seen.whole.fetch_add(1, Ordering::SeqCst);
    let deadline_ms = u64::try_from(context.deadline.as_millis()).unwrap();
    Ok(HttpResponse::Ok().json(serde_json::json!({ "bytes": length, "deadline_ms": deadline_ms })))
}

/// Three pieces with pauses in which a short request would be over.
async fn give_file() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::iter(0..3).then(async |at: u8| {
        tokio::time::sleep(Duration::from_millis(150)).await;
        Ok::<_, std::io::Error>(Bytes::from(vec![at; 8]))
    }))
}

async fn never_reads(_body: web::Payload, gate: web::Data<Gate>) -> HttpResponse {
    gate.0.acquire().await.unwrap().forget();
    HttpResponse::Ok().finish()
}

/// A piece for every permit, three in all.
async fn stream_pieces(gate: web::Data<Gate>) -> HttpResponse {
    let gate = gate.into_inner();
    sse::respond(stream::iter(0..3).then(move |at| {
        let gate = Arc::clone(&gate);
        async move {
            gate.0.acquire().await.unwrap().forget();
            Bytes::from(format!("data: {at}\n\n"))
        }
    }))
}

/// A stream for who listens and calls, and what arrived for others.
async fn speak(
    request: HttpRequest,
    context: RequestContext,
    service: web::Data<&'static str>,
    gate: web::Data<Gate>,
    body: Bytes,
) -> HttpResponse {
    let streams = request.headers().get("accept").is_some_and(|value| value == "text/event-stream");
    if streams { stream_pieces(gate).await } else { echo(request, context, service, body).await }
}

async fn waits(gate: web::Data<Gate>) -> HttpResponse {
    gate.0.acquire().await.unwrap().forget();
    HttpResponse::Ok().json("at last")
}

/// One piece, and, with a permit, the connection is cut.
async fn breaks_off(gate: web::Data<Gate>) -> HttpResponse {
    let cut = stream::once(async move {
        gate.0.acquire().await.unwrap().forget();
        Err(std::io::Error::other("cut"))
    });
    let pieces = stream::iter([Ok(Bytes::from_static(b"data: 0\n\n"))]).chain(cut);
    HttpResponse::Ok().content_type("text/event-stream").streaming(pieces)
}

/// An answer that ends with what went wrong.
async fn confesses() -> HttpResponse {
    let events = ["event: message_start\ndata: {}\n\n", "event: error\ndata: {\"type\":\"error\"}\n\n"];
    sse::respond(stream::iter(events).map(|event| Bytes::from_static(event.as_bytes())))
}
