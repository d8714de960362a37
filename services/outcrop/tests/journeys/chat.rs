//! Whole chats: text, turns, images, bounds, and what the answer says of itself.

use serde_json::{Value, json};

use crate::client::{Answer, MODEL, ask, ask_with};
use crate::platform::Platform;

/// A red dot: the smallest PNG that is one.
pub(crate) const IMAGE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==";

/// A model's name with all that a name may hold.
pub(crate) const PROFILE: &str =
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";

pub(crate) async fn journey(platform: &Platform) {
    an_answer_has_openais_shape(platform).await;
    turns_and_instructions_arrive(platform).await;
    images_arrive(platform).await;
    finish_reasons_are_openais(platform).await;
    names_lead_to_models(platform).await;
    requests_keep_their_ids(platform).await;
    clients_of_the_access_gateway_find_their_path(platform).await;
    what_bedrock_cannot_do_is_said(platform).await;
}

pub(crate) fn message(answer: &Answer) -> &Value {
    &answer.body["choices"][0]["message"]
}

async fn an_answer_has_openais_shape(platform: &Platform) {
    let counted = platform.emulator.count("outputTokens").await;
    let answer = platform.admin.chat(&ask("[[say: Good morning.]]")).await.expect(200);
    let body = &answer.body;
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"), "{body:#}");
    assert_eq!(body["object"], "chat.completion");
    assert!(body["created"].as_i64().unwrap() > 1_700_000_000);
    assert_eq!(body["model"], MODEL);
    let choice = json!({ "index": 0, "logprobs": null, "finish_reason": "stop",
        "message": { "role": "assistant", "content": "Good morning.", "refusal": null, "annotations": [] } });
    assert_eq!(body["choices"], json!([choice]));
    let usage = |field: &str| body["usage"][field].as_u64().unwrap();
    assert_eq!(usage("completion_tokens"), platform.emulator.count("outputTokens").await - counted);
    assert_eq!(usage("total_tokens"), usage("prompt_tokens") + usage("completion_tokens"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.header("x-outcrop-model").contains("anthropic.claude-haiku-4-5"));
    assert_eq!(answer.header("x-outcrop-region"), "us-east-1");
    assert_eq!(answer.header("x-outcrop-cache"), "bypass");
    let timing = answer.header("server-timing");
    assert!(timing.contains("gateway;dur=") && timing.contains("upstream;dur="), "{timing}");
}

async fn turns_and_instructions_arrive(platform: &Platform) {
    // Nothing in the last user turn is scripted: the emulator follows what the instructions say.
    let mut request = ask("And now?");
    let turns = request["messages"].as_array_mut().unwrap();
    turns.insert(0, json!({ "role": "system", "content": "[[say: from the system]]" }));
    turns.insert(1, json!({ "role": "user", "content": "Hello" }));
    turns.insert(2, json!({ "role": "assistant", "content": "Hi." }));
    let answer = platform.admin.chat(&request).await.expect(200);
    assert_eq!(message(&answer)["content"], "from the system");
    request["messages"][0]["role"] = json!("developer");
    let answer = platform.admin.chat(&request).await.expect(200);
    assert_eq!(message(&answer)["content"], "from the system");
}

async fn images_arrive(platform: &Platform) {
    let text = json!({ "type": "text", "text": "[[say: a dot]]" });
    let image = json!({ "type": "image_url", "image_url": { "url": IMAGE } });
    let tokens = async |content: Value| {
        let request = json!({ "model": MODEL, "messages": [{ "role": "user", "content": content }] });
        let answer = platform.admin.chat(&request).await.expect(200);
        assert_eq!(message(&answer)["content"], "a dot");
        answer.body["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    let (with, without) = (tokens(json!([image, text])).await, tokens(json!([text])).await);
    assert!(with > without + 1_000, "the emulator counts a picture: {with}, {without}");
}

async fn finish_reasons_are_openais(platform: &Platform) {
    let cases = [
        ("[[say: all]]", json!({}), "stop", "all"),
        ("[[tokens: 50]]", json!({ "max_tokens": 3 }), "length", "the river turns"),
        ("[[tokens: 50]]", json!({ "max_completion_tokens": 3 }), "length", "the river turns"),
        ("[[say: one, two, three]]", json!({ "stop": ["two"] }), "stop", "one, "),
        ("[[say: one, two, three]]", json!({ "stop": ", three" }), "stop", "one, two"),
        ("[[say: hm]][[stop: content_filtered]]", json!({}), "content_filter", "hm"),
    ];
    for (prompt, fields, reason, text) in cases {
        let answer = platform.admin.chat(&ask_with(prompt, fields)).await.expect(200);
        assert_eq!(answer.body["choices"][0]["finish_reason"], reason, "{prompt}");
        assert_eq!(message(&answer)["content"].as_str().unwrap().trim_end(), text.trim_end(), "{prompt}");
    }
}

async fn names_lead_to_models(platform: &Platform) {
    for (asked, served) in [
        ("default", "claude-haiku-4-5"),
        ("nova-lite", "amazon.nova-lite-v1:0"),
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("us.amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"),
        (PROFILE, "us.amazon.nova-lite-v1:0"),
    ] {
        let request = ask_with("[[say: here]]", json!({ "model": asked }));
        let answer = platform.admin.chat(&request).await.expect(200);
        assert_eq!(answer.body["model"], asked);
        assert!(answer.header("x-outcrop-model").contains(served), "{answer:#?}");
    }
    let mut nameless = ask("[[say: here]]");
    nameless.as_object_mut().unwrap().remove("model");
    let answer = platform.admin.chat(&nameless).await.expect(200);
    assert_eq!(answer.body["model"], MODEL, "the default model answers");
}

async fn requests_keep_their_ids(platform: &Platform) {
    let request = |id: &str| {
        let request = platform.admin.request(reqwest::Method::POST, "/v1/chat/completions");
        crate::client::answer(request.header("x-request-id", id).json(&ask("[[say: ok]]")))
    };
    assert_eq!(request("my-own-id.7").await.expect(200).request_id(), "my-own-id.7");
    let made =
        [platform.admin.get("/v1/models").await.request_id(), request("not one, this").await.request_id()];
    for id in &made {
        assert_eq!(id.len(), 36, "made for whoever brings none: {id}");
    }
    assert_ne!(made[0], made[1]);
}

async fn clients_of_the_access_gateway_find_their_path(platform: &Platform) {
    let answer = platform.admin.post("/api/v1/chat/completions", &ask("[[say: moved]]")).await.expect(200);
    assert_eq!(message(&answer)["content"], "moved");
    platform.admin.get("/api/v1/models/nova-lite").await.expect(200);
}

async fn what_bedrock_cannot_do_is_said(platform: &Platform) {
    let request = ask_with("[[say: ok]]", json!({ "seed": 7 }));
    let answer = platform.admin.chat(&request).await.expect(200);
    assert!(answer.header("x-outcrop-dropped").contains("seed"));
    let strict = platform.admin.request(reqwest::Method::POST, "/v1/chat/completions");
    let answer =
        crate::client::answer(strict.header("x-outcrop-strict", "true").json(&request)).await.expect(400);
    assert_eq!(answer.body["error"]["param"], "seed", "{answer:#?}");
}
