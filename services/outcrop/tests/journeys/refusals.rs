//! Requests that are refused: with the right status, in OpenAI's shape, and saying what is wrong.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, answer, ask, ask_with};
use crate::platform::{MAX_BODY_BYTES, Platform};
use crate::{client::Client, service_door};

pub(crate) async fn journey(platform: &Platform) {
    wrong_fields_are_named(platform).await;
    unknown_things_are_not_found(platform).await;
    callers_are_told_apart(platform).await;
    bodies_have_bounds(platform).await;
    a_clients_own_identity_is_not_believed(platform).await;
    service_door::only_our_own_services_come_in(platform).await;
}

/// An error as OpenAI's SDKs read it.
#[track_caller]
pub(crate) fn assert_error(answer: Answer, status: u16, kind: &str, code: Option<&str>, param: Option<&str>) {
    let answer = answer.expect(status);
    let error = &answer.body["error"];
    assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{answer:#?}");
    assert_eq!(
        (&error["type"], &error["code"], &error["param"]),
        (&json!(kind), &json!(code), &json!(param))
    );
    assert_eq!(answer.header("content-type"), "application/json");
    answer.header("x-request-id");
}

async fn wrong_fields_are_named(platform: &Platform) {
    let bare = |messages: Value| json!({ "model": "nova-lite", "messages": messages });
    for (request, param) in [
        (ask_with("Hi", json!({ "temperature": "warm" })), "temperature"),
        (ask_with("Hi", json!({ "max_tokens": 0 })), "max_tokens"),
        (ask_with("Hi", json!({ "n": 0 })), "n"),
        (ask_with("Hi", json!({ "tool_choice": "required" })), "tool_choice"),
        (bare(json!([])), "messages"),
        (bare(json!([{ "role": "wizard", "content": "Hi" }])), "messages[0].role"),
        (bare(json!([{ "role": "tool", "content": "Hi", "tool_call_id": "x" }])), "messages[0].tool_call_id"),
    ] {
        let refused = platform.admin.chat(&request).await.expect(400);
        assert_eq!(refused.body["error"]["param"], param, "{request}: {:#}", refused.body);
        assert_error(refused, 400, "invalid_request_error", None, Some(param));
    }
    for text in ["", "{", "[]", "{\"model\":\"nova-lite\",}"] {
        let refused = raw(&platform.admin, text.to_owned()).await;
        assert_eq!(refused.status, 400, "{text}: {refused:#?}");
        assert_eq!(refused.body["error"]["type"], "invalid_request_error");
    }
}

async fn unknown_things_are_not_found(platform: &Platform) {
    let refused = platform.admin.chat(&ask_with("Hi", json!({ "model": "gpt-99" }))).await;
    assert_error(refused, 404, "invalid_request_error", Some("model_not_found"), Some("model"));
    for path in ["/v1/nothing", "/", "/internal/introspect", "/v1/../internal/introspect", "/metrics"] {
        let refused = platform.admin.post(path, &json!({})).await;
        assert_eq!(refused.status, 404, "{path}: {refused:#?}");
    }
    assert_error(
        platform.admin.post("/v1/chat/nothing", &json!({})).await,
        404,
        "invalid_request_error",
        None,
        None,
    );
    let refused = platform.admin.get("/v1/chat/completions").await;
    assert_error(refused, 405, "invalid_request_error", Some("method_not_supported"), None);
    platform.admin.post("/v1/models", &json!({})).await.expect(405);
}

async fn callers_are_told_apart(platform: &Platform) {
    let nobody = platform.admin.without_key();
    let unknown = outcrop_types::PresentedKey::generate([7; 16], [7; 86]);
    let mut mistyped = platform.key.clone();
    mistyped.pop();
    for caller in [
        &nobody,
        &nobody.with_key("sk-else"),
        &nobody.with_key(&mistyped),
        &nobody.with_key(unknown.expose()),
    ] {
        let refused = caller.chat(&ask("Hi")).await;
        assert_eq!(refused.headers.get("www-authenticate").unwrap(), "Bearer");
        assert_error(refused, 401, "invalid_request_error", Some("invalid_api_key"), None);
    }
    for header in ["x-api-key", "api-key"] {
        let request = nobody.request(Method::POST, "/v1/chat/completions").header(header, &platform.key);
        answer(request.json(&ask("[[say: ok]]"))).await.expect(200);
    }
    let viewer = platform.caller("viewer").await;
    let refused = viewer.chat(&ask("Hi")).await;
    assert_error(refused, 403, "permission_error", Some("permission_denied"), None);
    viewer.post("/generate", &json!({ "prompt": "Hi" })).await.expect(403);
    viewer.get("/v1/models").await.expect(200);
    let developer = platform.caller("developer").await;
    developer.chat(&ask("[[say: ok]]")).await.expect(200);
    developer.get("/admin/v1/keys").await.expect(403);
}

async fn bodies_have_bounds(platform: &Platform) {
    let too_large = ask(&"x".repeat(MAX_BODY_BYTES));
    let refused = platform.admin.chat(&too_large).await;
    assert_error(refused, 413, "invalid_request_error", Some("request_too_large"), None);
    // One that does not announce its length is stopped on its way.
    let pieces = too_large.to_string().into_bytes();
    let pieces: Vec<_> =
        pieces.chunks(64 * 1024).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let request = platform.admin.request(Method::POST, "/v1/chat/completions");
    let refused = answer(request.header("content-type", "application/json").body(body)).await;
    assert_error(refused, 413, "invalid_request_error", Some("request_too_large"), None);
    let nearly = ask_with("[[say: ok]]", json!({ "user": "x".repeat(MAX_BODY_BYTES - 1024) }));
    let fits = platform.admin.chat(&nearly).await;
    assert_ne!(fits.status, 413, "{fits:#?}");
    let deep = format!("{{\"model\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let refused = raw(&platform.admin, deep).await.expect(400);
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("deep") || message.contains("nest"), "{message}");
}

async fn a_clients_own_identity_is_not_believed(platform: &Platform) {
    let admin = service_door::identity_of_an_admin();
    let claimed = |caller: &Client, path: &str| {
        answer(caller.request(Method::GET, path).header("x-outcrop-principal", &admin))
    };
    claimed(&platform.admin.without_key(), "/v1/models").await.expect(401);
    let viewer = platform.caller("viewer").await;
    claimed(&viewer, "/v1/models").await.expect(200);
    claimed(&viewer, "/admin/v1/keys").await.expect(403);
    // Nor is a deadline, which only our own services set.
    let hurried = platform.admin.request(Method::POST, "/v1/chat/completions");
    let body = ask("[[say: ok]][[latency: 200]]");
    answer(hurried.header("x-outcrop-deadline-ms", "1").json(&body)).await.expect(200);
}

async fn raw(client: &Client, body: String) -> Answer {
    let request = client.request(Method::POST, "/v1/chat/completions");
    answer(request.header("content-type", "application/json").body(body)).await
}
