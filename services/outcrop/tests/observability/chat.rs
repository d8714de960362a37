//! One trace for a chat, from its client to Bedrock.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind::{Client, Internal, Server};
use serde_json::{Value, json};

use crate::client::{MODEL, ask, ask_streamed, ask_with};
use crate::spans::{Seen, Tree};
use crate::wait::now;
use crate::world::{World, begun, post_with};

const CHAT: &str = "/v1/chat/completions";
const SERVED: &str = "POST /v1/chat/completions";

#[tokio::test]
async fn a_chat_is_one_trace_together() {
    let world = World::together(&[]).await;
    journey(&world).await;
}

#[tokio::test]
#[ignore = "needs postgres, redis and a local AWS: cargo xtask test"]
async fn a_chat_is_one_trace_apart() {
    let world = World::apart(&[]).await;
    journey(&world).await;
    the_auth_service_is_asked_in_the_same_trace(&world).await;
}

async fn journey(world: &World) {
    a_trace_of_our_own_is_one_that_x_ray_takes(world).await;
    a_clients_trace_is_gone_on_with(world).await;
    a_load_balancers_trace_is_gone_on_with(world).await;
    what_makes_no_sense_begins_a_new_trace(world).await;
    a_stream_is_open_until_its_last_byte(world).await;
    what_was_kept_is_told(world).await;
    a_failure_is_told(world).await;
}

/// The spans of a chat from the public address to Bedrock: served, the model's, and the attempt.
fn way<'a>(world: &World, tree: &'a Tree, attempt: &str) -> (&'a Seen, &'a Seen, &'a Seen) {
    let front = tree.named(SERVED).into_iter().find(|it| it.service == world.service("outcrop-gateway"));
    let front = front.unwrap_or_else(|| panic!("no {SERVED}:\n{tree}"));
    assert_eq!(front.kind, Server);
    let chat = format!("chat {MODEL}");
    let own = [("outcrop", Internal, chat.as_str()), ("outcrop", Client, attempt)];
    let forwarded = [
        ("outcrop-gateway", Client, "POST inference"),
        ("outcrop-inference", Server, SERVED),
        ("outcrop-inference", Internal, chat.as_str()),
        ("outcrop-inference", Client, attempt),
    ];
    let steps = if world.service("apart") == "outcrop" { &own[..] } else { &forwarded[..] };
    let passed = tree.down(front, steps);
    (front, passed[passed.len() - 2], passed[passed.len() - 1])
}

fn complete(tree: &Tree) -> bool {
    // Processes export by themselves, and in no order; what ended first may come first.
    let behind = "outcrop-inference";
    let forwarded = tree.holds(behind, "Bedrock Runtime.");
    tree.named(SERVED).iter().any(|it| it.service != behind)
        && (!forwarded || tree.holds(behind, SERVED) && tree.holds(behind, "chat "))
        && (!forwarded || !tree.named("POST inference").is_empty())
        && !tree.named("Bedrock Runtime.").is_empty()
}

async fn a_trace_of_our_own_is_one_that_x_ray_takes(world: &World) {
    let answer = world.platform.admin.chat(&ask("[[id: own]] [[say: two words]]")).await.expect(200);
    let tree = world.trace_of(&answer, complete).await;
    let (front, chat, attempt) = way(world, &tree, "Bedrock Runtime.Converse");
    assert_eq!(tree.root().id, front.id);
    let began = i64::from_str_radix(&front.trace[..8], 16).unwrap();
    assert!((now().timestamp() - began).abs() < 120, "the time stands in front: {}", front.trace);

    assert_eq!((front.has("http.response.status_code"), front.failed), (&json!(200), false));
    assert_eq!((front.has("http.route"), front.has("http.request.method")), (&json!(CHAT), &json!("POST")));
    assert_eq!(front.text("request.id"), answer.request_id());
    assert!(front.text("team.id").starts_with("team_"), "{front:#?}");

    let usage = &answer.body["usage"];
    for (name, expected) in [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("aws.bedrock")),
        ("gen_ai.request.model", json!(MODEL)),
        ("gen_ai.usage.input_tokens", usage["prompt_tokens"].clone()),
        ("gen_ai.usage.output_tokens", usage["completion_tokens"].clone()),
        ("gen_ai.request.stream", json!(false)),
        ("outcrop.attempt", json!(1)),
    ] {
        assert_eq!(chat.has(name), &expected, "{name} of {chat:#?}");
    }
    assert_eq!(chat.has("gen_ai.response.finish_reasons").as_array().unwrap().len(), 1);
    assert!(
        !chat.text("gen_ai.response.model").is_empty() && !chat.text("outcrop.cache").is_empty(),
        "{chat:#?}"
    );
    let record = world.platform.usage_of(&answer.request_id()).await;
    let (told, kept) = (chat.has("outcrop.cost_usd").as_f64().unwrap(), money(&record["cost"]["usd"]));
    assert!(told > 0.0 && (told - kept).abs() < 1e-9, "{told} and {record:#}");

    for (name, expected) in [
        ("rpc.service", json!("Bedrock Runtime")),
        ("rpc.method", json!("Converse")),
        ("cloud.region", json!("us-east-1")),
        ("outcrop.attempt", json!(1)),
    ] {
        assert_eq!(attempt.has(name), &expected, "{name} of {attempt:#?}");
    }
    let asked = world.call_of("own").await;
    assert_eq!(asked["trace"], attempt.xray(), "what Bedrock is told");
}

/// An amount, however it is written.
fn money(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("no amount: {value}"))
}

async fn a_clients_trace_is_gone_on_with(world: &World) {
    let (trace, span, header) = begun(0x5eed);
    let headers = [("traceparent", header.as_str())];
    let body = ask("[[id: w3c]] [[say: ok]]");
    let answer = post_with(&world.platform.admin, CHAT, &headers, &body).await.expect(200);
    let tree = world.collector.trace(&trace, complete).await;
    let (front, _, attempt) = way(world, &tree, "Bedrock Runtime.Converse");
    assert_eq!((&front.parent, front.text("request.id")), (&span, answer.request_id().as_str()));
    let asked = world.call_of("w3c").await;
    let told = asked["trace"].as_str().unwrap();
    assert!(told.contains(&trace[8..]) && told.contains(&attempt.id), "{told}");
}

async fn a_load_balancers_trace_is_gone_on_with(world: &World) {
    let (trace, span, _) = begun(0xa1b);
    let root = format!("Root=1-{}-{}", &trace[..8], &trace[8..]);
    let header = format!("{root};Parent={span};Sampled=1");
    let body = ask("[[id: xray]] [[say: ok]]");
    post_with(&world.platform.admin, CHAT, &[("x-amzn-trace-id", &header)], &body).await.expect(200);
    let tree = world.collector.trace(&trace, complete).await;
    let (front, _, attempt) = way(world, &tree, "Bedrock Runtime.Converse");
    assert_eq!(front.parent, span);
    let asked = world.call_of("xray").await;
    assert_eq!(asked["trace"], format!("{root};Parent={};Sampled=1", attempt.id));
}

async fn what_makes_no_sense_begins_a_new_trace(world: &World) {
    let zeros = format!("00-{:032x}-{:016x}-01", 0, 0);
    for header in ["00-zz-11-01", &zeros, "ff"] {
        let headers = [("traceparent", header)];
        let answer = post_with(&world.platform.admin, CHAT, &headers, &ask("[[say: ok]]")).await.expect(200);
        let tree = world.trace_of(&answer, complete).await;
        assert_eq!(tree.root().parent, "", "{header}");
    }
}

async fn a_stream_is_open_until_its_last_byte(world: &World) {
    let prompt = "[[latency: 100]] [[tokens: 12]] [[rate: 20]] and no more";
    let body = ask_streamed(prompt);
    let mut body = body;
    body["stream_options"] = json!({ "include_usage": true });
    let stream = world.platform.admin.chat_stream(&body).await;
    let request_id = stream.header("x-request-id");
    let chunks = stream.chunks().await;
    let id = world.collector.trace_of(&request_id).await;
    let tree = world.collector.trace(&id, complete).await;
    let (front, chat, _) = way(world, &tree, "Bedrock Runtime.ConverseStream");
    // Twelve tokens at twenty a second.
    assert!(front.took_ms() > 400 && chat.took_ms() > 400, "{}", tree);
    let first = chat.has("gen_ai.response.time_to_first_chunk").as_f64().unwrap();
    assert!((0.08..chat.took_ms() as f64 / 1_000.0).contains(&first), "{first} of {} ms", chat.took_ms());
    let usage = chunks.iter().find_map(|chunk| chunk["usage"].as_object()).expect("usage");
    assert_eq!(chat.has("gen_ai.usage.output_tokens"), &usage["completion_tokens"]);
    assert_eq!(chat.has("gen_ai.request.stream"), &json!(true));
}

async fn what_was_kept_is_told(world: &World) {
    let usage = "[[usage: input=10,output=5,cacheRead=3,cacheWrite=2]] [[say: ok]]";
    let asked = ask_with(usage, json!({ "logit_bias": { "1": 2 } }));
    let answer = world.platform.admin.chat(&asked).await.expect(200);
    let tree = world.trace_of(&answer, complete).await;
    let (_, chat, _) = way(world, &tree, "Bedrock Runtime.Converse");
    for (name, expected) in [
        ("gen_ai.usage.cache_read.input_tokens", 3),
        ("gen_ai.usage.cache_creation.input_tokens", 2),
        ("gen_ai.usage.output_tokens", 5),
        ("gen_ai.usage.input_tokens", 15),
    ] {
        assert_eq!(chat.has(name), &json!(expected), "{name}");
    }
    let dropped = chat.attributes.get("outcrop.dropped_fields").cloned().unwrap_or_default();
    assert_eq!(dropped, json!(["logit_bias"]), "{chat:#?}");
}

async fn a_failure_is_told(world: &World) {
    let answer = world.platform.admin.chat(&ask("[[fault: accessDenied]]")).await;
    assert!(answer.status >= 400, "{answer:#?}");
    let tree = world.trace_of(&answer, complete).await;
    let attempts = tree.named("Bedrock Runtime.");
    assert!(attempts.iter().all(|it| it.failed && !it.text("error.type").is_empty()), "{attempts:#?}");
    let chat = tree.named("chat ");
    assert!(chat.iter().all(|it| it.failed && !it.text("error.type").is_empty()), "{chat:#?}");
    let front = tree.root();
    assert_eq!(front.has("http.response.status_code"), &json!(answer.status));
    assert_eq!(front.failed, answer.status >= 500, "what the client did wrong is no error of ours");
}

async fn the_auth_service_is_asked_in_the_same_trace(world: &World) {
    let created = world.platform.create_key(&json!({ "name": "new", "role": "developer" })).await;
    let client = world.platform.admin.with_key(created.body["key"].as_str().unwrap());
    let answer = client.chat(&ask("[[say: ok]]")).await.expect(200);
    let introspects = |tree: &Tree| complete(tree) && tree.holds("outcrop-auth", "POST /internal/introspect");
    let tree = world.trace_of(&answer, introspects).await;
    tree.down(
        tree.root(),
        &[("outcrop-gateway", Client, "POST auth"), ("outcrop-auth", Server, "POST /internal/introspect")],
    );
}
