//! What is told of requests: one span, one line, and metrics.

use std::time::Duration;

use actix_web::HttpMessage;
use futures::StreamExt;
use outcrop_config::{Config, TelemetryConfig, TracesConfig};
use outcrop_http::{Layer, know};
use outcrop_telemetry::testing::{SeenSpan, recorder};
use outcrop_telemetry::trace::SpanKind;
use outcrop_token::service_principal;
use serde_json::Value;

use crate::lines;
use crate::world::{World, client, config};

/// A server as the public sees it, and what is told there.
fn public(change: impl FnOnce(&mut Config)) -> World {
    lines::keep();
    recorder();
    let mut all = Config { server: config(), ..Config::default() };
    change(&mut all);
    let known = Layer::new(|request, next| {
        let caller = service_principal("caller");
        know(&caller);
        request.extensions_mut().insert(caller);
        next.call(request)
    });
    World::of(&all, known, Vec::new(), true)
}

/// A trace of one's own, and the request's id.
fn trace(number: u32) -> (String, String, String) {
    let id = format!("{number:032x}");
    (id.clone(), format!("00-{id}-00000000000000aa-01"), format!("told-{number}"))
}

async fn asked(world: &World, path: &str, number: u32) -> (reqwest::Response, String, String) {
    let (trace, parent, id) = trace(number);
    let request = client().get(world.at(path)).header("traceparent", parent).header("x-request-id", &id);
    let answer = request.header("user-agent", "people/1.0").send().await.unwrap();
    (answer, trace, id)
}

async fn told(world: &World, path: &str, number: u32) -> (SeenSpan, Value) {
    let (answer, trace, id) = asked(world, path, number).await;
    // Whether it is whole is not the question here.
    drop(answer.bytes().await);
    let mut spans = recorder().trace_of(&trace, 1).await;
    assert_eq!(spans.len(), 1);
    (spans.remove(0), lines::one(&id).await)
}

fn ms(line: &Value, name: &str) -> f64 {
    line[name].as_f64().unwrap()
}

#[actix_web::test]
async fn an_answer_has_a_span_and_a_line() {
    let world = public(|_| {});
    let (span, line) = told(&world, "/whoami?secret=1", 0x10).await;
    assert_eq!((span.name.as_str(), &span.kind), ("GET /whoami", &SpanKind::Server));
    assert_eq!(span.parent_id, "00000000000000aa");
    assert_eq!(span.failed, None);
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.route", "/whoami"),
        ("url.path", "/whoami"),
        ("http.response.status_code", "200"),
        ("request.id", "told-16"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "people/1.0"),
        ("outcrop.dialect", "outcrop"),
        ("outcrop.outcome", "answered"),
    ] {
        assert_eq!(span.get(name), expected, "{name}");
        let said = &line[name];
        assert_eq!(said.as_str().map_or_else(|| said.to_string(), str::to_owned), expected, "{name}");
    }
    let caller = service_principal("caller");
    for said in [span.get("team.id"), line["team.id"].as_str().unwrap()] {
        assert_eq!(said, caller.team.to_string());
    }
    assert_eq!((&line["message"], &line["target"]), (&"answered".into(), &"outcrop::access".into()));
    assert_eq!(line["subject.id"], caller.subject.to_string());
    assert_eq!(line["trace.id"], span.trace_id.as_str());
    assert!(ms(&line, "http.response.body.size") > 10.0);
    assert!(ms(&line, "first_byte_ms") <= ms(&line, "duration_ms"));
}

#[actix_web::test]
async fn a_stream_is_told_of_when_its_last_byte_has_left() {
    let world = public(|_| {});
    let (answer, trace, id) = asked(&world, "/v1/jobs/slow", 0x20).await;
    let mut pieces = answer.bytes_stream();
    world.pieces.add_permits(2);
    assert!(pieces.next().await.unwrap().is_ok() && pieces.next().await.unwrap().is_ok());
    tokio::time::sleep(Duration::from_millis(120)).await;
    assert!(recorder().trace(&trace).is_empty() && lines::of(&id).is_empty(), "it is not over");
    world.pieces.add_permits(1);
    assert!(pieces.next().await.unwrap().is_ok() && pieces.next().await.is_none());
    let span = recorder().trace_of(&trace, 1).await.remove(0);
    let took = span.ended.duration_since(span.began).unwrap();
    assert!(took >= Duration::from_millis(120) && span.get("outcrop.outcome") == "answered", "{took:?}");
    let line = lines::one(&id).await;
    assert_eq!(
        (&line["outcrop.outcome"], &line["http.response.body.size"]),
        (&"answered".into(), &27.into())
    );
    assert!(
        ms(&line, "duration_ms") >= 120.0 && ms(&line, "first_byte_ms") < ms(&line, "duration_ms") - 100.0
    );
}

#[actix_web::test]
async fn a_client_that_goes_away_is_nobodys_failure() {
    let world = public(|_| {});
    let (answer, trace, id) = asked(&world, "/v1/jobs/slow", 0x30).await;
    let mut pieces = answer.bytes_stream();
    world.pieces.add_permits(1);
    assert!(pieces.next().await.unwrap().is_ok());
    drop(pieces);
    let span = recorder().trace_of(&trace, 1).await.remove(0);
    assert_eq!((span.get("outcrop.outcome"), &span.failed), ("client_gone", &None));
    let line = lines::one(&id).await;
    assert_eq!((&line["message"], &line["outcrop.outcome"]), (&"answered".into(), &"client_gone".into()));

    // Nor is one that goes before there is an answer.
    let (trace, parent, id) = crate::telling::trace(0x31);
    let request =
        client().get(world.at("/v1/jobs/late")).header("traceparent", parent).header("x-request-id", &id);
    assert!(request.timeout(Duration::from_millis(200)).send().await.is_err());
    let span = recorder().trace_of(&trace, 1).await.remove(0);
    assert_eq!((span.get("outcrop.outcome"), span.get("http.response.status_code")), ("client_gone", ""));
    assert_eq!(span.name, "GET /v1/jobs/late");
    assert_eq!(span.get("team.id"), service_principal("caller").team.to_string());
    let line = lines::one(&id).await;
    assert_eq!((&line["http.response.status_code"], &line["message"]), (&Value::Null, &"given up".into()));
    assert_eq!(line["http.route"], "/v1/jobs/late");
}

#[actix_web::test]
async fn a_failure_has_one_line_which_is_the_access_line_too() {
    let world = public(|_| {});
    let (span, line) = told(&world, "/v1/jobs/fail", 0x40).await;
    assert_eq!((span.get("error.type"), span.failed.is_some()), ("internal", true));
    assert_eq!((&line["message"], &line["level"]), (&"request failed".into(), &"ERROR".into()));
    assert_eq!((&line["error.code"], &line["error"]), (&"internal".into(), &"as asked".into()));
    assert_eq!(
        (&line["http.route"], &line["user_agent.original"]),
        (&"/v1/jobs/fail".into(), &"people/1.0".into())
    );
    for (path, number, status) in [("/v1/jobs/fail?status=429", 0x41, 429), ("/nothing", 0x42, 404)] {
        let (span, line) = told(&world, path, number).await;
        assert_eq!((span.failed, &line["level"]), (None, &"INFO".into()), "the client's own");
        assert_eq!(
            (&line["message"], &line["http.response.status_code"]),
            (&"request failed".into(), &status.into())
        );
    }
}

#[actix_web::test]
async fn what_a_client_wrote_by_mistake_is_in_no_line() {
    let world = public(|_| {});
    for (number, path) in ["/v1/jobs/fail?status=prompt-words", "/v1/jobs/mistaken"].iter().enumerate() {
        let number = 0x45 + u32::try_from(number).unwrap();
        let (_, line) = told(&world, path, number).await;
        assert_eq!(line["error.code"], "invalid_request");
        assert!(!line.to_string().contains("prompt-words"), "{line}");
    }
    let line = lines::one("told-70").await;
    assert_eq!((&line["error.param"], &line["error"]), (&"messages[0].…".into(), &"must be one of …".into()));
}

#[actix_web::test]
async fn an_answer_that_breaks_off_is_a_failure_whatever_its_status() {
    let world = public(|_| {});
    let (span, line) = told(&world, "/v1/jobs/broken", 0x50).await;
    assert_eq!((span.get("error.type"), span.get("http.response.status_code")), ("broken_off", "200"));
    assert!(span.failed.is_some());
    assert_eq!((&line["level"], &line["outcrop.outcome"]), (&"ERROR".into(), &"broken_off".into()));
    assert_eq!(line["error"], "the answer broke off: the model went away");
}

#[actix_web::test]
async fn a_failure_that_a_stream_tells_itself_is_one() {
    let world = public(|_| {});
    let errors = || recorder().metric("outcrop.server_errors", &[]);
    let before = errors();
    let (span, line) = told(&world, "/v1/jobs/confessed", 0x51).await;
    assert_eq!((span.get("error.type"), span.get("http.response.status_code")), ("broken_off", "200"));
    assert!(span.failed.is_some());
    assert_eq!(
        (&line["error.code"], &line["outcrop.outcome"]),
        (&"unavailable".into(), &"broken_off".into())
    );
    assert_eq!(
        (&line["error"], &line["aws.request_id"]),
        (&"the answer broke off: the model went away".into(), &"aws-1".into())
    );
    assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"request failed".into()));
    assert!(errors() > before);
}

#[actix_web::test]
async fn of_a_long_path_the_beginning_is_told() {
    let world = public(|_| {});
    let (span, line) = told(&world, &format!("/{}", "a".repeat(5_000)), 0x52).await;
    assert_eq!(span.get("url.path").len(), 1_024);
    assert_eq!(line["url.path"], span.get("url.path"));
}

#[actix_web::test]
async fn each_worker_says_how_late_it_is() {
    let _world = public(|_| {});
    for _ in 0..300 {
        if recorder().metric("outcrop.runtime.delay", &[]) >= 1.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no worker has looked");
}

#[actix_web::test]
async fn the_log_of_answers_can_be_switched_off_and_failures_cannot() {
    let world = public(|config| {
        config.telemetry = TelemetryConfig { access_log: false, ..TelemetryConfig::default() }
    });
    let (answer, trace, id) = asked(&world, "/whoami", 0x60).await;
    drop(answer.bytes().await);
    assert_eq!(recorder().trace_of(&trace, 1).await.len(), 1);
    assert!(lines::of(&id).is_empty());
    let (_, line) = told(&world, "/v1/jobs/fail?status=400", 0x61).await;
    assert_eq!(line["message"], "request failed");
}

#[actix_web::test]
async fn a_clients_trace_is_followed_where_the_settings_say_so() {
    let world =
        public(|config| config.traces = TracesConfig { follow_clients: false, ..TracesConfig::default() });
    let (answer, trace, id) = asked(&world, "/whoami", 0x70).await;
    drop(answer.bytes().await);
    let line = lines::one(&id).await;
    assert!(recorder().trace(&trace).is_empty());
    assert_ne!(line["trace.id"], trace.as_str());
    let own = line["trace.id"].as_str().unwrap();
    assert_eq!(recorder().trace_of(own, 1).await[0].parent_id, "0000000000000000");
}

#[actix_web::test]
async fn probes_are_not_told_of() {
    let world = public(|_| {});
    for (path, number) in [("/healthz", 0x80), ("/readyz", 0x81)] {
        let (answer, trace, id) = asked(&world, path, number).await;
        assert!(!answer.bytes().await.unwrap().is_empty());
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(recorder().trace(&trace).is_empty() && lines::of(&id).is_empty(), "{path}");
    }
    assert_eq!(recorder().metric("http.server.request.duration", &[("http.route", "/healthz")]), 0.0);
}

#[actix_web::test]
async fn metrics_go_by_patterns_and_closed_lists() {
    let world = public(|_| {});
    let count = |labels: &[(&str, &str)]| recorder().metric("http.server.request.duration", labels);
    let route = ("http.route", "/v1/models/{model}");
    let (before, none) = (count(&[route]), count(&[("http.route", "other")]));
    for (path, number) in [("/v1/models/a", 0x90), ("/v1/models/b/c:0", 0x91), ("/v1/no/such/path", 0x92)] {
        told(&world, path, number).await;
    }
    let (_, _, id) = trace(0x93);
    let odd = reqwest::Method::from_bytes(b"BREW").unwrap();
    client().request(odd, world.at("/v1/models/a")).header("x-request-id", &id).send().await.unwrap();
    lines::one(&id).await;
    assert_eq!(
        count(&[route, ("http.request.method", "GET"), ("http.response.status_code", "200")]) - before,
        2.0
    );
    assert_eq!(count(&[route, ("http.request.method", "_OTHER"), ("http.response.status_code", "405")]), 1.0);
    assert!(count(&[("http.route", "other")]) - none >= 1.0);
    let team = service_principal("caller").team.to_string();
    let labels = [("outcrop.team", team.as_str()), ("outcrop.status_class", "2xx")];
    assert!(recorder().metric("outcrop.requests", &labels) >= 2.0);
    assert!(recorder().metric("outcrop.client_errors", &[]) >= 2.0);
}

#[actix_web::test]
async fn a_key_in_a_path_is_told_to_nobody() {
    let world = public(|_| {});
    let key = outcrop_types::PresentedKey::generate([9; 16], [9; 86]);
    let (span, line) = told(&world, &format!("/v1/models/{}", key.expose()), 0xa0).await;
    let secret = key.expose().rsplit('_').next().unwrap();
    assert!(!line.to_string().contains(secret) && !format!("{span:?}").contains(secret));
}

#[actix_web::test]
async fn what_is_done_for_a_request_knows_it_to_the_last_byte() {
    let world = public(|_| {});
    let (answer, trace, id) = asked(&world, "/v1/jobs/traced", 0xb0).await;
    let expected = format!("{id} Some(\"{trace}\");");
    assert_eq!(answer.text().await.unwrap(), expected.repeat(2));
}
