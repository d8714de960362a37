//! The tools of `/mcp` that call models, in both eras.

use outcrop_types::{CacheRule, Outcome, Permission, Rules, Scope};
use serde_json::{Value, json};

use crate::harness::{MODEL, Setup, TestApp};
use crate::mcp_client::{Mcp, misfits, tool};

/// Those of models, in the order in which they are listed.
const TOOLS: [&str; 7] = ["generate", "chat", "embed", "rerank", "count_tokens", "list_models", "usage_me"];

/// Calls a tool in both eras; whether the result fits the tool's own schema is looked at.
async fn both(app: &TestApp, name: &str, arguments: Value) -> [Value; 2] {
    let mut results = Vec::new();
    for client in Mcp::both(app).await {
        let listed = client.result("tools/list", json!({})).await;
        let result = client.call(name, arguments.clone()).await;
        assert_ne!(result["isError"], true, "{result}");
        let wrong = misfits(&tool(&listed, name)["outputSchema"], &result["structuredContent"]);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(result["_meta"]["outcrop/request_id"].is_string(), "{result}");
        results.push(result);
    }
    results.try_into().unwrap()
}

fn text(result: &Value) -> &str {
    assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn the_list_is_what_agents_were_told_before() {
    let app = TestApp::start().await;
    let [legacy, modern] = Mcp::both(&app).await;
    let listed = legacy.result("tools/list", json!({})).await;
    for name in TOOLS {
        let shown = serde_json::to_string_pretty(tool(&listed, name)).unwrap();
        insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(format!("tool_{name}"), shown) });
    }
    let names = |listed: &Value| -> Vec<String> {
        let tools = listed["tools"].as_array().unwrap();
        tools.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&listed)[..TOOLS.len()], TOOLS, "in this order, which prompt caches count on");
    assert_eq!(names(&listed), names(&modern.result("tools/list", json!({})).await));
}

#[tokio::test]
async fn every_property_is_described_and_no_other_is_taken() {
    let app = TestApp::start().await;
    let listed = Mcp::modern(&app, json!({})).result("tools/list", json!({})).await;
    for name in TOOLS {
        let tool = tool(&listed, name);
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
            for (property, schema) in schema["properties"].as_object().unwrap() {
                assert!(schema["description"].is_string(), "{name}: {property}");
            }
        }
        // Models' APIs refuse a tool, and every other with it, whose schema has one of these at its top.
        for word in ["oneOf", "anyOf", "allOf"] {
            assert!(tool["inputSchema"].get(word).is_none(), "{name}");
        }
        let hints = tool["annotations"].as_object().unwrap();
        assert_eq!(hints.len(), 4, "{name}");
    }
}

#[tokio::test]
async fn generate_answers_in_words() {
    let app = TestApp::start().await;
    let asked =
        json!({ "prompt": "[[say: Paris.]]", "system": "Be brief.", "max_tokens": 50, "temperature": 0 });
    for result in both(&app, "generate", asked).await {
        assert_eq!(text(&result), "Paris.");
        let told = &result["structuredContent"];
        assert_eq!(
            (&told["text"], &told["stop_reason"], &told["model"]),
            (&json!("Paris."), &json!("stop"), &json!(MODEL))
        );
        assert!(told["usage"]["input_tokens"].as_u64().unwrap() > 0, "{told}");
        assert_eq!(told["cost_usd"], result["_meta"]["outcrop/cost_usd"]);
        assert_ne!(told["cost_usd"], "0");
        assert!(result["_meta"]["outcrop/model"].as_str().unwrap().contains("haiku"));
    }
    let records = app.records(2).await;
    assert_eq!((records[0].outcome, records[0].dialect.as_str()), (Outcome::Completed, "mcp"));
}

#[tokio::test]
async fn generate_keeps_to_a_schema() {
    let app = TestApp::start().await;
    let schema = json!({
        "type": "object",
        "properties": { "city": { "type": "string" } },
        "required": ["city"],
        "additionalProperties": false,
    });
    for result in both(&app, "generate", json!({ "prompt": "Where?", "json_schema": schema })).await {
        let parsed = &result["structuredContent"]["json"];
        assert!(parsed["city"].is_string(), "{result}");
        assert_eq!(serde_json::from_str::<Value>(text(&result)).unwrap(), *parsed);
    }
}

#[tokio::test]
async fn chat_continues_a_conversation_and_sees_images() {
    let app = TestApp::start().await;
    let pixel =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, include_bytes!("pixel.png"));
    let messages = json!([
        { "role": "user", "content": "My name is Ada." },
        { "role": "assistant", "content": "Hello, Ada." },
        { "role": "user", "content": [
            { "type": "text", "text": "[[say: A pixel, Ada.]]" },
            { "type": "image", "data": pixel, "mimeType": "image/png" },
        ] },
    ]);
    for result in both(&app, "chat", json!({ "messages": messages, "system": "Be kind." })).await {
        assert_eq!(text(&result), "A pixel, Ada.");
        let read = result["structuredContent"]["usage"]["input_tokens"].as_u64().unwrap();
        assert!(read > 1500, "the image was read: {read}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_says_so() {
    let app = TestApp::start().await;
    for result in both(&app, "generate", json!({ "prompt": "[[tokens: 20]]", "max_tokens": 5.0 })).await {
        assert_eq!(result["structuredContent"]["stop_reason"], "length");
        assert_eq!(result["structuredContent"]["usage"]["output_tokens"], 5);
    }
}

#[tokio::test]
async fn embed_gives_vectors_to_programs_and_words_to_models() {
    let app = TestApp::start().await;
    let asked =
        json!({ "input": ["the cat sat", "a dog"], "model": "titan-embed-text-v2", "dimensions": 256 });
    for result in both(&app, "embed", asked).await {
        let told = &result["structuredContent"];
        let vectors = told["embeddings"].as_array().unwrap();
        assert_eq!((vectors.len(), vectors[1].as_array().unwrap().len()), (2, 256));
        assert_eq!((&told["dimensions"], &told["input_tokens"]), (&json!(256), &json!(5)));
        assert_eq!(text(&result), "Vectors made: 2, of 256 numbers each. They are in the structured result.");
    }
}

#[tokio::test]
async fn rerank_sorts_texts() {
    let app = TestApp::start().await;
    let asked = json!({
        "query": "where is the cat",
        "documents": ["stock prices fell", "the cat sat on the mat", "a cat and a dog"],
        "model": "cohere-rerank-v3-5",
        "top_n": 2,
        "return_documents": true,
    });
    for result in both(&app, "rerank", asked).await {
        let told = &result["structuredContent"];
        let order: Vec<_> = told["results"].as_array().unwrap().iter().map(|it| &it["index"]).collect();
        assert_eq!(order, [1, 2]);
        assert_eq!(told["results"][0]["document"], "the cat sat on the mat");
        assert_eq!(serde_json::from_str::<Value>(text(&result)).unwrap(), *told);
    }
}

#[tokio::test]
async fn tokens_are_counted_without_an_answer() {
    let app = TestApp::start().await;
    let messages = json!([{ "role": "user", "content": "How long is this?" }]);
    for asked in [json!({ "prompt": "How long is this?" }), json!({ "messages": messages })] {
        for result in both(&app, "count_tokens", asked).await {
            let told = &result["structuredContent"];
            assert!(told["input_tokens"].as_u64().unwrap() > 3, "{told}");
            assert_eq!((&told["exact"], &told["model"]), (&json!(true), &json!(MODEL)));
        }
    }
    assert!(app.ledger.records.lock().unwrap().is_empty(), "counting is no call");
}

#[tokio::test]
async fn models_are_those_of_the_http_api_and_can_be_narrowed_down() {
    let scope =
        Scope { models: vec!["claude-*".parse().unwrap(), "titan-*".parse().unwrap()], ..Scope::default() };
    let app = TestApp::with(Setup { scope, ..Setup::default() }).await;
    let over_http = app.get("/v1/models").await.json();
    let mut ids: Vec<_> = over_http["data"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
    ids.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    let listed = |result: &Value| -> Vec<Value> {
        let models = result["structuredContent"]["models"].as_array().unwrap();
        models.iter().map(|it| it["id"].clone()).collect()
    };
    for result in both(&app, "list_models", json!({})).await {
        assert_eq!(listed(&result), ids);
    }
    for result in both(&app, "list_models", json!({ "filter": "HAIKU-4-5", "capability": "vision" })).await {
        assert_eq!(listed(&result), [json!(MODEL)]);
        let model = &result["structuredContent"]["models"][0];
        assert!(model["output_usd_per_million_tokens"].is_string(), "{model}");
    }
    for result in both(&app, "list_models", json!({ "output": "embedding" })).await {
        assert!(listed(&result).iter().all(|it| it.as_str().unwrap().starts_with("titan-embed")), "{result}");
        assert!(!listed(&result).is_empty());
    }
}

/// The figures that stay the same from one moment to the next: what limits have left comes back with time.
fn steady(me: &Value) -> Value {
    let mut me = me.clone();
    for limit in me["limits"].as_array_mut().unwrap() {
        limit
            .as_object_mut()
            .unwrap()
            .retain(|name, _| ["level", "kind", "period", "limit"].contains(&name.as_str()));
    }
    me
}

#[tokio::test]
async fn usage_is_told_as_over_http() {
    let rules: Rules = serde_json::from_value(json!({
        "requests_per_minute": 100,
        "budgets": [{ "usd": "5", "period": "month" }],
    }))
    .unwrap();
    let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
    let client = Mcp::modern(&app, json!({}));
    client.call("generate", json!({ "prompt": "hi" })).await;
    app.records(1).await;
    for result in both(&app, "usage_me", json!({})).await {
        assert_eq!(result["structuredContent"]["by_subject"]["today"]["requests"], 1);
        assert_eq!(result["structuredContent"]["limits"].as_array().unwrap().len(), 2);
        assert_eq!(steady(&result["structuredContent"]), steady(&app.get("/v1/usage/me").await.json()));
    }
}

#[tokio::test]
async fn an_answer_that_is_kept_costs_nothing_again() {
    let rules = Rules { cache: Some(CacheRule::default()), ..Rules::default() };
    let app = TestApp::with(Setup { rules, ..Setup::default() }).await;
    let client = Mcp::modern(&app, json!({}));
    let asked = json!({ "prompt": "Say it again." });
    let first = client.call("generate", asked.clone()).await;
    assert_eq!(first["_meta"]["outcrop/cache"], "miss");
    let again = client.call("generate", asked).await;
    assert_eq!(again["_meta"]["outcrop/cache"], "hit");
    assert_eq!(again["structuredContent"]["cost_usd"], "0");
    assert_eq!(again["content"], first["content"]);
}

#[tokio::test]
async fn what_a_caller_may_not_do_is_neither_listed_nor_callable() {
    for (permissions, some) in [
        (vec![Permission::UseMcp], vec!["usage_me"]),
        (vec![Permission::UseMcp, Permission::ReadModels], vec!["list_models", "usage_me"]),
    ] {
        let scope = Scope { permissions: Some(permissions), ..Scope::default() };
        let app = TestApp::with(Setup { scope, ..Setup::default() }).await;
        for client in Mcp::both(&app).await {
            let listed = client.result("tools/list", json!({})).await;
            let names: Vec<_> =
                listed["tools"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
            assert_eq!(names, some);
            let refused = client
                .request("tools/call", json!({ "name": "generate", "arguments": { "prompt": "hi" } }))
                .await;
            assert_eq!(refused.answer["error"]["code"], -32602, "{refused:?}");
        }
        assert!(app.ledger.records.lock().unwrap().is_empty());
    }
}
