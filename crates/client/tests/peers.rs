//! The clients against services that answer by script, over real HTTP.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use outcrop_client::{HttpAuthenticator, HttpInference, HttpJobDesk, HttpProbe};
use outcrop_config::ServerConfig;
use outcrop_embedded::{SystemClock, SystemIdGen};
use outcrop_http::{Health, Layer, Server, ServerParts, internal_identity};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{
    Authenticator, Credential, DeskRead, Inference, InferenceCall, JobAsk, JobDesk as _, PortFailure, Probe,
    Refused,
};
use outcrop_telemetry::current::Current;
use outcrop_telemetry::testing::recorder;
use outcrop_telemetry::trace::{SpanKind, TraceContext};
use outcrop_token::{InternalSigner, InternalVerifier, service_principal};
use outcrop_types::{PresentedKey, Principal, RequestId, SecretKind};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

const SECRET: &str = "a secret for tests, 32 bytes long";
const CONNECT: Duration = Duration::from_secs(1);

fn signer(secret: &str) -> Arc<InternalSigner> {
    Arc::new(InternalSigner::new("tests", &secret.to_owned().into(), Duration::from_secs(60)).unwrap())
}

fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::default())
}

/// A service behind the internal door, and what stops it.
fn serve(routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) -> (String, DropGuard) {
    let verifier = Arc::new(InternalVerifier::new(&SECRET.to_owned().into()).unwrap());
    serve_with(internal_identity(verifier, clock()), routes)
}

fn serve_with(
    layer: Layer,
    routes: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> (String, DropGuard) {
    let config = ServerConfig { port: 0, workers: 1, drain_ms: 100, ..ServerConfig::default() };
    let (in_flight, ids) = (InFlight::default(), Arc::new(SystemIdGen));
    let parts = ServerParts { in_flight, ids, layer, health: Health::new(Vec::new()) };
    let server = Server::bind(&config, parts, routes).unwrap();
    let (url, stop) = (format!("http://{}", server.addr()), CancellationToken::new());
    actix_web::rt::spawn(server.run(stop.clone()));
    (url, stop.drop_guard())
}

fn credential(seed: u8) -> Credential {
    Credential::ApiKey(PresentedKey::generate([seed; 16], [seed; 86]))
}

/// The kind and the text of a credential.
fn shown(credential: &Credential) -> (&'static str, String) {
    match credential {
        Credential::ApiKey(key) => ("api_key", key.expose().to_owned()),
        Credential::Token(text) => ("token", text.expose_secret().to_owned()),
        Credential::Session(key) => ("session", key.expose().to_owned()),
        Credential::Static(text) => ("static", text.expose_secret().to_owned()),
    }
}

fn text(credential: &Credential) -> String {
    shown(credential).1
}

fn authenticator(url: &str, secret: &str) -> HttpAuthenticator {
    HttpAuthenticator::new(url, "tests", CONNECT, signer(secret), clock()).unwrap()
}

/// Knows the first key; finds that the second cannot be looked up; answers nonsense to the third.
async fn introspect(request: HttpRequest, body: web::Json<Value>) -> HttpResponse {
    assert_eq!(request.extensions().get::<Principal>(), Some(&service_principal("tests")));
    let given = body["credential"]["api_key"].as_str().unwrap();
    if given == text(&credential(1)) {
        let expires_at = "2027-01-15T08:00:00Z";
        HttpResponse::Ok().json(json!({"principal": service_principal("caller"), "expires_at": expires_at}))
    } else if given == text(&credential(2)) {
        HttpResponse::ServiceUnavailable().json("away")
    } else if given == text(&credential(3)) {
        HttpResponse::Ok().json(json!({"principal": "me"}))
    } else {
        HttpResponse::Unauthorized().json("unknown")
    }
}

#[actix_web::test]
async fn a_credential_is_good_or_bad_or_cannot_be_told() {
    let (url, _stop) = serve(|app| {
        app.service(web::resource("/internal/introspect").post(introspect));
    });
    let authenticator = authenticator(&url, SECRET);
    let good = authenticator.authenticate(&credential(1)).await.unwrap();
    assert_eq!(good.principal, service_principal("caller"));
    assert_eq!(good.expires_at.unwrap().to_rfc3339(), "2027-01-15T08:00:00+00:00");
    for seed in [2, 3] {
        let answer = authenticator.authenticate(&credential(seed)).await;
        assert!(matches!(answer, Err(Refused::Unknown { .. })), "{seed}: {answer:?}");
    }
    let bad = authenticator.authenticate(&credential(4)).await.unwrap_err();
    assert!(matches!(bad, Refused::Invalid { .. }), "{bad:?}");
}

#[actix_web::test]
async fn each_kind_of_credential_is_asked_about_as_what_it_is() {
    /// Notes what it is asked about.
    async fn note(body: web::Json<Value>, asked: web::Data<Mutex<Vec<Value>>>) -> HttpResponse {
        asked.lock().unwrap().push(body["credential"].clone());
        let session = format!("ses_{}", "0".repeat(32));
        HttpResponse::Ok().json(json!({"principal": service_principal("caller"), "session": session}))
    }
    let asked = web::Data::new(Mutex::new(Vec::<Value>::new()));
    let seen = asked.clone();
    let (url, _stop) = serve(move |app| {
        app.app_data(asked.clone()).service(web::resource("/internal/introspect").post(note));
    });
    let session = PresentedKey::generate_as(SecretKind::Session, [1; 16], [1; 86]);
    let kinds = [
        credential(1),
        Credential::Token("a.b.c".into()),
        Credential::Session(session),
        Credential::Static("any text".into()),
    ];
    for credential in &kinds {
        let found = authenticator(&url, SECRET).authenticate(credential).await.unwrap();
        assert!(found.session.is_some() && found.expires_at.is_none());
    }
    let expected: Vec<Value> = kinds.iter().map(shown).map(|(kind, text)| json!({ kind: text })).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[actix_web::test]
async fn a_gateway_with_the_wrong_secret_blames_no_key() {
    let (url, _stop) = serve(|app| {
        app.service(web::resource("/internal/introspect").post(introspect));
    });
    let stranger = authenticator(&url, "another secret, also 32 bytes long");
    let answer = stranger.authenticate(&credential(1)).await;
    let Err(Refused::Unknown { source }) = answer else { panic!("{answer:?}") };
    assert!(source.chain().contains("internal.secret"), "{}", source.chain());
}

#[actix_web::test]
async fn a_worker_with_the_wrong_secret_gets_no_answer_for_its_caller() {
    let (url, _stop) = serve(|_| {});
    let stranger =
        HttpInference::new(&url, CONNECT, signer("another secret, also 32 bytes long"), clock()).unwrap();
    let error = stranger.call(call("/generate", Duration::from_secs(9))).await.unwrap_err();
    assert_eq!(error.failure, PortFailure::Unavailable);
    assert!(error.chain().contains("internal.secret"), "{}", error.chain());
}

#[actix_web::test]
async fn an_auth_service_that_is_away_says_nothing_of_a_key() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = authenticator(&format!("http://{free}"), SECRET).authenticate(&credential(1)).await;
    let Err(Refused::Unknown { source }) = answer else { panic!("{answer:?}") };
    assert_eq!(source.failure, PortFailure::Unavailable);
    assert!(!source.chain().contains(&text(&credential(1))));
}

fn call(path: &str, deadline: Duration) -> InferenceCall {
    InferenceCall {
        way: outcrop_types::Way::OnDemand,
        response: None,
        principal: service_principal("caller"),
        path: path.to_owned(),
        body: Bytes::from_static(b"{}"),
        request_id: RequestId::parse("r-1").unwrap(),
        deadline,
    }
}

#[actix_web::test]
async fn a_model_is_called_on_the_callers_behalf() {
    async fn echo(request: HttpRequest, context: outcrop_http::RequestContext, body: Bytes) -> HttpResponse {
        HttpResponse::BadRequest().insert_header(("retry-after", "7")).json(json!({
            "for": request.extensions().get::<Principal>(),
            "request_id": context.request_id,
            "deadline_ms": u64::try_from(context.deadline.as_millis()).unwrap(),
            "body": String::from_utf8_lossy(&body),
        }))
    }
    let (url, _stop) = serve(|app| {
        app.service(web::resource("/v1/chat/completions").post(echo));
    });
    let inference = HttpInference::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    let answer = inference.call(call("/v1/chat/completions", Duration::from_secs(9))).await.unwrap();
    assert_eq!(answer.status, 400, "an answer, whatever its status");
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let caller = service_principal("caller");
    assert_eq!(body, json!({"for": caller, "request_id": "r-1", "deadline_ms": 9000, "body": "{}"}));
}

#[actix_web::test]
async fn an_answer_without_end_is_not_taken_in() {
    async fn endless() -> HttpResponse {
        let piece = Bytes::from(vec![b' '; 1024 * 1024]);
        outcrop_http::sse::respond(futures::stream::repeat(piece))
    }
    let (url, _stop) = serve_with(Layer::none(), |app| {
        app.service(web::resource("/generate").post(endless));
    });
    let inference = HttpInference::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    let error = inference.call(call("/generate", Duration::from_secs(20))).await.unwrap_err();
    assert_eq!(error.failure, PortFailure::Broken, "{}", error.chain());
}

#[actix_web::test]
async fn the_deadline_bounds_the_waiting() {
    async fn late() -> HttpResponse {
        tokio::time::sleep(Duration::from_secs(30)).await;
        HttpResponse::Ok().finish()
    }
    let (url, _stop) = serve_with(Layer::none(), |app| {
        app.service(web::resource("/generate").post(late));
    });
    let inference = HttpInference::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    let waiting = inference.call(call("/generate", Duration::ZERO));
    let error = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap_err();
    assert_eq!(error.failure, PortFailure::Unavailable);
}

#[actix_web::test]
async fn a_service_is_probed_without_an_identity() {
    let (url, stop) = serve(|_| {});
    let probe = HttpProbe::new("inference", &url, CONNECT).unwrap();
    probe.probe().await.unwrap();
    drop(stop);
    let gone = async {
        while probe.probe().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    assert_eq!(probe.probe().await.unwrap_err().to_string(), "could not reach the inference service");
}

#[test]
fn an_address_that_is_none_is_named() {
    let error = HttpInference::new("inference:8080", CONNECT, signer(SECRET), clock()).unwrap_err();
    assert_eq!(error.to_string(), "`inference:8080` is not the http(s) URL of a service");
}

/// A job worker that shows what it was asked.
async fn jobs(request: HttpRequest, context: outcrop_http::RequestContext, body: Bytes) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|it| it.to_str().unwrap().to_owned());
    HttpResponse::Accepted().insert_header(("retry-after", "3")).json(json!({
        "method": request.method().as_str(),
        "path": request.path(),
        "for": request.extensions().get::<Principal>(),
        "request_id": context.request_id,
        "key": header("idempotency-key"),
        "response": header("x-outcrop-response-id"),
        "body": String::from_utf8_lossy(&body),
    }))
}

fn ask() -> JobAsk {
    JobAsk {
        principal: service_principal("caller"),
        request_id: RequestId::parse("r-1").unwrap(),
        body: Bytes::from_static(b"{}"),
        idempotency_key: Some("k-1".parse().unwrap()),
        response: Some(format!("resp_{:032}", 7).parse().unwrap()),
    }
}

#[actix_web::test]
async fn work_is_handed_over_on_the_callers_behalf() {
    let (url, _stop) = serve(|app| {
        app.default_service(web::to(jobs));
    });
    let desk = HttpJobDesk::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    let caller = service_principal("caller");
    let answer = desk.submit(ask()).await.unwrap();
    assert_eq!((answer.status, answer.retry_after), (202, Some(Duration::from_secs(3))));
    let asked: Value = serde_json::from_slice(&answer.body).unwrap();
    let response = format!("resp_{:032}", 7);
    let expected = json!({"method": "POST", "path": "/v1/jobs", "for": caller, "request_id": "r-1",
        "key": "k-1", "response": response, "body": "{}"});
    assert_eq!(asked, expected);
    let id = format!("job_{:032}", 7);
    let about = [
        ("GET", desk.look(&caller, id.parse().unwrap()).await.unwrap()),
        ("DELETE", desk.cancel(&caller, id.parse().unwrap()).await.unwrap()),
    ];
    for (method, answer) in about {
        let asked: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&asked["method"], &asked["path"]), (&json!(method), &json!(format!("/v1/jobs/{id}"))));
        assert_eq!((&asked["for"], &asked["key"]), (&json!(caller), &Value::Null));
    }
}

#[actix_web::test]
async fn what_the_job_worker_keeps_is_read_where_its_rest_face_has_it() {
    async fn show(request: HttpRequest) -> HttpResponse {
        HttpResponse::Ok().json(json!({
            "asked": request.uri().to_string(),
            "for": request.extensions().get::<Principal>(),
        }))
    }
    let (url, _stop) = serve(|app| {
        app.default_service(web::to(show));
    });
    let desk = HttpJobDesk::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    let caller = service_principal("caller");
    let (batch, file) = (format!("batch_{:032}", 7), format!("file_{:032}", 8));
    let cases = [
        (DeskRead::Jobs(String::new()), "/v1/jobs".to_owned()),
        (DeskRead::Jobs("limit=2&status=failed".into()), "/v1/jobs?limit=2&status=failed".to_owned()),
        (DeskRead::Batch(batch.parse().unwrap()), format!("/v1/batches/{batch}")),
        (DeskRead::Files("after=x".into()), "/v1/files?after=x".to_owned()),
        (DeskRead::File(file.parse().unwrap()), format!("/v1/files/{file}")),
        (DeskRead::Content(file.parse().unwrap(), 4096), format!("/v1/files/{file}/content")),
    ];
    for (read, asked) in cases {
        let answer = desk.read(&caller, &read).await.unwrap();
        let shown: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, shown), (200, json!({ "asked": asked, "for": caller })), "{read:?}");
    }
}

#[actix_web::test]
async fn of_a_file_that_is_too_large_nothing_is_read() {
    async fn content(request: HttpRequest) -> HttpResponse {
        match request.path().contains("7") {
            true => HttpResponse::Ok().body(vec![b'x'; 6]),
            false => HttpResponse::NotFound().body("there is no such file"),
        }
    }
    let (url, _stop) = serve(|app| {
        app.default_service(web::to(content));
    });
    let desk = HttpJobDesk::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    let caller = service_principal("caller");
    let content = |number: u32, most| DeskRead::Content(format!("file_{number:032}").parse().unwrap(), most);
    let whole = desk.read(&caller, &content(7, 6)).await.unwrap();
    assert_eq!((whole.status, &*whole.body), (200, &b"xxxxxx"[..]));
    let large = desk.read(&caller, &content(7, 5)).await.unwrap();
    let told: Value = serde_json::from_slice(&large.body).unwrap();
    assert_eq!(
        (large.status, &told["detail"]),
        (413, &json!("the file has 6 bytes; at most 5 are read here"))
    );
    assert_eq!(desk.read(&caller, &content(8, 5)).await.unwrap().status, 404, "a refusal may be longer");
}

#[actix_web::test]
async fn a_job_workers_refusal_is_an_answer_and_its_absence_is_none() {
    async fn refuse() -> HttpResponse {
        HttpResponse::NotFound().json(json!({"detail": "there is no such job"}))
    }
    let (url, stop) = serve(|app| {
        app.default_service(web::to(refuse));
    });
    let desk = HttpJobDesk::new(&url, CONNECT, signer(SECRET), clock()).unwrap();
    assert_eq!(desk.submit(ask()).await.unwrap().status, 404);
    let stranger =
        HttpJobDesk::new(&url, CONNECT, signer("another secret, also 32 bytes long"), clock()).unwrap();
    let error = stranger.submit(ask()).await.unwrap_err();
    assert_eq!(error.failure, PortFailure::Unavailable);
    assert!(error.chain().contains("internal.secret"), "{}", error.chain());
    drop(stop);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = HttpJobDesk::new(&format!("http://{free}"), CONNECT, signer(SECRET), clock()).unwrap();
    assert_eq!(gone.submit(ask()).await.unwrap_err().failure, PortFailure::Unavailable);
}

#[actix_web::test]
async fn a_call_goes_on_in_the_trace_of_whoever_makes_it() {
    let seen = recorder();
    let (url, _stop) = serve(|app| {
        app.service(web::resource("/internal/introspect").post(async |request: HttpRequest| {
            let traceparent = request.headers().get("traceparent").unwrap().to_str().unwrap().to_owned();
            assert!(request.headers().contains_key("x-amzn-trace-id"), "for X-Ray too");
            HttpResponse::BadGateway().body(traceparent)
        }));
    });
    let trace = format!("{:032x}", 0xc1);
    let above = TraceContext::from_line(&format!("00-{trace}-00000000000000aa-01"));
    let asked = async { authenticator(&url, SECRET).authenticate(&credential(1)).await };
    assert!(Current::new("r-1", above).scope(asked).await.is_err());
    let spans = seen.trace_of(&trace, 2).await;
    let hop = spans.iter().find(|span| span.kind == SpanKind::Client).unwrap();
    assert_eq!((hop.name.as_str(), hop.parent_id.as_str()), ("POST auth", "00000000000000aa"));
    assert_eq!((hop.get("error.type"), hop.failed.is_some()), ("502", true));
    assert!(spans.iter().any(|span| span.parent_id == hop.span_id && span.kind == SpanKind::Server));
    let labels = [("peer.service", "auth"), ("http.response.status_code", "502")];
    assert_eq!(seen.metric("http.client.request.duration", &labels), 1.0);
}
