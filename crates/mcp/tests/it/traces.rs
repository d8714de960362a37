//! What traces tell of MCP clients' requests.

use outcrop_telemetry::testing::{SeenSpan, recorder};
use outcrop_telemetry::trace::SpanKind;
use serde_json::{Value, json};

use crate::modern_world::{Modern, message, read, with_meta};
use crate::world::{Client, Events, NEWEST, PATIENCE, World, initialize, text, until};

/// A trace of a test's own, and what is in it.
struct Trace(&'static str);

impl Trace {
    /// A client all of whose requests are part of it.
    fn client(&self) -> reqwest::Client {
        // Spans are recorded from here on.
        recorder();
        let headers = std::iter::once(("traceparent", self.header()));
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        reqwest::Client::builder().timeout(PATIENCE).default_headers(headers).build().unwrap()
    }

    fn header(&self) -> String {
        format!("00-{}-00000000000000aa-01", self.0)
    }

    /// The same with a session.
    async fn open(&self, world: &World, version: &'static str) -> Client {
        Client { http: self.client(), ..Client::open_as(&world.a.url, version).await }
    }

    /// The span of the request that its client gave this id.
    fn find(&self, id: &str) -> Option<SeenSpan> {
        recorder().trace(self.0).into_iter().find(|it| it.get("jsonrpc.request.id") == id)
    }

    fn of(&self, id: &str) -> SeenSpan {
        self.find(id).unwrap()
    }
}

/// As the tool `where` says it of a span.
fn line(span: &SeenSpan) -> String {
    format!("00-{}-{}-01", span.trace_id, span.span_id)
}

/// How many requests were told of in metrics.
fn counted(labels: &[(&str, &str)]) -> f64 {
    recorder().metric("mcp.server.operation.duration", labels)
}

fn where_it_was(said: &Value) -> Vec<String> {
    serde_json::from_str(text(said)).unwrap()
}

#[actix_web::test]
async fn what_a_call_does_is_done_below_its_span() {
    let trace = Trace("55555555555555555555555555555501");
    let world = World::new();
    let client = trace.open(&world, NEWEST).await;
    let answer: Value = client.call(810_001, "where", json!({})).await.json().await.unwrap();
    let span = trace.of("810001");
    let [by_context, by_task, id, id_of_task] = where_it_was(&answer).try_into().unwrap();
    assert_eq!((by_context, by_task), (line(&span), line(&span)));
    assert_eq!(id, id_of_task);
    assert_eq!((&*span.name, &span.kind), ("tools/call where", &SpanKind::Internal));
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "where"),
        ("gen_ai.operation.name", "execute_tool"),
        ("mcp.protocol.version", "2025-11-25"),
    ] {
        assert_eq!(span.get(name), value, "{name}");
    }
    assert_eq!(span.failed, None);
    let session = span.get("mcp.session.id");
    assert_eq!(session.len(), 16);
    assert!(!format!("{span:?}").contains(&client.session), "the session's name is a secret");
    client.call(810_002, "echo", json!({ "text": "x" })).await;
    assert_eq!(trace.of("810002").get("mcp.session.id"), session);
    assert!(counted(&[("mcp.method.name", "tools/call"), ("gen_ai.tool.name", "where")]) >= 1.0);
}

#[actix_web::test]
async fn each_message_of_a_body_has_a_span_and_an_id_of_its_own() {
    let trace = Trace("55555555555555555555555555555502");
    let world = World::new();
    let client = trace.open(&world, "2025-03-26").await;
    let call = |id: u64| json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "where" } });
    let answer = client.post(&json!([call(820_001), call(820_002)])).await;
    let answers: Vec<Value> = answer.json().await.unwrap();
    let said: Vec<_> = answers.iter().map(where_it_was).collect();
    for (answer, said) in answers.iter().zip(&said) {
        let span = trace.of(&answer["id"].to_string());
        assert_eq!([&said[0], &said[1]], [&line(&span), &line(&span)]);
        assert_eq!(said[2], said[3]);
    }
    assert_ne!(said[0][2], said[1][2]);
}

#[actix_web::test]
async fn a_modern_call_has_a_span_too() {
    let trace = Trace("55555555555555555555555555555503");
    trace.client();
    let modern = Modern::start();
    let call = |id: u64, name: &str| {
        let mut call = message("tools/call", with_meta(json!({ "name": name }), json!({})));
        call["id"] = id.into();
        modern.bare("tools/call", &call).header("Mcp-Name", name).header("traceparent", trace.header())
    };
    let (status, _) = read(call(835_001, "test_simple_text").send().await.unwrap()).await;
    assert_eq!(status, 200);
    let span = trace.of("835001");
    assert_eq!(span.name, "tools/call test_simple_text");
    assert_eq!(span.get("mcp.protocol.version"), "2026-07-28");
    assert_eq!(span.get("mcp.session.id"), "");
    assert_eq!((span.get("error.type"), &span.failed), ("", &None));
    // One that closes the connection calls its request off, which is no failure.
    drop(call(835_002, "wait").send().await.unwrap());
    until(|| trace.find("835002").is_some()).await;
    let span = trace.of("835002");
    assert_eq!(span.get("outcrop.outcome"), "cancelled");
    assert_eq!((span.get("error.type"), &span.failed), ("", &None));
}

#[actix_web::test]
async fn what_a_client_makes_up_is_the_name_of_nothing() {
    let trace = Trace("55555555555555555555555555555504");
    let world = World::new();
    let client = trace.open(&world, NEWEST).await;
    client.request(830_001, "tools/steal", json!({})).await;
    let span = trace.of("830001");
    assert_eq!((&*span.name, span.get("mcp.method.name")), ("_OTHER", "_OTHER"));
    assert_eq!(span.get("error.type"), "-32601");
    client.call(830_002, "private words", json!({})).await;
    let span = trace.of("830002");
    assert_eq!((&*span.name, span.get("gen_ai.tool.name")), ("tools/call", ""));
    assert_eq!(span.get("rpc.response.status_code"), "-32602");
    assert_eq!(span.failed, None, "the client's mistakes are no failures of the server");
    assert_eq!(counted(&[("gen_ai.tool.name", "private words")]), 0.0);
    assert!(counted(&[("mcp.method.name", "_OTHER"), ("error.type", "-32601")]) >= 1.0);
    client.request(830_003, "resources/read", json!({ "uri": "test://thing" })).await;
    let span = trace.of("830003");
    assert_eq!((&*span.name, span.get("mcp.resource.uri")), ("resources/read", "test://"));
    client.call(830_004, "fail", json!({})).await;
    let span = trace.of("830004");
    assert_eq!((span.get("error.type"), &span.failed), ("tool_error", &None));
}

#[actix_web::test]
async fn a_tool_that_fails_by_the_platforms_fault_is_a_failure() {
    let trace = Trace("55555555555555555555555555555509");
    let world = World::new();
    let client = trace.open(&world, NEWEST).await;
    client.call(880_001, "fail", json!({ "code": "unavailable" })).await;
    let span = trace.of("880001");
    assert_eq!((span.get("error.type"), span.failed.is_some()), ("tool_error", true));
    client.call(880_002, "fail", json!({ "code": "rate_limited" })).await;
    assert_eq!(trace.of("880002").failed, None);
}

#[actix_web::test]
async fn an_id_of_text_is_the_clients_own_business() {
    let trace = Trace("55555555555555555555555555555510");
    let world = World::new();
    let client = trace.open(&world, NEWEST).await;
    let words = "tell me a secret";
    let asked = json!({ "jsonrpc": "2.0", "id": words, "method": "ping" });
    assert_eq!(client.post(&asked).await.status(), 200);
    let spans = recorder().trace(trace.0);
    assert!(spans.iter().any(|it| it.name == "ping"), "{spans:?}");
    assert!(!format!("{spans:?}").contains(words), "{spans:?}");
}

#[actix_web::test]
async fn a_call_that_is_come_back_for_elsewhere_ends_with_its_answer() {
    let trace = Trace("55555555555555555555555555555505");
    let world = World::new();
    let client = trace.open(&world, NEWEST).await;
    let mut events = Events::of(client.call(840_001, "steps", json!({ "steps": 4, "ms": 40 })).await);
    let last = events.next().await.unwrap();
    drop(events);
    assert!(trace.find("840001").is_none());
    let rest = Events::of(client.at(&world.b.url).get(Some(last.id())).await).all().await;
    assert_eq!(text(&rest.last().unwrap().data), "walked");
    let span = trace.of("840001");
    assert_eq!((&*span.name, &span.failed), ("tools/call steps", &None));
    assert_eq!(span.get("outcrop.outcome"), "");
    // One that is called off is no failure.
    let stuck = tokio::spawn({
        let client = client.clone();
        async move { client.call(840_002, "stuck", json!({})).await.status() }
    });
    until(|| world.bench.begun() == 2).await;
    client.cancel(840_002).await;
    stuck.await.unwrap();
    until(|| trace.find("840002").is_some()).await;
    let span = trace.of("840002");
    assert_eq!(span.get("outcrop.outcome"), "cancelled");
    assert_eq!((span.get("error.type"), &span.failed), ("", &None));
}

#[actix_web::test]
async fn the_clients_own_trace_is_pointed_at() {
    let trace = Trace("55555555555555555555555555555506");
    let world = World::new();
    let client = trace.open(&world, NEWEST).await;
    let params = json!({
        "name": "echo",
        "_meta": { "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
    });
    client.request(850_001, "tools/call", params).await;
    let span = trace.of("850001");
    assert_eq!((span.trace_id.as_str(), span.links), (trace.0, 1));
    let params = json!({ "name": "echo", "_meta": { "traceparent": "nonsense" } });
    client.request(850_002, "tools/call", params).await;
    assert_eq!(trace.of("850002").links, 0);
    // In the trace that the HTTP request is part of, it is the nearer parent.
    let nearer = trace.header().replace("aa-01", "bb-01");
    let params = json!({ "name": "echo", "_meta": { "traceparent": nearer } });
    client.request(850_003, "tools/call", params).await;
    let span = trace.of("850003");
    assert_eq!((span.parent_id.as_str(), span.links), ("00000000000000bb", 0));
}

#[actix_web::test]
async fn a_handshake_has_a_span() {
    let trace = Trace("55555555555555555555555555555507");
    let world = World::new();
    let answer = initialize(&trace.client(), &world.a.url, "2025-06-18").await;
    assert_eq!(answer.status(), 200);
    let span = trace.of("0");
    assert_eq!((&*span.name, span.get("mcp.protocol.version")), ("initialize", "2025-06-18"));
}
