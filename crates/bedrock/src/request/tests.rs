use outcrop_chat::{
    Audio, AudioFormat, CacheTtl, CitedText, Document, DocumentFormat, Effort, GuardedText, Guardrail, Image,
    ImageFormat, Inference, JsonSchema, OutputFormat, Reasoning, ReasoningMode, Role, SearchResult,
    ServiceTier, SystemBlock, ToolChoice, ToolResult, ToolSpec, ToolUse, Tools, Video, VideoFormat,
};
use outcrop_ports::{ModelCatalog, ModelFailure};
use serde_json::json;

use super::*;
use crate::{Catalog, CatalogOptions};

fn model(name: &str) -> ResolvedModel {
    let options = CatalogOptions {
        overrides: None,
        default_model: "nova-lite",
        region: "us-east-1",
        cross_region: None,
        allow_arns: true,
        ..CatalogOptions::default()
    };
    Catalog::load(&options).unwrap().resolve(Some(name)).unwrap()
}

fn say(blocks: Vec<Block>) -> Request {
    Request { messages: vec![Message { role: Role::User, content: blocks }], ..Request::default() }
}

fn hello() -> Request {
    say(vec![Block::Text("hello".into())])
}

fn picture() -> Image {
    Image { format: ImageFormat::Png, source: Source::Bytes(vec![1, 2, 3].into()) }
}

fn with_tool(choice: ToolChoice, parallel: Option<bool>) -> Request {
    let spec =
        ToolSpec { name: "add".into(), input_schema: json!({"type": "object"}), ..ToolSpec::default() };
    Request { tools: Some(Tools { specs: vec![spec], system: vec![], choice, parallel }), ..hello() }
}

fn infer(inference: Inference) -> Request {
    Request { inference, ..hello() }
}

/// The request is refused with this message.
#[track_caller]
fn refused(name: &str, request: &Request, expected: &str) {
    let error = translate(model(name), request, false).unwrap_err();
    assert_eq!((error.failure, error.message.as_str()), (ModelFailure::Invalid, expected));
}

#[test]
fn what_a_model_cannot_do_is_refused_by_name() {
    let warm = infer(Inference { temperature: Some(0.0), ..Inference::default() });
    refused("claude-opus-5", &warm, "`temperature` is not supported by model claude-opus-5");
    let top = infer(Inference { top_p: Some(1.0), ..Inference::default() });
    refused("gpt-6-sol", &top, "`top_p` is not supported by model gpt-6-sol");
    let stop = infer(Inference { stop: vec!["END".into()], ..Inference::default() });
    refused("grok-4.7", &stop, "`stop` is not supported by model grok-4.7");
    let tools = with_tool(ToolChoice::Auto, None);
    refused("deepseek-r1", &tools, "`tools` is not supported by model deepseek-r1");
    for choice in [ToolChoice::Any, ToolChoice::Named("add".into())] {
        let expected =
            "`tool_choice`: model llama3-3-70b cannot be made to call a tool; leave the choice to it";
        refused("llama3-3-70b", &with_tool(choice, None), expected);
    }
    let image = say(vec![Block::Image(picture())]);
    refused("nova-micro", &image, "`messages`: model nova-micro reads no images");
    let result =
        ToolResult { id: "t".into(), content: vec![ToolResultBlock::Image(picture())], is_error: false };
    let result = say(vec![Block::ToolResult(result)]);
    refused("gpt-oss-20b", &result, "`messages`: model gpt-oss-20b reads no images");
    refused(
        "cohere-embed-v4",
        &hello(),
        "`model`: cohere-embed-v4 writes no text; use it for embeddings, rankings or images",
    );
    for (field, mode) in [
        ("reasoning_effort", ReasoningMode::Budget(2000)),
        ("reasoning_effort", ReasoningMode::Adaptive(None)),
    ] {
        let request = Request { reasoning: Some(mode), ..hello() };
        refused("nova-lite", &request, &format!("`{field}` is not supported by model nova-lite"));
    }
    let few = infer(Inference { top_k: Some(3), ..Inference::default() });
    refused("llama3-3-70b", &few, "`top_k` is not supported by model llama3-3-70b");
    let schema = JsonSchema { name: "a".into(), description: None, schema: json!({}), strict: true };
    let held = Request { output: Some(OutputFormat::JsonSchema(schema)), ..hello() };
    refused("nova-lite", &held, "`response_format` is not supported by model nova-lite");
    assert!(translate(model("nova-lite"), &warm, false).is_ok(), "others take it");
}

/// The body that is sent.
#[track_caller]
fn sent(name: &str, request: &Request) -> String {
    String::from_utf8(translate(model(name), request, false).unwrap().body.to_vec()).unwrap()
}

/// A field of the body that is sent.
#[track_caller]
fn field(name: &str, request: &Request, pointer: &str) -> Option<Value> {
    let body: Value = serde_json::from_str(&sent(name, request)).unwrap();
    body.pointer(pointer).cloned()
}

#[test]
fn max_tokens_is_raised_to_what_the_model_takes() {
    let max_tokens = |name, asked| {
        let request = infer(Inference { max_tokens: Some(asked), ..Inference::default() });
        field(name, &request, "/inferenceConfig/maxTokens").unwrap()
    };
    assert_eq!(max_tokens("gpt-6-sol", 1), 16);
    assert_eq!(max_tokens("gpt-6-sol", 17), 17);
    assert_eq!(max_tokens("nova-lite", 1), 1);
    assert_eq!(max_tokens("nova-lite", u32::MAX), i32::MAX);
}

#[test]
fn what_is_not_asked_is_not_sent() {
    assert_eq!(sent("nova-lite", &hello()), r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#);
}

#[test]
fn numbers_are_sent_as_they_were_written() {
    let inference = Inference { temperature: Some(0.2), top_p: Some(0.9), ..Inference::default() };
    let body = sent("nova-lite", &infer(inference));
    assert!(body.contains(r#""inferenceConfig":{"temperature":0.2,"topP":0.9}"#), "{body}");
}

#[test]
fn only_claude_is_told_to_call_one_tool_at_a_time() {
    let additional = |name, choice, parallel| {
        let choice = field(name, &with_tool(choice, parallel), "/additionalModelRequestFields");
        choice.map(|it| it.to_string())
    };
    let with_type = r#"{"tool_choice":{"disable_parallel_tool_use":true,"type":"auto"}}"#;
    let without = r#"{"tool_choice":{"disable_parallel_tool_use":true}}"#;
    let claude = "claude-haiku-4-5";
    let sorted = |it: Option<String>| {
        it.map(|it| {
            let mut value: Value = serde_json::from_str(&it).unwrap();
            value.sort_all_objects();
            value.to_string()
        })
    };
    assert_eq!(sorted(additional(claude, ToolChoice::Auto, Some(false))).as_deref(), Some(with_type));
    assert_eq!(additional(claude, ToolChoice::Any, Some(false)).as_deref(), Some(without));
    assert_eq!(additional(claude, ToolChoice::Named("add".into()), Some(false)).as_deref(), Some(without));
    assert_eq!(additional(claude, ToolChoice::Auto, Some(true)), None);
    assert_eq!(additional(claude, ToolChoice::Auto, None), None);
    assert_eq!(additional("nova-lite", ToolChoice::Auto, Some(false)), None);
}

#[test]
fn each_family_is_told_in_its_own_fields() {
    let effort = |it| Request { reasoning: Some(ReasoningMode::Effort(it)), ..hello() };
    let few = infer(Inference { top_k: Some(3), ..Inference::default() });
    let cases = [
        ("claude-haiku-4-5", few.clone(), json!({"top_k": 3})),
        ("nova-lite", few, json!({"inferenceConfig": {"topK": 3}})),
        (
            "claude-haiku-4-5",
            effort(Effort::High),
            json!({"thinking": {"type": "enabled", "budget_tokens": 4096}}),
        ),
        (
            "claude-opus-4-6",
            effort(Effort::XHigh),
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ),
        (
            "claude-opus-5",
            effort(Effort::Max),
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
        ),
        ("claude-opus-5", effort(Effort::None), json!({"thinking": {"type": "disabled"}})),
        ("gpt-6-sol", effort(Effort::Minimal), json!({"reasoning": {"effort": "low"}})),
        ("gpt-6-sol", effort(Effort::None), json!({"reasoning": {"effort": "none"}})),
        ("gpt-oss-20b", effort(Effort::Max), json!({"reasoning_effort": "high"})),
        ("gpt-oss-20b", effort(Effort::None), json!({"reasoning_effort": "low"})),
        ("deepseek-v3", effort(Effort::Medium), json!({"reasoning_effort": "medium"})),
        (
            "nova-2-lite",
            effort(Effort::High),
            json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
        ),
    ];
    for (name, request, expected) in cases {
        let told = field(name, &request, "/additionalModelRequestFields").unwrap_or_default();
        assert_eq!(told, expected, "{name} {:?}", request.reasoning);
    }
}

#[test]
fn what_the_client_gives_itself_wins_over_what_is_derived() {
    let mut request = Request { reasoning: Some(ReasoningMode::Effort(Effort::Low)), ..hello() };
    let own = json!({"output_config": {"effort": "max", "format": {}}, "anthropic_beta": ["a"]});
    request.additional = own.as_object().unwrap().clone();
    let expected = json!({
        "thinking": {"type": "adaptive"}, "output_config": {"effort": "max", "format": {}}, "anthropic_beta": ["a"],
    });
    assert_eq!(field("claude-opus-5", &request, "/additionalModelRequestFields"), Some(expected));
}

#[test]
fn claude_is_asked_for_what_converse_does_not_tell() {
    let paths = |name: &str, request: &Request| field(name, request, "/additionalModelResponseFieldPaths");
    let mut request = Request { reasoning: Some(ReasoningMode::Effort(Effort::Low)), ..hello() };
    assert_eq!(paths("claude-haiku-4-5", &request), Some(json!([OUTPUT_DETAILS])));
    assert_eq!(paths("gpt-6-sol", &request), None);
    assert_eq!(paths("claude-haiku-4-5", &hello()), None);
    request.inference.stop = vec!["END".into()];
    request.response_paths = vec![STOP_SEQUENCE.into()];
    assert_eq!(paths("claude-haiku-4-5", &request), Some(json!([STOP_SEQUENCE, OUTPUT_DETAILS])));
    request.response_paths = (0..MOST_PATHS).map(|at| format!("/{at}")).collect();
    assert_eq!(paths("claude-haiku-4-5", &request).unwrap().as_array().unwrap().len(), MOST_PATHS);
}

#[test]
fn every_kind_of_block_has_its_shape() {
    let s3 = Source::S3 { uri: "s3://a/b".into(), bucket_owner: Some("1".into()) };
    let encoded = Source::Base64(Bytes::from_static(b"AQID"));
    let document = |source, citations| Document {
        format: Some(DocumentFormat::Pdf),
        name: "a".into(),
        source,
        context: Some("c".into()),
        citations,
    };
    let found =
        SearchResult { source: "s".into(), title: "t".into(), content: vec!["x".into()], citations: true };
    let guarded = GuardedText { text: "g".into(), qualifiers: vec!["query".into()] };
    let cited = CitedText { text: "c".into(), citations: vec![json!({"title": "t"})] };
    let result = |content| Block::ToolResult(ToolResult { id: "t".into(), content, is_error: true });
    let cases = [
        (Block::Image(picture()), json!({"image": {"format": "png", "source": {"bytes": "AQID"}}})),
        (
            Block::Image(Image { format: ImageFormat::Webp, source: encoded.clone() }),
            json!({"image": {"format": "webp", "source": {"bytes": "AQID"}}}),
        ),
        (
            Block::Video(Video { format: VideoFormat::ThreeGp, source: s3 }),
            json!({"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://a/b", "bucketOwner": "1"}}}}),
        ),
        (
            Block::Document(document(DocumentSource::File(encoded), true)),
            json!({"document": {"format": "pdf", "name": "a", "source": {"bytes": "AQID"}, "context": "c",
                "citations": {"enabled": true}}}),
        ),
        (
            Block::Document(document(DocumentSource::Parts(vec!["p".into()]), false)),
            json!({"document": {"format": "pdf", "name": "a", "source": {"content": [{"text": "p"}]}, "context": "c"}}),
        ),
        (Block::CachePoint(CacheTtl::OneHour), json!({"cachePoint": {"type": "default", "ttl": "1h"}})),
        (Block::CachePoint(CacheTtl::FiveMinutes), json!({"cachePoint": {"type": "default"}})),
        (Block::Guard(guarded), json!({"guardContent": {"text": {"text": "g", "qualifiers": ["query"]}}})),
        (
            Block::Cited(cited),
            json!({"citationsContent": {"content": [{"text": "c"}], "citations": [{"title": "t"}]}}),
        ),
        (
            Block::SearchResult(found),
            json!({"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}], "citations": {"enabled": true}}}),
        ),
        (
            Block::Reasoning(Reasoning::Redacted(Bytes::from_static(&[1, 2, 3]))),
            json!({"reasoningContent": {"redactedContent": "AQID"}}),
        ),
        (
            Block::ToolUse(ToolUse { id: "t".into(), name: "n".into(), input: json!({}) }),
            json!({"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}),
        ),
        (
            result(vec![ToolResultBlock::Json(json!({"a": 1})), ToolResultBlock::Json(json!([1]))]),
            json!({"toolResult": {"toolUseId": "t", "content": [{"json": {"a": 1}}, {"text": "[1]"}], "status": "error"}}),
        ),
    ];
    for (block, expected) in cases {
        assert_eq!(field("nova-lite", &say(vec![block]), "/messages/0/content/0"), Some(expected));
    }
    let sound = Audio { format: AudioFormat::XAac, source: Source::Bytes(Bytes::from_static(&[1, 2, 3])) };
    let expected = json!({"audio": {"format": "x-aac", "source": {"bytes": "AQID"}}});
    assert_eq!(
        field("voxtral-mini-3b", &say(vec![Block::Audio(sound)]), "/messages/0/content/0"),
        Some(expected)
    );
}

#[test]
fn settings_stand_where_converse_wants_them() {
    let schema = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let mut request = with_tool(ToolChoice::Named("add".into()), None);
    let tools = request.tools.as_mut().unwrap();
    tools.specs[0].cache = Some(CacheTtl::FiveMinutes);
    tools.specs[0].strict = true;
    tools.system = vec!["nova_grounding".into()];
    request.system = vec![SystemBlock::Text("s".into()), SystemBlock::CachePoint(CacheTtl::FiveMinutes)];
    request.output = Some(OutputFormat::JsonSchema(JsonSchema {
        name: "n".into(),
        description: None,
        schema: schema.clone(),
        strict: true,
    }));
    request.service_tier = Some(ServiceTier::Flex);
    request.optimized_latency = true;
    request.metadata.insert("team".into(), "blue".into());
    request.guardrail = Some(Guardrail {
        id: "g".into(),
        version: "1".into(),
        trace: Some("enabled".into()),
        stream_mode: Some("async".into()),
    });
    let body: Value = serde_json::from_str(&sent("claude-haiku-4-5", &request)).unwrap();
    let expected = json!({
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "add", "inputSchema": {"json": {"type": "object"}}, "strict": true}},
                {"cachePoint": {"type": "default"}},
                {"systemTool": {"name": "nova_grounding"}},
            ],
            "toolChoice": {"tool": {"name": "add"}},
        },
        "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "hello"}]}],
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
            "schema": schema.to_string(), "name": "n",
        }}}},
        "requestMetadata": {"team": "blue"},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "flex"},
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"},
    });
    assert_eq!(body, expected);
    let streamed = translate(model("claude-haiku-4-5"), &request, true).unwrap().body;
    let streamed: Value = serde_json::from_slice(&streamed).unwrap();
    assert_eq!(streamed["guardrailConfig"]["streamProcessingMode"], "async");
}

#[test]
fn a_body_is_made_in_one_piece() {
    let text = Bytes::from(vec![b'A'; 4 << 20]);
    let image = Image { format: ImageFormat::Png, source: Source::Base64(text.clone()) };
    let request = say(vec![Block::Image(image)]);
    let room = weight(&request);
    let body = translate(model("nova-lite"), &request, false).unwrap().body;
    assert!(body.len() <= room && room < text.len() + 4096, "{} in {room}", body.len());
}
