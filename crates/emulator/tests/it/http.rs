//! Status codes, headers and bodies as they go over the wire.

use crate::{Running, ask};
use base64::Engine as _;
use outcrop_emulator::{Emulator, EmulatorConfig, Operation};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const CLAUDE: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

fn claude(text: &str) -> Value {
    json!({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": [{"role": "user", "content": text}]})
}

#[tokio::test]
async fn errors_have_bedrocks_shape() {
    let emulator = Running::start().await;
    let converse = format!("/model/{CLAUDE}/converse");
    let cases = [
        (converse.clone(), json!({"messages": 1}).to_string(), 400, "SerializationException"),
        (converse.clone(), "{".to_owned(), 400, "SerializationException"),
        (converse.clone(), ask(" ").to_string(), 400, "ValidationException"),
        ("/model/nobody.nothing/converse".to_owned(), ask("x").to_string(), 400, "ValidationException"),
        ("/model/anthropic.claude-opus-5-5/converse".to_owned(), ask("x").to_string(), 400, "ValidationException"),
        (
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabsent000000/converse".to_owned(),
            ask("x").to_string(),
            404,
            "ResourceNotFoundException",
        ),
        ("/model/x/unknown".to_owned(), "{}".to_owned(), 404, "UnknownOperationException"),
    ];
    for (path, body, status, name) in cases {
        let response = emulator.client(&path).body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let headers = response.headers().clone();
        assert!(headers["x-amzn-errortype"].to_str().unwrap().starts_with(&format!("{name}:")), "{path}");
        assert_eq!(headers["x-amzn-requestid"].len(), 36);
        assert_eq!(headers["content-type"], "application/json");
        assert!(response.json::<Value>().await.unwrap()["message"].is_string());
    }
    assert_eq!(emulator.counters.snapshot().refusals, 7);
}

#[tokio::test]
async fn a_request_without_credentials_is_refused() {
    let emulator = Running::start().await;
    let request = crate::http().post(format!("{}/model/{CLAUDE}/converse", emulator.url));
    let response = request.body(ask("hi").to_string()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 403);
    assert!(
        response.headers()["x-amzn-errortype"]
            .to_str()
            .unwrap()
            .starts_with("MissingAuthenticationTokenException")
    );
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"message": "Missing Authentication Token"}));
}

#[tokio::test]
async fn invoke_model_speaks_anthropic() {
    let emulator = Running::start().await;
    let path = format!("/model/{CLAUDE}/invoke");
    let response = emulator.client(&path).body(claude("[[say: hello]]").to_string()).send().await.unwrap();
    assert_eq!(response.headers()["x-amzn-bedrock-output-token-count"], "1");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["content"], json!([{"type": "text", "text": "hello"}]));
    assert_eq!(
        (&body["model"], &body["stop_reason"]),
        (&json!("claude-haiku-4-5-20251001"), &json!("end_turn"))
    );
    for (change, fragment) in [
        (json!({"anthropic_version": null}), "anthropic_version: Field required"),
        (json!({"max_tokens": null}), "max_tokens: Field required"),
        (json!({"max_tokens": 0}), "max_tokens: Input should be greater"),
        (json!({"model": "x"}), "model: Extra inputs are not permitted"),
        (json!({"messages": []}), "at least one message is required"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}),
            "must be non-empty",
        ),
        (json!({"messages": [{"role": "assistant", "content": "x"}]}), "first message must use"),
        (json!({"temperature": 2}), "temperature: range: 0..1"),
        (json!({"tool_choice": {"type": "any"}}), "while providing tools"),
        (json!({"tools": [{"name": "a.b", "input_schema": {}}]}), "tools.0.custom.name"),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}]}),
            "must define tools",
        ),
        (
            json!({"tools": [{"name": "a", "input_schema": {}}], "messages": [
                {"role": "user", "content": "x"}, {"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "a", "input": {}}]},
                {"role": "user", "content": "y"}]}),
            "`tool_use` ids were found without `tool_result` blocks immediately after: i",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://x"}}]}]}),
            "not supported on Bedrock",
        ),
    ] {
        let mut body = claude("x");
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let (status, error, answer) = emulator.post(&path, &body).await;
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(fragment), "{change}: {message}");
        assert_eq!((status, error.split(':').next()), (400, Some("ValidationException")), "{change}");
    }
}

#[tokio::test]
async fn invoke_model_streams_anthropics_events() {
    let emulator = Running::start().await;
    let mut body = claude("[[think: hm]][[say: hello world]][[tool: clock {\"a\":1}]]");
    body["tools"] = json!([{"name": "clock", "input_schema": {"type": "object"}}]);
    let path = format!("/model/{CLAUDE}/invoke-with-response-stream");
    let response = emulator.client(&path).body(body.to_string()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(response.headers()["x-amzn-bedrock-content-type"], "application/json");
    let mut bytes = response.bytes().await.unwrap();
    let mut events: Vec<Value> = Vec::new();
    while !bytes.is_empty() {
        let frame = aws_smithy_eventstream::frame::read_message_from(&mut bytes).unwrap();
        let payload: Value = serde_json::from_slice(frame.payload()).unwrap();
        let event =
            base64::engine::general_purpose::STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
        events.push(serde_json::from_slice(&event).unwrap());
    }
    let kinds: Vec<_> = events.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    assert_eq!(events[3]["delta"]["type"], "signature_delta");
    assert_eq!(events[11]["delta"], json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"}));
    assert_eq!(events[13]["delta"]["stop_reason"], "tool_use");
    let metrics = &events[14]["amazon-bedrock-invocationMetrics"];
    assert_eq!(metrics["outputTokenCount"], events[13]["usage"]["output_tokens"]);
}

#[tokio::test]
async fn embeddings_answer_in_their_dialects() {
    let emulator = Running::start().await;
    let titan = emulator
        .client("/model/amazon.titan-embed-text-v2:0/invoke")
        .body(json!({"inputText": "a b c"}).to_string());
    let titan = titan.send().await.unwrap();
    assert_eq!(titan.headers()["x-amzn-bedrock-input-token-count"], "3");
    assert_eq!(titan.json::<Value>().await.unwrap()["embedding"].as_array().unwrap().len(), 1024);
    let body = json!({"texts": ["a", "b"], "input_type": "search_query"});
    let (status, _, cohere) = emulator.post("/model/cohere.embed-english-v3/invoke", &body).await;
    assert_eq!((status, cohere["embeddings"].as_array().unwrap().len()), (200, 2));
    let (status, ..) =
        emulator.post("/model/cohere.embed-english-v3/invoke-with-response-stream", &body).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn models_and_profiles_are_listed() {
    let emulator = Running::start().await;
    let all = emulator.get("/foundation-models").await["modelSummaries"].as_array().unwrap().len();
    let some = emulator.get("/foundation-models?byProvider=anthropic&byOutputModality=TEXT").await;
    let some = some["modelSummaries"].as_array().unwrap();
    assert!(some.len() < all && some.iter().all(|it| it["providerName"] == "Anthropic"));
    assert_eq!(
        emulator.get("/foundation-models?byOutputModality=SMELL").await["message"]
            .as_str()
            .unwrap()
            .split(' ')
            .next(),
        Some("1")
    );
    let one = emulator.get("/foundation-models/amazon.nova-lite-v1%3A0").await;
    assert_eq!(one["modelDetails"]["modelName"], "Nova Lite");
    let mut ids = Vec::new();
    let mut path = "/inference-profiles?maxResults=7".to_owned();
    loop {
        let page = emulator.get(&path).await;
        ids.extend(
            page["inferenceProfileSummaries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["inferenceProfileId"].to_string()),
        );
        let Some(token) = page["nextToken"].as_str() else { break };
        path = format!("/inference-profiles?maxResults=7&nextToken={token}");
    }
    assert!(
        ids.len() > 14 && ids.iter().all(|it| it.starts_with("\"us.") || it.starts_with("\"global.")),
        "those of us-east-1"
    );
    let applications = emulator.get("/inference-profiles?type=APPLICATION").await;
    let arn =
        applications["inferenceProfileSummaries"][0]["inferenceProfileArn"].as_str().unwrap().to_owned();
    let path = format!("/model/{}/converse", arn.replace('/', "%2F"));
    assert_eq!(emulator.post(&path, &ask("hi")).await.0, 200, "a listed profile can be invoked");
    assert_eq!(emulator.get(&format!("/inference-profiles/{arn}")).await["type"], "APPLICATION");
}

#[tokio::test]
async fn lists_can_be_made_to_differ() {
    let emulator = Running::start().await;
    let admin = async |method: reqwest::Method, path: &str, body: Value| {
        let request = crate::http().request(method, format!("{}{path}", emulator.url)).body(body.to_string());
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let new = json!({"name": "team-red", "copyFrom": CLAUDE});
    let (status, made) = admin(reqwest::Method::POST, "/_emulator/profiles", new).await;
    let arn = made["inferenceProfileArn"].as_str().unwrap();
    let found = emulator.get(&format!("/inference-profiles/{arn}")).await;
    assert_eq!((status, &found["inferenceProfileName"]), (200, &json!("team-red")));
    assert_eq!(found["models"].as_array().unwrap().len(), 3, "copied from a profile, it routes as that does");
    assert_eq!(
        emulator.post(&format!("/model/{}/converse", arn.replace('/', "%2F")), &ask("hi")).await.0,
        200
    );
    let nobody = json!({"name": "x", "copyFrom": "nobody.nothing"});
    assert_eq!(admin(reqwest::Method::POST, "/_emulator/profiles", nobody).await.0, 400);

    let lite = "amazon.nova-lite-v1:0";
    let listing = json!({
        "hidden": [lite], "new": ["nova.new-v1:0"], "page": 2,
        "legacy": {"amazon.nova-pro-v1:0": "2027-06-30T00:00:00Z"},
    });
    assert_eq!(admin(reqwest::Method::PUT, "/_emulator/listing", listing).await.0, 200);
    let models = emulator.get("/foundation-models").await;
    let find = |id: &str| models["modelSummaries"].as_array().unwrap().iter().find(|it| it["modelId"] == id);
    assert!(find(lite).is_none() && find("nova.new-v1:0").is_some());
    assert_eq!(find("amazon.nova-pro-v1:0").unwrap()["modelLifecycle"]["status"], "LEGACY");
    let page = emulator.get("/inference-profiles?maxResults=100").await;
    assert_eq!(page["inferenceProfileSummaries"].as_array().unwrap().len(), 2);
    assert!(page["nextToken"].is_string());
    assert_eq!(emulator.post(&format!("/model/{lite}/converse"), &ask("hi")).await.0, 200, "only not listed");
    assert_eq!(
        admin(reqwest::Method::PUT, "/_emulator/listing", json!({"fault": "throttling"})).await.0,
        200
    );
    assert!(emulator.get("/foundation-models").await["message"].as_str().unwrap().contains("Too many"));
    assert_eq!(admin(reqwest::Method::PUT, "/_emulator/listing", json!({"hide": []})).await.0, 400);
}

#[tokio::test]
async fn tokens_are_counted() {
    let emulator = Running::start().await;
    let haiku = "/model/anthropic.claude-haiku-4-5-20251001-v1:0/count-tokens";
    let converse = emulator.post(haiku, &json!({"input": {"converse": ask("one two three")}})).await.2;
    let (_, _, answered) = emulator.post(&format!("/model/{CLAUDE}/converse"), &ask("one two three")).await;
    assert_eq!(converse["inputTokens"], answered["usage"]["inputTokens"]);
    let body = base64::engine::general_purpose::STANDARD.encode(claude("one two three").to_string());
    let invoke = emulator.post(haiku, &json!({"input": {"invokeModel": {"body": body}}})).await.2;
    assert_eq!(invoke, converse);
    let profile = format!("/model/{CLAUDE}/count-tokens");
    assert_eq!(
        emulator.post(&profile, &json!({"input": {"converse": ask("x")}})).await.0,
        400,
        "no profiles"
    );
    let nova = "/model/amazon.nova-lite-v1:0/count-tokens";
    assert!(
        emulator.post(nova, &json!({"input": {"converse": ask("x")}})).await.2["message"]
            .as_str()
            .unwrap()
            .contains("counting")
    );
}

#[tokio::test]
async fn it_counts_and_is_well() {
    let emulator = Running::start().await;
    assert_eq!(emulator.get("/healthz").await, json!({"status": "ok"}));
    emulator.post(&format!("/model/{CLAUDE}/converse"), &ask("[[usage: input=10,output=5]]")).await;
    assert_eq!(emulator.counters.calls(Operation::Converse), 1);
    let counters = emulator.get("/_emulator/counters").await;
    assert_eq!(
        (&counters["calls"]["Converse"], &counters["inputTokens"], &counters["outputTokens"]),
        (&json!(1), &json!(10), &json!(5))
    );
}

#[tokio::test]
async fn it_stops_when_told_and_a_taken_port_is_an_error() {
    let emulator = Emulator::bind(EmulatorConfig::default()).await.unwrap();
    let port = emulator.addr().port();
    let taken = Emulator::bind(EmulatorConfig { port, ..EmulatorConfig::default() }).await.unwrap_err();
    assert_eq!(taken.to_string(), format!("could not listen on 127.0.0.1:{port}"));
    let stop = CancellationToken::new();
    let running = tokio::spawn(emulator.run(stop.clone()));
    stop.cancel();
    tokio::time::timeout(std::time::Duration::from_secs(10), running).await.unwrap().unwrap().unwrap();
}

#[test]
fn it_runs_inside_an_actix_system() {
    actix_web::rt::System::new().block_on(async {
        let emulator = Running::start().await;
        assert_eq!(emulator.post(&format!("/model/{CLAUDE}/converse"), &ask("hi")).await.0, 200);
    });
}
