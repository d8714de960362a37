//! Every failure in the caller's words.

use serde_json::{Value, json};

use crate::world::{World, client};

async fn answer(request: reqwest::RequestBuilder) -> (u16, String, Value) {
    let answer = request.header("x-request-id", "r-1").send().await.unwrap();
    let status = answer.status().as_u16();
    let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (status, content_type, answer.json().await.unwrap())
}

#[actix_web::test]
async fn a_path_that_is_not_there_is_told_in_each_dialect() {
    let world = World::new();
    let (status, kind, body) = answer(client().get(world.at("/v1/chat/nothing"))).await;
    assert_eq!((status, kind.as_str()), (404, "application/json"));
    assert_eq!(body["error"]["type"], "invalid_request_error");
    assert_eq!(body["error"]["param"], Value::Null);

    let (status, _, body) = answer(client().get(world.at("/v1/messages/nothing"))).await;
    assert_eq!(status, 404);
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("not_found_error")));
    assert_eq!(body["request_id"], "r-1");

    let (status, kind, body) = answer(client().get(world.at("/nothing"))).await;
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"));
    assert_eq!((&body["status"], &body["code"]), (&json!(404), &json!("not_found")));

    let bedrock = client().get(world.at("/model/x/nothing")).send().await.unwrap();
    assert_eq!(bedrock.status(), 404);
    assert_eq!(bedrock.headers()["x-amzn-errortype"], "UnknownOperationException");
    assert!(bedrock.json::<Value>().await.unwrap()["message"].is_string());
}

#[actix_web::test]
async fn a_wrong_method_is_told_in_each_dialect() {
    let world = World::new();
    for path in ["/v1/chat/completions", "/v1/messages", "/generate", "/model/x/converse"] {
        let (status, _, body) = answer(client().get(world.at(path))).await;
        assert_eq!(status, 405, "{path}");
        assert!(body.is_object(), "{path}");
    }
    let (_, _, body) = answer(client().get(world.at("/v1/chat/completions"))).await;
    assert_eq!(body["error"]["code"], "method_not_supported");
}

#[actix_web::test]
async fn a_body_over_the_limit_is_told_in_each_dialect() {
    let world = World::new();
    let body = "a".repeat(2000);
    let (status, _, told) = answer(client().post(world.at("/v1/chat/completions")).body(body.clone())).await;
    assert_eq!((status, &told["error"]["code"]), (413, &json!("request_too_large")));
    let (status, _, told) = answer(client().post(world.at("/v1/messages")).body(body.clone())).await;
    assert_eq!((status, &told["error"]["type"]), (413, &json!("request_too_large")));
    let (status, _, told) = answer(client().post(world.at("/generate")).body(body)).await;
    assert_eq!((status, &told["code"]), (413, &json!("payload_too_large")));
}

#[actix_web::test]
async fn refusals_carry_what_their_status_asks_for() {
    let world = World::new();
    let get =
        async |query: &str| client().get(world.at(&format!("/v1/jobs/fail?{query}"))).send().await.unwrap();
    let refused = get("status=401").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["www-authenticate"]),
        (401, &"Bearer".parse().unwrap())
    );
    let busy = get("status=429&after=1500").await;
    assert_eq!((busy.status().as_u16(), &busy.headers()["retry-after"]), (429, &"2".parse().unwrap()));
    assert_eq!(busy.headers()["x-outcrop-limit"], "team");
    let away = get("status=503&after=1").await;
    assert_eq!((away.status().as_u16(), &away.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let body: Value = away.json().await.unwrap();
    assert_eq!((&body["code"], &body["detail"]), (&json!("unavailable"), &json!("as asked")));
}

#[actix_web::test]
async fn the_token_endpoint_speaks_oauth() {
    let world = World::new();
    let post = async |query: &str| {
        let request = client().post(world.at(&format!("/auth/token?{query}"))).header("x-request-id", "r-1");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let challenge = answer.headers().get("www-authenticate").map(|it| it.to_str().unwrap().to_owned());
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap(), challenge)
    };
    let told = |error: &str| json!({"error": error, "error_description": "as asked", "request_id": "r-1"});
    assert_eq!(post("status=400").await, (400, told("invalid_request"), None));
    assert_eq!(post("status=400&grant=1").await, (400, told("invalid_grant"), None));
    let challenge = Some("Basic realm=\"outcrop\"".to_owned());
    assert_eq!(post("status=401").await, (401, told("invalid_client"), challenge));
    let wrong_method = client().get(world.at("/auth/token")).send().await.unwrap();
    assert_eq!(wrong_method.status(), 405);
    assert_eq!(wrong_method.json::<Value>().await.unwrap()["error"], "invalid_request");
}

#[actix_web::test]
async fn what_shows_keys_and_people_is_kept_by_no_cache() {
    let world = World::new();
    for path in ["/auth/token", "/auth/nothing", "/admin/v1/fail", "/admin/v1/nothing"] {
        let answer = client().get(world.at(path)).send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
    let other = client().get(world.at("/.well-known/jwks.json")).send().await.unwrap();
    assert!(!other.headers().contains_key("cache-control"));
}

#[actix_web::test]
async fn what_an_extractor_of_actix_refuses_is_told_in_our_words_too() {
    let world = World::new();
    let (status, kind, body) = answer(client().get(world.at("/v1/jobs/fail?status=many"))).await;
    assert_eq!((status, kind.as_str()), (400, "application/problem+json"));
    assert_eq!(body["code"], "invalid_request");
}

#[actix_web::test]
async fn a_handler_that_takes_too_long_is_cut_off() {
    let config = outcrop_config::ServerConfig { request_timeout_ms: 50, ..crate::world::config() };
    let world = World::with(&config, outcrop_http::Layer::none(), Vec::new());
    let (status, kind, body) = answer(client().get(world.at("/v1/jobs/late"))).await;
    assert_eq!((status, kind.as_str()), (504, "application/problem+json"));
    assert_eq!(body["request_id"], "r-1");
}
