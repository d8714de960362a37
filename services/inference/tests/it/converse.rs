//! `POST /model/{id}/converse` and `/converse-stream`.

use outcrop_config::MediaConfig;
use outcrop_types::{Outcome, Role};
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp};

fn say(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// The events of a stream, each as `{name: payload}`.
async fn streamed(app: &TestApp, body: &Value) -> Vec<Value> {
    let response = app.send(&format!("/model/{MODEL}/converse-stream"), body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    let mut bytes = response.bytes().await.unwrap();
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let message = aws_smithy_eventstream::frame::read_message_from(&mut bytes).unwrap();
        let name = message.headers().iter().find(|it| it.name().as_str().ends_with("-type")).unwrap();
        let name = name.value().as_string().unwrap().as_str();
        events.push(json!({name: serde_json::from_slice::<Value>(message.payload()).unwrap()}));
    }
    events
}

#[tokio::test]
async fn an_answer_is_converses_under_any_name_of_the_model() {
    let app = TestApp::start().await;
    let profile = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let arn = format!("arn:aws:bedrock:us-east-1:123456789012:inference-profile/{profile}");
    let encoded = [profile, &arn].map(|it| it.replace(':', "%3A").replace('/', "%2F"));
    for model in [MODEL, profile, &arn, &encoded[0], &encoded[1]] {
        let body = with(say("[[say: Hello]]"), "inferenceConfig", json!({"maxTokens": 50}));
        let answer = app.post(&format!("/model/{model}/converse"), &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        let body = answer.json();
        let message = json!({"role": "assistant", "content": [{"text": "Hello"}]});
        assert_eq!((&body["output"]["message"], &body["stopReason"]), (&message, &json!("end_turn")));
        let usage = |field: &str| body["usage"][field].as_u64().unwrap();
        assert!(usage("inputTokens") > 0 && usage("outputTokens") > 0, "{body}");
        assert_eq!(usage("totalTokens"), usage("inputTokens") + usage("outputTokens"));
        assert!(body["metrics"]["latencyMs"].is_u64(), "{body}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.header("x-amzn-requestid").is_some());
        assert_eq!(answer.header("x-outcrop-region"), Some("us-east-1"));
    }
    let records = app.records(5).await;
    assert!(records.iter().all(|it| (it.dialect.as_str(), it.streamed) == ("bedrock", false)), "{records:?}");
    assert!(records.iter().any(|it| it.model_asked == arn), "as the client wrote it: {records:?}");
}

#[tokio::test]
async fn a_stream_has_its_events_in_order_and_is_metered() {
    let app = TestApp::start().await;
    let events = streamed(&app, &say("[[say: one two three]] [[usage: input=10,output=5]]")).await;
    let [first, deltas @ .., block, stop, metadata] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(first, &json!({"messageStart": {"role": "assistant"}}));
    let text: String =
        deltas.iter().map(|it| it["contentBlockDelta"]["delta"]["text"].as_str().unwrap()).collect();
    assert_eq!(text, "one two three");
    assert_eq!(block, &json!({"contentBlockStop": {"contentBlockIndex": 0}}));
    assert_eq!(stop, &json!({"messageStop": {"stopReason": "end_turn"}}));
    let usage = &metadata["metadata"]["usage"];
    assert_eq!((&usage["inputTokens"], &usage["outputTokens"]), (&json!(10), &json!(5)), "{metadata}");
    assert!(metadata["metadata"]["metrics"]["latencyMs"].is_u64(), "{metadata}");
    let record = app.records(1).await.remove(0);
    assert_eq!((record.dialect.as_str(), record.streamed, record.estimated), ("bedrock", true, false));
    assert_eq!((record.outcome, record.tokens.output), (Outcome::Completed, 5));
}

#[tokio::test]
async fn tool_calls_and_their_results_make_the_round() {
    let app = TestApp::start().await;
    let spec = json!({"name": "get_weather", "inputSchema": {"json": {"type": "object"}}});
    let tools = json!({"tools": [{"toolSpec": spec}]});
    let ask = with(say("[[tool: get_weather {\"city\":\"Oslo\"}]]"), "toolConfig", tools.clone());
    let body = app.post(&format!("/model/{MODEL}/converse"), &ask).await.json();
    assert_eq!(body["stopReason"], "tool_use", "{body}");
    let message = &body["output"]["message"];
    let call = &message["content"][0]["toolUse"];
    assert_eq!((&call["name"], &call["input"]), (&json!("get_weather"), &json!({"city": "Oslo"})), "{body}");

    let events = streamed(&app, &ask).await;
    let start = events.iter().find_map(|it| it.get("contentBlockStart")).unwrap();
    assert_eq!(start["start"]["toolUse"]["name"], "get_weather");
    let input: String = events
        .iter()
        .filter_map(|it| it["contentBlockDelta"]["delta"]["toolUse"]["input"].as_str())
        .collect();
    assert_eq!(serde_json::from_str::<Value>(&input).unwrap(), json!({"city": "Oslo"}), "{events:?}");

    let content = json!([{"json": {"degrees": 4}}]);
    let result = json!({"toolResult": {"toolUseId": call["toolUseId"], "content": content}});
    let again = json!({
        "messages": [ask["messages"][0], message, {"role": "user", "content": [result]}],
        "toolConfig": tools,
    });
    let body = app.post(&format!("/model/{MODEL}/converse"), &again).await.json();
    assert!(body["output"]["message"]["content"][0]["text"].as_str().unwrap().contains("degrees"), "{body}");
}

#[tokio::test]
async fn refusals_are_exceptions_that_name_the_field() {
    let app = TestApp::start().await;
    let inference = |model: &'static str, config: Value| {
        (model, with(say("hi"), "inferenceConfig", config), 400, "ValidationException")
    };
    let cases = [
        (("nonesuch", say("hi"), 404, "ResourceNotFoundException"), "nonesuch"),
        ((MODEL, json!({}), 400, "ValidationException"), "messages"),
        (
            (MODEL, with(say("hi"), "guardrailConfig", json!({})), 400, "ValidationException"),
            "guardrailConfig.guardrailIdentifier",
        ),
        (
            (MODEL, with(say("hi"), "promptVariables", json!({})), 400, "ValidationException"),
            "promptVariables",
        ),
        ((MODEL, with(say("hi"), "stream", json!(true)), 400, "ValidationException"), "stream"),
        (inference(MODEL, json!({"maxTokens": 1_000_000})), "inferenceConfig.maxTokens"),
        (inference("claude-opus-5", json!({"topP": 0.5})), "inferenceConfig.topP"),
        (inference(MODEL, json!({"topP": 0.5, "temperature": 0.5})), "inferenceConfig.topP"),
        (inference("gpt-6-sol", json!({"maxTokens": 5})), "inferenceConfig.maxTokens"),
        (inference("grok-4.7", json!({"stopSequences": ["END"]})), "inferenceConfig.stopSequences"),
        ((MODEL, say(" "), 400, "ValidationException"), "text"),
    ];
    for ((model, body, status, exception), named) in cases {
        for operation in ["converse", "converse-stream"] {
            let answer = app.post(&format!("/model/{model}/{operation}"), &body).await;
            assert_eq!(answer.status, status, "{model} {body}: {}", answer.text);
            assert_eq!(answer.header("x-amzn-errortype"), Some(exception), "{}", answer.text);
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(named), "{named}: {message}");
        }
    }
    assert!(app.ledger.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn bedrocks_failures_keep_their_names() {
    let app = TestApp::start().await;
    let cases = [
        ("throttling", 429, "ThrottlingException"),
        ("serviceUnavailable", 503, "ServiceUnavailableException"),
        ("internalServer", 500, "InternalServerException"),
        ("accessDenied", 403, "AccessDeniedException"),
        ("modelError", 424, "ModelErrorException"),
        ("modelTimeout", 408, "ModelTimeoutException"),
        ("modelNotReady", 429, "ModelNotReadyException"),
        ("serviceQuotaExceeded", 429, "ThrottlingException"),
    ];
    for (fault, status, exception) in cases {
        for operation in ["converse", "converse-stream"] {
            let body = say(&format!("[[fault: {fault}]]"));
            let answer = app.post(&format!("/model/{MODEL}/{operation}"), &body).await;
            assert_eq!(answer.status, status, "{fault}: {}", answer.text);
            assert_eq!(answer.header("x-amzn-errortype"), Some(exception), "{fault}");
        }
    }
    for (fault, exception) in [
        ("streamThrottling after 4", "throttlingException"),
        ("streamModelError after 4", "modelStreamErrorException"),
        ("cut after 4", "serviceUnavailableException"),
    ] {
        let events = streamed(&app, &say(&format!("[[fault: {fault}]] [[tokens: 40]] [[chunk: 1]]"))).await;
        let last = events.last().unwrap();
        assert!(last[exception]["message"].is_string(), "{fault}: {last}");
        assert!(events.iter().all(|it| it.get("messageStop").is_none()), "{fault}: {events:?}");
    }
}

#[tokio::test]
async fn who_may_not_call_models_is_told() {
    let app = TestApp::with(Setup { role: Role::Viewer, ..Setup::default() }).await;
    let answer = app.post(&format!("/model/{MODEL}/converse"), &say("hi")).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
}

/// Everything that becomes part of the call, as long and as strange as a body can make it.
#[tokio::test]
async fn no_input_breaks_the_call() {
    let app = TestApp::start().await;
    let strange = "\u{0}\r\n\u{7f}\u{feff}\u{1f600}\u{2028}\"\\".repeat(20);
    for word in ["", "y", &"y".repeat(70_000), &strange] {
        let call = json!({"toolUseId": word, "name": word, "input": {word: word}});
        let result = json!({"toolUseId": word, "content": [{"text": word}, {"json": {word: word}}]});
        let spec = json!({"name": word, "description": word, "inputSchema": {"json": {word: word}}});
        let thought = json!({"reasoningText": {"text": word, "signature": word}});
        let body = json!({
            "system": [{"text": word}],
            "messages": [
                {"role": "user", "content": [{"text": word}]},
                {"role": "assistant", "content": [{"reasoningContent": thought}, {"toolUse": call}]},
                {"role": "user", "content": [{"toolResult": result}]},
            ],
            "toolConfig": {"tools": [{"toolSpec": spec}], "toolChoice": {"tool": {"name": word}}},
            "requestMetadata": {word: word},
        });
        for operation in ["converse", "converse-stream"] {
            let answer = app.send(&format!("/model/{MODEL}/{operation}"), &body).await;
            let status = answer.status().as_u16();
            assert!([200, 400].contains(&status), "{status}: {}", answer.text().await.unwrap());
        }
    }
}

const PDF: &str = "JVBERi0xLjQK";

/// One user turn of these blocks.
fn turn(blocks: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": blocks}]})
}

#[tokio::test]
async fn documents_and_cache_points_reach_the_model() {
    let app = TestApp::start().await;
    let long = "word ".repeat(6000);
    let mut body = turn(&json!([
        {"document": {"format": "pdf", "name": "Report", "source": {"bytes": PDF}, "citations": {"enabled": true}}},
        {"document": {"name": "Note", "format": "txt", "source": {"text": long}}},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "[[say: read]]"},
    ]));
    body["system"] = json!([{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}]);
    for part in ["cacheWriteInputTokens", "cacheReadInputTokens"] {
        let answer = app.post(&format!("/model/{MODEL}/converse"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let usage = &answer.json()["usage"];
        assert!(usage[part].as_u64().unwrap() > 1000, "{part}: {usage}");
        if part == "cacheWriteInputTokens" {
            assert_eq!(usage["cacheDetails"][0]["ttl"], "1h", "{usage}");
        }
    }
    let records = app.records(2).await;
    assert!(records.iter().any(|it| it.tokens.cache_write_1h > 1000), "{records:?}");
    assert!(records.iter().any(|it| it.tokens.cache_read > 1000), "{records:?}");
}

#[tokio::test]
async fn what_bedrock_tells_besides_comes_back() {
    let app = TestApp::start().await;
    let mut body = say("[[say: one END two]]");
    body["serviceTier"] = json!({"type": "flex"});
    body["performanceConfig"] = json!({"latency": "optimized"});
    body["requestMetadata"] = json!({"team": "search"});
    body["inferenceConfig"] = json!({"stopSequences": ["END"]});
    body["additionalModelResponseFieldPaths"] = json!(["/stop_sequence"]);
    let told = |body: &Value| {
        assert_eq!(body["serviceTier"]["type"], "flex", "{body}");
        assert_eq!(body["performanceConfig"]["latency"], "optimized", "{body}");
    };
    let answer = app.post(&format!("/model/{MODEL}/converse"), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    told(&answer.json());
    assert_eq!(answer.json()["additionalModelResponseFields"], json!({"stop_sequence": "END"}));

    let events = streamed(&app, &body).await;
    let [.., stop, metadata] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(stop["messageStop"]["additionalModelResponseFields"], json!({"stop_sequence": "END"}));
    told(&metadata["metadata"]);
}

#[tokio::test]
async fn fields_of_the_model_pass_through() {
    let app = TestApp::start().await;
    let mut body = say("[[think: hmm]] [[say: done]]");
    body["inferenceConfig"] = json!({"maxTokens": 2000});
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    body["additionalModelRequestFields"] = json!({"thinking": thinking});
    let answer = app.post(&format!("/model/{MODEL}/converse"), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let json = answer.json();
    let content = &json["output"]["message"]["content"];
    assert_eq!(content[0]["reasoningContent"]["reasoningText"]["text"], "hmm", "{content}");

    // What it thought goes back as it came, and the signature holds.
    let again = with(
        body.clone(),
        "messages",
        json!([
            body["messages"][0],
            json["output"]["message"],
            {"role": "user", "content": [{"text": "Go on."}]},
        ]),
    );
    let answer = app.post(&format!("/model/{MODEL}/converse"), &again).await;
    assert_eq!(answer.status, 200, "{}", answer.text);

    body["additionalModelRequestFields"]["thinking"]["budget_tokens"] = json!(10);
    let answer = app.post(&format!("/model/{MODEL}/converse"), &body).await;
    assert!(answer.text.contains("budget_tokens"), "{}", answer.text);
}

#[tokio::test]
async fn an_answer_of_a_schema_is_json() {
    let app = TestApp::start().await;
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    let structure = json!({"jsonSchema": {"schema": schema.to_string(), "name": "place"}});
    let format = json!({"textFormat": {"type": "json_schema", "structure": structure}});
    for model in [MODEL, "nova-lite"] {
        let body = with(say("Which city?"), "outputConfig", format.clone());
        let answer = app.post(&format!("/model/{model}/converse"), &body).await;
        assert_eq!(answer.status, 200, "{model}: {}", answer.text);
        let body = answer.json();
        let text = body["output"]["message"]["content"][0]["text"].as_str().unwrap();
        let read: Value = serde_json::from_str(text).unwrap();
        assert!(read["city"].is_string(), "{model}: {read}");
        assert_eq!(body["stopReason"], "end_turn", "{model}");
    }
}

#[tokio::test]
async fn a_model_reads_only_what_the_operator_lets_it_read_in_s3() {
    let s3 = |uri: &str| {
        let source = json!({"s3Location": {"uri": uri}});
        turn(&json!([{"text": "hi"}, {"document": {"format": "pdf", "name": "a", "source": source}}]))
    };
    let app = TestApp::start().await;
    let answer = app.post(&format!("/model/{MODEL}/converse"), &s3("s3://open/a.pdf")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("messages[0].content[1].document.source.s3Location"), "{}", answer.text);

    let media = MediaConfig { s3_allow: Some("s3://open/*".into()), ..MediaConfig::default() };
    let app = TestApp::with(Setup { media: (&media).into(), ..Setup::default() }).await;
    for (uri, status) in [("s3://open/a.pdf", 200), ("s3://closed/a.pdf", 400)] {
        for operation in ["converse", "converse-stream"] {
            let answer = app.send(&format!("/model/{MODEL}/{operation}"), &s3(uri)).await;
            assert_eq!(answer.status(), status, "{uri}: {}", answer.text().await.unwrap());
        }
    }
}
