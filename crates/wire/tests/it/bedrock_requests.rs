//! Converse's requests, as conversations.

use bytes::Bytes;
use outcrop_chat::{Block, Source};
use outcrop_wire::bedrock::parity::FIELDS;
use outcrop_wire::bedrock::{Asked, Counted, S3Object, parse, parse_count};
use serde_json::{Value, json};

use crate::show;

#[test]
fn each_fixture_becomes_its_conversation() {
    for (name, body) in show::fixtures("bedrock/converse") {
        let Asked { request, s3 } = parse(&Bytes::from(body)).unwrap();
        let mut shown = show::request(&request);
        if !s3.is_empty() {
            shown["s3"] = s3.iter().map(|it| json!([it.param, it.uri])).collect();
        }
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

fn read(body: &Value) -> Result<Asked, outcrop_chat::InvalidRequest> {
    parse(&Bytes::from(body.to_string()))
}

#[track_caller]
fn refused(body: &Value, param: &str, message: &str) {
    let error = read(body).unwrap_err();
    assert_eq!((error.param.as_deref(), error.message.as_str()), (Some(param), message), "{body}");
}

#[test]
fn media_stay_where_they_are() {
    let image = json!({ "image": { "format": "png", "source": { "bytes": "iVBORw0KGgo=" } } });
    let body = Bytes::from(with("/messages/0", "content", &json!([image])).to_string());
    let asked = parse(&body).unwrap();
    let Block::Image(image) = &asked.request.messages[0].content[0] else { panic!("{asked:?}") };
    let Source::Base64(kept) = &image.source else { panic!("{image:?}") };
    let at = kept.as_ptr() as usize - body.as_ptr() as usize;
    assert_eq!(&body[at..at + kept.len()], b"iVBORw0KGgo=");
}

#[test]
fn escaped_media_are_read_too() {
    let body = r#"{"messages":[{"role":"user","content":[{"image":{"format":"jpeg","source":{"bytes":"\/9j\/"}}}]}]}"#;
    let asked = parse(&Bytes::from(body)).unwrap();
    let Block::Image(image) = &asked.request.messages[0].content[0] else { panic!("{asked:?}") };
    assert_eq!(image.source, Source::Base64(Bytes::from_static(b"/9j/")));
}

#[test]
fn a_count_is_of_a_conversation_or_of_a_body() {
    let converse = json!({
        "messages": [{ "role": "user", "content": [{ "document": {
            "name": "a", "source": { "s3Location": { "uri": "s3://a/b" } },
        } }] }],
        "system": [{ "text": "Be brief." }],
        "toolConfig": { "tools": [{ "toolSpec": { "name": "a", "inputSchema": { "json": {} } } }] },
        "additionalModelRequestFields": { "thinking": {} },
    });
    let count = |input: Value| parse_count(&Bytes::from(json!({ "input": input }).to_string()));
    let Counted::Converse(asked) = count(json!({ "converse": converse })).unwrap() else {
        panic!("a conversation")
    };
    assert_eq!((asked.request.system.len(), asked.request.additional.len()), (1, 1));
    assert!(asked.request.tools.is_some());
    let param = "input.converse.messages[0].content[0].document.source.s3Location";
    assert_eq!(asked.s3, [S3Object { param: param.into(), uri: "s3://a/b".into() }]);

    let counted = count(json!({ "invokeModel": { "body": "e30=" } })).unwrap();
    assert_eq!(counted, Counted::Invoke(Bytes::from_static(b"{}")));
    for (input, param) in [
        (json!({}), "input"),
        (json!({ "converse": { "messages": [], "inferenceConfig": {} } }), "input.converse.inferenceConfig"),
        (json!({ "invokeModel": { "body": "%" } }), "input.invokeModel.body"),
    ] {
        assert_eq!(count(input).unwrap_err().param.as_deref(), Some(param));
    }
}

/// Converse has them, and they are not served here.
#[test]
fn what_is_not_served_is_refused_by_its_name() {
    let image = json!({ "format": "png", "source": { "bytes": "iVBORw0KGgo=" } });
    let failed = |kind: &str, format: &str| json!({ kind: { "format": format, "source": { "bytes": "AAAA" }, "error": { "message": "no" } } });
    let call = json!({ "toolUseId": "1", "name": "a", "input": {}, "type": "server_tool_use" });
    let result = json!({ "toolUseId": "1", "content": [], "type": "web_search" });
    let reference = json!({ "tool": { "type": "tool", "name": "a" } });
    let block = |block: Value| with("/messages/0", "content", &json!([block]));
    let cases = [
        (with("", "promptVariables", &json!({})), "promptVariables"),
        (with("", "system", &json!([{ "guardContent": { "image": image } }])), "system[].guardContent.image"),
        (block(failed("image", "png")), "messages[].content[].image.error"),
        (block(failed("audio", "mp3")), "messages[].content[].audio.error"),
        (block(json!({ "toolUse": call })), "messages[].content[].toolUse.type"),
        (block(json!({ "toolResult": result })), "messages[].content[].toolResult.type"),
        (block(json!({ "guardContent": { "image": image } })), "messages[].content[].guardContent.image"),
        (block(json!({ "toolAddition": reference })), "messages[].content[].toolAddition"),
        (block(json!({ "toolRemoval": reference })), "messages[].content[].toolRemoval"),
    ];
    for (body, field) in &cases {
        let param = field.replace("[]", "[0]");
        refused(body, &param, &format!("`{param}` is not supported here."));
    }
    let mut refused: Vec<&str> = cases.iter().map(|(_, field)| *field).collect();
    let mut listed: Vec<&str> =
        FIELDS.iter().filter(|(_, fate, _)| *fate == "refused").map(|(field, ..)| *field).collect();
    refused.sort_unstable();
    listed.sort_unstable();
    assert_eq!(refused, listed, "each field that is refused is in the table, and no other");
}

/// The fixtures hold each field that the table promises to map.
#[test]
fn what_is_served_is_in_a_fixture() {
    let mut seen = std::collections::BTreeSet::new();
    for (_, body) in show::fixtures("bedrock/converse") {
        paths("", &serde_json::from_slice(&body).unwrap(), &mut seen);
    }
    for (field, fate, _) in FIELDS {
        let known = match field.split_once(".*.") {
            Some((before, after)) => seen.iter().any(|it| it.starts_with(before) && it.ends_with(after)),
            None => seen.contains(*field),
        };
        assert!(*fate == "refused" || *field == "modelId" || known, "{field} is in no fixture");
    }
}

/// Each place in a value, `[]` for any element.
fn paths(at: &str, value: &Value, seen: &mut std::collections::BTreeSet<String>) {
    seen.insert(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                paths(&format!("{at}{}{name}", if at.is_empty() { "" } else { "." }), value, seen);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|it| paths(&format!("{at}[]"), it, seen)),
        _ => {}
    }
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
            with("/messages/0", "role", &json!("tool")),
            "messages[0].role",
            "`messages[0].role` must be one of `user`, `assistant`, `system`, not `tool`.",
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
    let unknown = read(&block(json!({ "hologram": {} }))).unwrap_err();
    assert!(unknown.message.contains("not `hologram`"), "{unknown}");
}

#[test]
fn options_are_held_to_their_limits() {
    let top = |field: &str, value: Value| with("", field, &value);
    let pairs = |count: usize| (0..count).map(|it| (it.to_string(), json!("v"))).collect::<Value>();
    let pair = |key: &str, value: &str| json!({ key: value });
    let long = "k".repeat(257);
    let metadata = "`requestMetadata` must hold keys of 1 to 256 and values of up to 256 of the characters \
                    `a-z A-Z 0-9 : _ @ $ # = / + , - .` and white space.";
    let schema = |text: &str| {
        let structure = json!({ "jsonSchema": { "schema": text } });
        json!({ "textFormat": { "type": "json_schema", "structure": structure } })
    };
    let at = "outputConfig.textFormat.structure.jsonSchema.schema";
    let tool = json!({ "toolSpec": { "name": "a", "inputSchema": { "json": {} } } });
    let point = json!({ "cachePoint": { "type": "default" } });
    let tools = |list: Value| with("/toolConfig", "tools", &list);
    let misplaced = "must stand right behind a `toolSpec`, and before any `systemTool`.";
    let cases = [
        (
            top("requestMetadata", pairs(0)),
            "requestMetadata",
            "`requestMetadata` must hold 1 to 16 pairs, not 0.",
        ),
        (
            top("requestMetadata", pairs(17)),
            "requestMetadata",
            "`requestMetadata` must hold 1 to 16 pairs, not 17.",
        ),
        (top("requestMetadata", pair("", "v")), "requestMetadata", metadata),
        (top("requestMetadata", pair(&long, "v")), "requestMetadata", metadata),
        (top("requestMetadata", pair("k", "ü")), "requestMetadata", metadata),
        (
            top("additionalModelResponseFieldPaths", json!(["/a", "b"])),
            "additionalModelResponseFieldPaths[1]",
            "`additionalModelResponseFieldPaths[1]` must be a JSON pointer: a slash and at most 255 more characters.",
        ),
        (
            top("additionalModelResponseFieldPaths", json!(vec!["/a"; 11])),
            "additionalModelResponseFieldPaths",
            "`additionalModelResponseFieldPaths` must hold at most 10 paths, not 11.",
        ),
        (
            top("additionalModelRequestFields", json!([])),
            "additionalModelRequestFields",
            "`additionalModelRequestFields` must be an object, not an array.",
        ),
        (
            top("serviceTier", json!({ "type": "gold" })),
            "serviceTier.type",
            "`serviceTier.type` must be one of `priority`, `default`, `flex`, `reserved`, not `gold`.",
        ),
        (
            top("performanceConfig", json!({ "latency": "low" })),
            "performanceConfig.latency",
            "`performanceConfig.latency` must be `standard` or `optimized`, not `low`.",
        ),
        (
            top("guardrailConfig", json!({ "trace": "enabled" })),
            "guardrailConfig.guardrailIdentifier",
            "`guardrailConfig.guardrailIdentifier` is required.",
        ),
        (
            top("outputConfig", json!({ "effort": "none" })),
            "outputConfig.effort",
            "`outputConfig.effort` must be one of `low`, `medium`, `high`, `xhigh`, `max`, not `none`.",
        ),
        (top("outputConfig", schema("[]")), at, &format!("`{at}` must be a JSON object in a string.")),
        (
            top("outputConfig", schema(&"[".repeat(65))),
            at,
            &format!("`{at}` is nested deeper than 64 levels."),
        ),
        (
            tools(json!([point, tool])),
            "toolConfig.tools[0].cachePoint",
            &format!("`toolConfig.tools[0].cachePoint` {misplaced}"),
        ),
        (
            tools(json!([tool, point, point])),
            "toolConfig.tools[2].cachePoint",
            &format!("`toolConfig.tools[2].cachePoint` {misplaced}"),
        ),
        (
            with("", "system", &json!([{ "cachePoint": { "type": "default", "ttl": "2h" } }])),
            "system[0].cachePoint.ttl",
            "`system[0].cachePoint.ttl` must be `5m` or `1h`, not `2h`.",
        ),
    ];
    for (body, param, message) in &cases {
        refused(body, param, message);
    }
}
