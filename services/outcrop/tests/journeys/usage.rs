//! One usage record per model call, with what the model said it used.

use serde_json::{Value, json};

use crate::client::{MODEL, ask, ask_streamed};
use crate::platform::Platform;

pub(crate) async fn journey(platform: &Platform) {
    a_whole_answer_is_metered(platform).await;
    a_stream_is_metered(platform).await;
    counts_are_the_emulators(platform).await;
    what_reached_no_model_costs_nothing(platform).await;
}

fn tokens(record: &Value) -> [u64; 5] {
    ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"]
        .map(|name| record["tokens"][name].as_u64().unwrap())
}

async fn a_whole_answer_is_metered(platform: &Platform) {
    let developer = platform.caller("developer").await;
    let prompt = "[[say: hello there]][[usage: input=11,output=7,cacheRead=3,cacheWrite=2]]";
    let answer = developer.chat(&ask(prompt)).await.expect(200);
    let usage = &answer.body["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(16), &json!(7)));
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 3);
    let record = platform.usage_of(&answer.request_id()).await;
    assert_eq!(tokens(&record), [11, 3, 2, 0, 7]);
    let expected = json!({ "dialect": "openai", "operation": "chat", "model_asked": MODEL, "region": "us-east-1",
        "estimated": false, "streamed": false, "stop_reason": "end_turn", "outcome": "completed", "error": null });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name} of {record:#}");
    }
    assert_eq!(record["model_served"], answer.header("x-outcrop-model"));
    let keys = platform.admin.get("/admin/v1/keys?limit=100").await.expect(200);
    let keys = keys.body["data"].as_array().unwrap();
    let key = keys.iter().find(|key| key["id"] == record["key"]).expect("the record names its key");
    assert_eq!((&key["name"], &key["team"]), (&json!("developer"), &record["team"]));
}

async fn a_stream_is_metered(platform: &Platform) {
    let prompt = "[[say: hello there]][[usage: input=5,output=2]]";
    let stream = platform.admin.chat_stream(&ask_streamed(prompt)).await;
    let id = stream.header("x-request-id");
    stream.chunks().await;
    let record = platform.usage_of(&id).await;
    assert_eq!((tokens(&record), &record["streamed"]), ([5, 0, 0, 0, 2], &json!(true)));
    assert!(
        record["first_token_ms"].as_u64().unwrap() <= record["latency_ms"].as_u64().unwrap(),
        "{record:#}"
    );
    let answer = platform.admin.post("/generate", &json!({ "prompt": prompt })).await.expect(200);
    let record = platform.usage_of(&answer.request_id()).await;
    assert_eq!((tokens(&record), &record["dialect"]), ([5, 0, 0, 0, 2], &json!("outcrop")));
}

async fn counts_are_the_emulators(platform: &Platform) {
    let counted = async || {
        let counters = platform.emulator.counters().await;
        ["inputTokens", "outputTokens"].map(|name| counters[name].as_u64().unwrap())
    };
    let before = counted().await;
    let mut sums = [0, 0];
    for prompt in ["Hello", "[[tokens: 41]]", "A somewhat longer question, to be repeated."] {
        let answer = platform.admin.chat(&ask(prompt)).await.expect(200);
        let [input, .., output] = tokens(&platform.usage_of(&answer.request_id()).await);
        assert_eq!(
            (&answer.body["usage"]["prompt_tokens"], &answer.body["usage"]["completion_tokens"]),
            (&json!(input), &json!(output))
        );
        sums = [sums[0] + input, sums[1] + output];
    }
    let after = counted().await;
    assert_eq!([after[0] - before[0], after[1] - before[1]], sums);
}

async fn what_reached_no_model_costs_nothing(platform: &Platform) {
    let refused = platform.admin.chat(&json!({ "model": MODEL, "messages": [] })).await.expect(400);
    // Whatever the one before left behind is in the ledger when the one after is.
    let answer = platform.admin.chat(&ask("[[say: ok]]")).await.expect(200);
    platform.usage_of(&answer.request_id()).await;
    assert_eq!(platform.usage_records(&refused.request_id()).await, Vec::<Value>::new());
    // Roles that may not read usage do not.
    platform.caller("service").await.get("/v1/usage").await.expect(403);
}
