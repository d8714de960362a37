//! A server with everything around it and a few routes that misbehave on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::{StreamExt, stream};
use outcrop_config::{Config, FilesConfig, ServerConfig};
use outcrop_http::{
    ApiError, BodyPieces, Dependency, FromService, Health, JsonBytes, Layer, RequestContext, Server,
    ServerParts, broke_off, sse,
};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Clock, IdGen};
use outcrop_telemetry::current;
use outcrop_types::{ErrorCode, Principal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(Default)]
pub(crate) struct CountingIds(AtomicU64);

impl IdGen for CountingIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }

    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// Half past something, for ever.
pub(crate) struct StillClock;

impl Clock for StillClock {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1)
    }
}

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) in_flight: InFlight,
    /// Lets the slow route go on, a piece a permit.
    pub(crate) pieces: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<std::io::Result<()>>,
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        port: 0,
        workers: 1,
        max_body_bytes: 1024,
        max_json_depth: 8,
        drain_ms: 10_000,
        ..ServerConfig::default()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&config(), Layer::none(), Vec::new())
    }

    /// As the public sees it.
    pub(crate) fn public(config: &ServerConfig) -> Self {
        Self::bound(config, &FilesConfig::default(), Layer::none(), Vec::new(), true)
    }

    /// As the public sees it, with these bounds of files.
    pub(crate) fn taking(files: &FilesConfig) -> Self {
        Self::bound(&config(), files, Layer::none(), Vec::new(), true)
    }

    pub(crate) fn with(config: &ServerConfig, layer: Layer, dependencies: Vec<Dependency>) -> Self {
        Self::bound(config, &FilesConfig::default(), layer, dependencies, false)
    }

    fn bound(
        server: &ServerConfig,
        files: &FilesConfig,
        layer: Layer,
        dependencies: Vec<Dependency>,
        public: bool,
    ) -> Self {
        let config = Config { server: server.clone(), files: files.clone(), ..Config::default() };
        Self::of(&config, layer, dependencies, public)
    }

    /// With all settings.
    pub(crate) fn of(config: &Config, layer: Layer, dependencies: Vec<Dependency>, public: bool) -> Self {
        let in_flight = InFlight::default();
        let pieces = Arc::new(Semaphore::new(0));
        let parts = ServerParts {
            in_flight: in_flight.clone(),
            ids: Arc::new(CountingIds::default()),
            layer,
            health: Health::new(dependencies),
        };
        let shared = Arc::clone(&pieces);
        let routes = move |app: &mut web::ServiceConfig| {
            app.app_data(web::Data::from(Arc::clone(&shared)))
                .service(web::resource("/v1/chat/completions").post(length))
                .service(web::resource("/v1/messages").post(length))
                .service(web::resource("/model/{id:.+}/converse").post(length))
                .service(web::resource("/generate").post(length))
                .service(web::resource("/v1/files").post(pieces_of))
                .service(web::resource("/api/v1/files").post(pieces_of))
                .service(web::resource("/v1/batches").post(pieces_of))
                .service(web::resource("/v1/jobs/fail").get(fail))
                .service(web::resource("/v1/jobs/mistaken").get(mistaken))
                .service(web::resource("/v1/jobs/raw").post(async |body: Bytes| body.len().to_string()))
                .service(web::resource("/v1/jobs/slow").get(slow))
                .service(web::resource("/v1/jobs/late").get(late))
                .service(web::resource("/v1/jobs/traced").get(traced))
                .service(web::resource("/v1/jobs/broken").get(broken))
                .service(web::resource("/v1/jobs/confessed").get(confessed))
                .service(web::resource("/v1/models/{model:.+}").get(async || HttpResponse::Ok()))
                .service(web::resource("/auth/token").post(fail))
                .service(web::resource("/admin/v1/fail").get(fail))
                .service(web::resource("/page").get(page))
                .service(web::resource("/whoami").get(whoami));
        };
        let server = if public {
            Server::bind_public(config, parts, routes)
        } else {
            Server::bind(config, parts, routes)
        };
        let server = server.unwrap();
        let (url, stop) = (format!("http://{}", server.addr()), CancellationToken::new());
        let running = actix_web::rt::spawn(server.run(stop.clone()));
        Self { url, in_flight, pieces, stop, running }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

async fn length(body: JsonBytes) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "bytes": body.len() }))
}

async fn pieces_of(mut body: BodyPieces) -> Result<HttpResponse, ApiError> {
    let mut bytes = 0;
    while let Some(piece) = body.next().await? {
        bytes += piece.len();
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "bytes": bytes })))
}

async fn fail(query: web::Query<Vec<(String, u64)>>) -> Result<HttpResponse, ApiError> {
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    let code = match asked("status") {
        Some(400) => ErrorCode::InvalidRequest,
        Some(401) => ErrorCode::Unauthenticated,
        Some(429) => ErrorCode::RateLimited,
        Some(503) => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    };
    let mut error = ApiError::new(code, "as asked").with_header("x-outcrop-limit", "team");
    error.retry_after = asked("after").map(Duration::from_millis);
    error.reason = asked("grant").map(|_| "invalid_grant");
    Err(error)
}

/// As a field that is wrong is refused.
async fn mistaken() -> Result<HttpResponse, ApiError> {
    let error = ApiError::new(ErrorCode::InvalidRequest, "must be one of `user`, not `the ` prompt-words`");
    Err(error.with_param("messages[0].prompt-words"))
}

async fn slow(pieces: web::Data<Semaphore>) -> HttpResponse {
    let pieces = pieces.into_inner();
    sse::respond(stream::iter(0..3).then(move |at| {
        let pieces = Arc::clone(&pieces);
        async move {
            pieces.acquire().await.unwrap().forget();
            Bytes::from(format!("data: {at}\n\n"))
        }
    }))
}

async fn late(pieces: web::Data<Semaphore>) -> HttpResponse {
    pieces.acquire().await.unwrap().forget();
    HttpResponse::Ok().finish()
}

/// A page of ours, which has a policy of its own and says what others cannot know.
async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("content-security-policy", "default-src 'self'"))
        .insert_header(("x-frame-options", "SAMEORIGIN"))
        .insert_header(("vary", "accept-encoding"))
        .insert_header(("x-ratelimit-limit-requests", "7"))
        .insert_header(("x-outcrop-model", "m"))
        .insert_header(("x-private", "p"))
        .body("page")
}

async fn whoami(request: HttpRequest, context: RequestContext) -> HttpResponse {
    use actix_web::HttpMessage;
    let extensions = request.extensions();
    HttpResponse::Ok().json(serde_json::json!({
        "team": extensions.get::<Principal>().map(|it| it.team),
        "from_service": extensions.get::<FromService>().is_some(),
        "client_ip": context.client_ip,
        "deadline_ms": u64::try_from(context.deadline.as_millis()).unwrap(),
    }))
}

/// What the task works on, told while the body is made.
async fn traced() -> HttpResponse {
    let seen = || {
        current::with(|it| format!("{} {:?};", it.request_id, it.trace.trace_id().map(|id| id.to_string())))
    };
    let first = seen().unwrap_or_default();
    let rest = stream::once(async move { Ok::<_, std::io::Error>(Bytes::from(seen().unwrap_or_default())) });
    HttpResponse::Ok().streaming(stream::once(async { Ok(Bytes::from(first)) }).chain(rest))
}

async fn broken() -> HttpResponse {
    let end = stream::once(async {
        // The head and the first piece have left by then.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("the model went away"))
    });
    HttpResponse::Ok().streaming(stream::iter([Ok(Bytes::from_static(b"half"))]).chain(end))
}

/// Fails after its head, and tells its client so in an event.
async fn confessed() -> HttpResponse {
    sse::respond(stream::iter([false, true]).map(|failed| {
        if failed {
            broke_off(ErrorCode::Unavailable, &std::io::Error::other("the model went away"), Some("aws-1"));
        }
        Bytes::from(format!("data: {failed}\n\n"))
    }))
}
