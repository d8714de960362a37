//! What stands beside the conversation: parameters, caching, structured output, reasoning, guardrails.

use super::*;

#[test]
fn inference_parameters() {
    let set = |value: Value| with("inferenceConfig", value);
    for tokens in [0, -1] {
        refused(CLAUDE, set(json!({"maxTokens": tokens})), "'inferenceConfig.maxTokens'");
    }
    refused(CLAUDE, set(json!({"maxTokens": 1_000_000})), "model limit of 64000");
    refused(GPT, set(json!({"maxTokens": 15})), "Expected a value >= 16");
    accepted(GPT, set(json!({"maxTokens": 16})));
    refused_as(Exception::Serialization, CLAUDE, set(json!({"maxTokens": "1"})), "inferenceConfig.maxTokens");
    refused(CLAUDE, set(json!({"temperature": 1.1})), "'inferenceConfig.temperature'");
    refused(CLAUDE, set(json!({"temperature": -0.1})), "'inferenceConfig.temperature'");
    refused(CLAUDE, set(json!({"topP": 2})), "'inferenceConfig.topP'");
    refused(CLAUDE, set(json!({"temperature": 0.5, "topP": 0.5})), "cannot both be specified");
    for model in [OPUS, GPT] {
        refused(model, set(json!({"temperature": 0.5})), "`temperature` is deprecated");
        refused(model, set(json!({"topP": 0.5})), "`top_p` is deprecated");
    }
    refused(CLAUDE, set(json!({"stopSequences": [""]})), "'inferenceConfig.stopSequences.1.member'");
    refused(CLAUDE, set(json!({"stopSequences": vec!["a"; 2501]})), "'inferenceConfig.stopSequences'");
    refused(GPT, set(json!({"stopSequences": ["a"]})), "inferenceConfig.stopSequences");
    refused("us.xai.grok-4.7", set(json!({"stopSequences": ["a"]})), "inferenceConfig.stopSequences");
    refused(NOVA, set(json!({"stopSequences": ["a", "b", "c", "d", "e"]})), "maximum item count: 4");
}

#[test]
fn caching_metadata_and_settings() {
    let point = json!({"cachePoint": {"type": "default"}});
    let points = |count: usize| {
        let system: Vec<_> = (0..count).flat_map(|_| [text("a"), point.clone()]).collect();
        with("system", json!(system))
    };
    accepted(CLAUDE, points(4));
    refused(CLAUDE, points(5), "Found 5 cachePoint");
    refused_as(Exception::AccessDenied, LLAMA, points(1), "prompt caching");
    refused(
        CLAUDE,
        with("system", json!([text("a"), {"cachePoint": {"type": "special"}}])),
        "cachePoint.type",
    );
    refused(
        CLAUDE,
        with("system", json!([text("a"), {"cachePoint": {"type": "default", "ttl": "2h"}}])),
        "cachePoint.ttl",
    );
    refused(CLAUDE, json!({"messages": [user(json!([point]))]}), "no content before it");
    refused(CLAUDE, with("requestMetadata", json!({})), "requestMetadata");
    let many: serde_json::Map<_, _> = (0..17).map(|it| (format!("k{it}"), json!("v"))).collect();
    refused(CLAUDE, with("requestMetadata", json!(many)), "requestMetadata");
    for (key, value) in [("", "v"), ("k", "ü"), ("k!", "v"), ("k", &*"v".repeat(257))] {
        refused(CLAUDE, with("requestMetadata", json!({key: value})), "requestMetadata");
    }
    refused(CLAUDE, with("serviceTier", json!({"type": "gold"})), "'serviceTier.type'");
    refused(CLAUDE, with("performanceConfig", json!({"latency": "fast"})), "'performanceConfig.latency'");
    refused(CLAUDE, with("guardrailConfig", json!({"guardrailIdentifier": "a"})), "guardrailVersion");
    refused(
        CLAUDE,
        with("additionalModelResponseFieldPaths", json!(vec!["/a"; 11])),
        "additionalModelResponseFieldPaths",
    );
    refused(CLAUDE, with("additionalModelResponseFieldPaths", json!(["a"])), "JSON Pointer");
    refused(CLAUDE, with("outputConfig", json!({"effort": "extraordinarily-high"})), "'outputConfig.effort'");
}

#[test]
fn structured_output() {
    let format = |schema: &str| {
        with(
            "outputConfig",
            json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}}),
        )
    };
    let good = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
    accepted(CLAUDE, format(good));
    refused(NOVA, format(good), "outputConfig.textFormat");
    refused(CLAUDE, format("{"), "is not valid JSON");
    refused(CLAUDE, format(r#"{"type":"object","properties":{}}"#), "additionalProperties");
    refused(
        CLAUDE,
        format(
            r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"additionalProperties":false}"#,
        ),
        "'minimum' is not supported",
    );
    refused(
        CLAUDE,
        with("outputConfig", json!({"textFormat": {"type": "xml"}})),
        "'outputConfig.textFormat.type'",
    );
}

#[test]
fn reasoning() {
    let fields = |value: Value| with("additionalModelRequestFields", value);
    refused(CLAUDE, fields(json!([1])), "additionalModelRequestFields");
    accepted(CLAUDE, fields(json!({"thinking": {"type": "enabled", "budget_tokens": 1024}})));
    refused(
        CLAUDE,
        fields(json!({"thinking": {"type": "enabled", "budget_tokens": 1023}})),
        "greater than or equal to 1024",
    );
    refused(CLAUDE, fields(json!({"thinking": {"type": "adaptive"}})), "thinking.type");
    refused(
        OPUS,
        fields(json!({"thinking": {"type": "enabled", "budget_tokens": 2000}})),
        "thinking.type.adaptive",
    );
    accepted(OPUS, fields(json!({"thinking": {"type": "adaptive"}})));
    refused(OPUS, fields(json!({"top_k": 5})), "top_k");
    refused(R1, fields(json!({"reasoning_effort": "low"})), "always reasons");
    let mut hot = fields(json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}));
    hot["inferenceConfig"] = json!({"temperature": 0.5});
    refused(CLAUDE, hot.clone(), "`temperature` may only be set to 1");
    hot["inferenceConfig"] = json!({"maxTokens": 1000});
    refused(CLAUDE, hot, "`max_tokens` must be greater than");
    let mut forced = fields(json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}));
    forced["toolConfig"] = weather();
    forced["toolConfig"]["toolChoice"] = json!({"any": {}});
    refused(CLAUDE, forced, "forces tool use");
    let replay = |thought: Value| {
        let mut body = history(json!([thought, call("a")]), json!([result("a")]));
        body["additionalModelRequestFields"] =
            json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
        body
    };
    let signed = crate::answer::signature("hm");
    accepted(
        CLAUDE,
        replay(json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": signed}}})),
    );
    refused(
        CLAUDE,
        replay(json!({"reasoningContent": {"reasoningText": {"text": "ha", "signature": signed}}})),
        "Invalid `signature`",
    );
    refused(
        CLAUDE,
        replay(json!({"reasoningContent": {"reasoningText": {"text": "hm"}}})),
        "signature: Field required",
    );
    refused(CLAUDE, replay(text("no thought")), "Expected `thinking`");
}

#[test]
fn embedding_models_do_not_converse() {
    refused("amazon.titan-embed-text-v2:0", json!({"messages": ask()}), "doesn't support the model");
}

#[test]
fn cache_points_by_model() {
    let point = |ttl: &str| json!([text("long"), {"cachePoint": {"type": "default", "ttl": ttl}}]);
    let ask = |content: Value| json!({"messages": [user(content)]});
    accepted(CLAUDE, ask(point("1h")));
    accepted(NOVA, ask(point("5m")));
    let two = |first: &str, second: &str| {
        let blocks: Vec<_> =
            [first, second].map(point).iter().flat_map(|it| it.as_array().unwrap().clone()).collect();
        ask(json!(blocks))
    };
    accepted(CLAUDE, two("1h", "5m"));
    refused(CLAUDE, two("5m", "1h"), "must not come after a ttl='5m'");
    refused(NOVA, ask(point("1h")), "cachePoint.ttl");
    let tool = json!({"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}}});
    let tools = json!({"tools": [tool, {"cachePoint": {"type": "default"}}]});
    accepted(CLAUDE, json!({"messages": ask(json!([text("hi")]))["messages"], "toolConfig": tools}));
    refused(
        NOVA,
        json!({"messages": ask(json!([text("hi")]))["messages"], "toolConfig": tools}),
        "cachePoint field of tools",
    );
}

#[test]
fn guardrails_have_names_and_versions() {
    let with = |id: &str, version: &str| {
        let config = json!({"guardrailIdentifier": id, "guardrailVersion": version});
        json!({"messages": [user(json!([text("hi")]))], "guardrailConfig": config})
    };
    accepted(CLAUDE, with("gr1", "DRAFT"));
    accepted(CLAUDE, with("arn:aws:bedrock:us-east-1:111122223333:guardrail/gr1", "12"));
    refused(CLAUDE, with("Gr 1", "1"), "guardrailConfig.guardrailIdentifier");
    for version in ["0", "draft", "123456789", ""] {
        refused(CLAUDE, with("gr1", version), "guardrailConfig.guardrailVersion");
    }
}
