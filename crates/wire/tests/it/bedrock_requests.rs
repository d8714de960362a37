//! Converse's requests, as conversations.

use outcrop_wire::bedrock::parse;
use serde_json::{Value, json};

use crate::show;

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, body) in show::fixtures("bedrock/converse") {
        let shown = show::request(&parse(&body).unwrap());
        show::check(&format!("bedrock_converse__{name}"), &show::pretty(&shown));
    }
}

/// A good request with one field of its first block, tool or of its own set to something else.
fn with(pointer: &str, field: &str, value: &Value) -> Value {
    let mut body = json!({
        "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
        "system": [{ "text": "Be brief." }],
        "inferenceConfig": { "maxTokens": 5 },
        "toolConfig": { "tools": [{ "toolSpec": { "name": "a", "inputSchema": { "json": {} } } }] },
    });
    body.pointer_mut(pointer).unwrap()[field] = value.clone();
    body
}

#[track_caller]
fn refused(body: &Value, param: &str, message: &str) {
    let error = parse(body.to_string().as_bytes()).unwrap_err();
    assert_eq!((error.param.as_deref(), error.message.as_str()), (Some(param), message), "{body}");
}

#[test]
fn what_is_not_served_is_refused_by_its_name() {
    for field in [
        "additionalModelRequestFields",
        "additionalModelResponseFieldPaths",
        "guardrailConfig",
        "outputConfig",
        "performanceConfig",
        "promptVariables",
        "serviceTier",
    ] {
        refused(&with("", field, &json!({})), field, &format!("`{field}` is not supported here."));
    }
    let blocks = [
        "audio",
        "cachePoint",
        "citationsContent",
        "document",
        "guardContent",
        "searchResult",
        "toolAddition",
        "toolRemoval",
        "video",
    ];
    let nested = [("system", "cachePoint"), ("system", "guardContent"), ("toolConfig/tools", "cachePoint")]
        .into_iter()
        .chain([("toolConfig/tools", "systemTool")])
        .chain(blocks.map(|block| ("messages/0/content", block)));
    for (list, kind) in nested {
        let (parent, field) = list.rsplit_once('/').map_or(("", list), |(parent, field)| (parent, field));
        let parent = if parent.is_empty() { String::new() } else { format!("/{parent}") };
        let body = with(&parent, field, &json!([{ kind: { "type": "default" } }]));
        let param = format!("{}[0].{kind}", list.replace("/0/", "[0].").replace('/', "."));
        refused(&body, &param, &format!("`{param}` is not supported here."));
    }
}

#[test]
fn so_is_what_is_not_served_within_a_block() {
    let image = json!({ "format": "png", "source": { "s3Location": { "uri": "s3://a/b" } } });
    let call = json!({ "toolUseId": "1", "name": "a", "input": {}, "type": "server_tool_use" });
    let result = |content: Value| json!({ "toolUseId": "1", "content": [content] });
    let cases = [
        (json!({ "image": image }), "image.source.s3Location"),
        (json!({ "toolUse": call }), "toolUse.type"),
        (json!({ "toolResult": result(json!({ "document": {} })) }), "toolResult.content[0].document"),
        (json!({ "toolResult": result(json!({ "video": {} })) }), "toolResult.content[0].video"),
        (
            json!({ "toolResult": result(json!({ "searchResult": {} })) }),
            "toolResult.content[0].searchResult",
        ),
    ];
    for (block, field) in cases {
        let param = format!("messages[0].content[0].{field}");
        let body = with("/messages/0", "content", &json!([block]));
        refused(&body, &param, &format!("`{param}` is not supported here."));
    }
    let strict = with("/toolConfig/tools/0/toolSpec", "strict", &json!(true));
    let param = "toolConfig.tools[0].toolSpec.strict";
    refused(&strict, param, &format!("`{param}` is not supported here."));
}

#[test]
fn what_is_wrong_is_named() {
    let block = |block: Value| with("/messages/0", "content", &json!([block]));
    let at = "messages[0].content[0]";
    let cases = [
        (json!({}), "messages", "`messages` is required."),
        (
            with("", "infrenceConfig", &json!({})),
            "infrenceConfig",
            "`infrenceConfig` is not a field of this request. Did you mean `inferenceConfig`?",
        ),
        (
            with("/inferenceConfig", "topK", &json!(5)),
            "inferenceConfig.topK",
            "`inferenceConfig.topK` is not a field of this request. Did you mean `topP`?",
        ),
        (
            with("/inferenceConfig", "maxTokens", &json!(0)),
            "inferenceConfig.maxTokens",
            "`inferenceConfig.maxTokens` must be at least 1.",
        ),
        (
            with("/inferenceConfig", "temperature", &json!(1.5)),
            "inferenceConfig.temperature",
            "`inferenceConfig.temperature` must be from 0 to 1, which is Bedrock's range, not 1.5.",
        ),
        (
            with("/inferenceConfig", "stopSequences", &json!(["a", ""])),
            "inferenceConfig.stopSequences",
            "`inferenceConfig.stopSequences` must not hold an empty text.",
        ),
        (
            with("/messages/0", "role", &json!("system")),
            "messages[0].role",
            "`messages[0].role` must be `user` or `assistant`, not `system`.",
        ),
        (
            with("/toolConfig", "tools", &json!([])),
            "toolConfig.tools",
            "`toolConfig.tools` must hold at least one tool.",
        ),
        (
            with("", "messages", &json!([["user", []]])),
            "messages[0]",
            "`messages[0]` must be an object, not an array.",
        ),
        (block(json!({})), at, "`messages[0].content[0]` must have exactly one member."),
        (
            block(json!({ "text": "a", "image": {} })),
            at,
            "`messages[0].content[0]` must have exactly one member.",
        ),
        (block(json!("Hi")), at, "`messages[0].content[0]` must be an object, not a string."),
        (
            block(json!({ "toolUse": { "toolUseId": "1", "name": "a", "input": "{}" } })),
            "messages[0].content[0].toolUse.input",
            "`messages[0].content[0].toolUse.input` must be an object, not a string.",
        ),
        (
            block(json!({ "image": { "format": "png", "source": { "bytes": "%" } } })),
            "messages[0].content[0].image.source.bytes",
            "`messages[0].content[0].image.source.bytes` must be bytes in base64.",
        ),
        (
            block(json!({ "image": { "format": "tiff", "source": { "bytes": "AA==" } } })),
            "messages[0].content[0].image.format",
            "`messages[0].content[0].image.format` must be one of `png`, `jpeg`, `gif`, `webp`, not `tiff`.",
        ),
    ];
    for (body, param, message) in cases {
        refused(&body, param, message);
    }
    let unknown = parse(block(json!({ "hologram": {} })).to_string().as_bytes()).unwrap_err();
    assert!(unknown.message.contains("not `hologram`"), "{unknown}");
}
