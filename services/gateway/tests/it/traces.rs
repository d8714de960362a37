//! One trace from the client over the gateway to a service.

use futures::StreamExt;
use outcrop_telemetry::testing::{SeenSpan, recorder};
use outcrop_telemetry::trace::SpanKind;
use serde_json::Value;

use crate::world::{World, key};

const OF_THE_CLIENT: &str = "00000000000000aa";

fn traced(request: reqwest::RequestBuilder, trace: &str) -> reqwest::RequestBuilder {
    request
        .header("traceparent", format!("00-{trace}-{OF_THE_CLIENT}-01"))
        .header("tracestate", "vendor=of-the-client")
        .header("x-amzn-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
}

fn by_kind(spans: &[SeenSpan], kind: &SpanKind) -> Vec<SeenSpan> {
    spans.iter().filter(|span| &span.kind == kind).cloned().collect()
}

#[actix_web::test]
async fn a_service_goes_on_from_the_gateways_own_span() {
    recorder();
    let world = World::new().await;
    let trace = format!("{:032x}", 0x6a01);
    let asked = || recorder().metric("outcrop.auth.lookups", &[("outcrop.outcome", "asked")]);
    let before = asked();
    let answer = traced(world.post("/api/v1/images/generations"), &trace).body("{}").send().await.unwrap();
    let seen: Value = answer.json().await.unwrap();
    let spans = recorder().trace_of(&trace, 3).await;
    let [client] = &by_kind(&spans, &SpanKind::Client)[..] else { panic!("{spans:#?}") };
    let of_the_gateway = spans.iter().find(|span| span.span_id == client.parent_id).unwrap();
    let of_the_service = spans.iter().find(|span| span.parent_id == client.span_id).unwrap();
    assert_eq!(of_the_gateway.parent_id, OF_THE_CLIENT);
    assert_eq!(of_the_gateway.name, "POST /v1/images/generations");
    assert_eq!(of_the_gateway.get("client.address"), "127.0.0.1");
    assert!(!of_the_gateway.get("team.id").is_empty());
    assert_eq!(of_the_gateway.get("team.id"), of_the_service.get("team.id"));
    assert_eq!(client.name, "POST inference");
    assert_eq!((client.get("peer.service"), client.get("http.response.status_code")), ("inference", "201"));
    assert_eq!(of_the_service.kind, SpanKind::Server);
    let parent = format!("00-{trace}-{}-01", client.span_id);
    assert_eq!(seen["headers"]["traceparent"], parent);
    assert!(seen["headers"]["x-amzn-trace-id"].as_str().unwrap().contains(&client.span_id));
    let text = seen["headers"].to_string();
    assert!(!text.contains("bd862e3fe1be46a994272793") && !text.contains(OF_THE_CLIENT), "{text}");
    assert!(asked() > before);
    let labels = [("peer.service", "inference"), ("http.request.method", "POST")];
    assert!(recorder().metric("http.client.request.duration", &labels) >= 1.0);
}

#[actix_web::test]
async fn a_stream_is_one_span_from_its_first_byte_to_its_last() {
    recorder();
    let world = World::new().await;
    let trace = format!("{:032x}", 0x6a02);
    let answer = traced(world.post("/v1/responses"), &trace).body("{}");
    world.gate.0.add_permits(1);
    let mut pieces = answer.send().await.unwrap().bytes_stream();
    pieces.next().await.unwrap().unwrap();
    let spans = recorder().trace_of(&trace, 1).await;
    assert_eq!(by_kind(&spans, &SpanKind::Client).len(), 1, "the hop ends with the head of the answer");
    assert_eq!(spans.len(), 1, "and nothing else has ended");
    world.gate.0.add_permits(2);
    while let Some(piece) = pieces.next().await {
        piece.unwrap();
    }
    let spans = recorder().trace_of(&trace, 3).await;
    let servers = by_kind(&spans, &SpanKind::Server);
    assert!(servers.len() == 2 && servers.iter().all(|span| span.get("outcrop.outcome") == "answered"));
}

#[actix_web::test]
async fn a_service_that_is_away_is_told_of() {
    recorder();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::with(crate::world::server_config(), Some(format!("http://{nobody}"))).await;
    let trace = format!("{:032x}", 0x6a03);
    let answer = traced(world.post("/v1/chat/completions"), &trace).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let spans = recorder().trace_of(&trace, 2).await;
    let failed: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.get("error.type"))).collect();
    assert!(failed.contains(&("POST inference", "connect")), "{failed:?}");
    assert!(failed.contains(&("POST /v1/chat/completions", "unavailable")), "{failed:?}");
}

#[actix_web::test]
async fn who_is_refused_at_the_edge_is_told_of_by_pattern() {
    recorder();
    let world = World::new().await;
    for (number, path, name) in [
        (0x6a04, "/v1/jobs/job_1/events", "GET /v1/jobs/{job}/events"),
        (0x6a05, "/no/such/path", "GET other"),
    ] {
        let trace = format!("{number:032x}");
        let request = crate::world::client().get(world.at(path)).bearer_auth(format!("{}x", key(9)));
        traced(request, &trace).send().await.unwrap();
        let spans = recorder().trace_of(&trace, 1).await;
        assert_eq!((spans.len(), spans[0].name.as_str(), &spans[0].failed), (1, name, &None));
    }
    let refused = [("outcrop.team", "none"), ("outcrop.status_class", "4xx")];
    assert!(recorder().metric("outcrop.requests", &refused) >= 2.0);
}

#[actix_web::test]
async fn a_stream_that_ends_with_an_error_has_failed_here_too() {
    recorder();
    let world = World::new().await;
    let trace = format!("{:032x}", 0x6a06);
    let errors = || recorder().metric("outcrop.server_errors", &[]);
    let before = errors();
    let answer = traced(world.post("/v1/messages"), &trace).body("{}").send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("event: error"));
    let spans = recorder().trace_of(&trace, 3).await;
    let of_the_gateway = spans.iter().find(|span| span.parent_id == OF_THE_CLIENT).unwrap();
    assert_eq!(of_the_gateway.get("outcrop.outcome"), "broken_off");
    assert!(of_the_gateway.failed.is_some() && errors() > before);
}

#[actix_web::test]
async fn of_a_client_that_left_early_the_route_and_the_team_are_known() {
    recorder();
    let world = World::new().await;
    let trace = format!("{:032x}", 0x6a07);
    let asked = traced(world.post("/v1/embeddings"), &trace).body("{}");
    assert!(asked.timeout(std::time::Duration::from_millis(300)).send().await.is_err());
    let mut left = None;
    for _ in 0..500 {
        let spans = recorder().trace(&trace);
        left = spans.into_iter().find(|span| span.parent_id == OF_THE_CLIENT);
        if left.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let left = left.unwrap();
    assert_eq!((left.name.as_str(), left.get("outcrop.outcome")), ("POST /v1/embeddings", "client_gone"));
    assert!(!left.get("team.id").is_empty());
}

#[actix_web::test]
async fn what_has_the_form_of_no_credential_counts_as_refused() {
    recorder();
    let world = World::new().await;
    let refused = || recorder().metric("outcrop.auth.lookups", &[("outcrop.outcome", "refused")]);
    let before = refused();
    let ask = |request: reqwest::RequestBuilder| async { request.send().await.unwrap().status() };
    let models = || crate::world::client().get(world.at("/v1/models"));
    assert_eq!(ask(models()).await, 401);
    assert_eq!(refused(), before, "nothing was shown");
    assert_eq!(ask(models().bearer_auth("wrong")).await, 401);
    assert_eq!(refused(), before + 1.0);
}
