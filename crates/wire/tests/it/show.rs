//! A conversation as JSON that is good to read in a diff. Only for snapshots.

use std::path::{Path, PathBuf};

use outcrop_chat::{
    Block, Caching, Image, Message, Reasoning, Request, Role, SystemBlock, ToolChoice, ToolResultBlock,
    ToolSpec, Tools,
};
use serde_json::{Map, Value, json};

/// The fixtures of a folder, by name.
pub(crate) fn fixtures(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// Compares with `tests/snapshots/<name>.snap`.
pub(crate) fn check(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

pub(crate) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

pub(crate) fn request(request: &Request) -> Value {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| {
        if !matches!(&value, Value::Null) && value != json!([]) && value != json!({}) {
            shown.insert(key.into(), value);
        }
    };
    put("system", request.system.iter().map(system).collect());
    put("messages", request.messages.iter().map(message).collect());
    put("max_tokens", json!(request.inference.max_tokens));
    put("temperature", json!(request.inference.temperature));
    put("top_p", json!(request.inference.top_p));
    put("stop", json!(request.inference.stop));
    put("tools", request.tools.as_ref().map(tools).unwrap_or_default());
    put("top_k", json!(request.inference.top_k));
    put("reasoning", told(request.reasoning.as_ref()));
    put("output", told(request.output.as_ref()));
    put("service_tier", told(request.service_tier.as_ref()));
    put("optimized_latency", if request.optimized_latency { json!(true) } else { Value::Null });
    put("guardrail", told(request.guardrail.as_ref()));
    put("metadata", json!(request.metadata));
    put("additional", json!(request.additional));
    put("response_paths", json!(request.response_paths));
    let caching = Some(&request.caching).filter(|it| **it != Caching::default());
    put("caching", told(caching));
    Value::Object(shown)
}

/// A value as the debugger shows it, in one line.
fn told(value: Option<&impl std::fmt::Debug>) -> Value {
    value.map_or(Value::Null, |it| json!(format!("{it:?}")))
}

fn system(block: &SystemBlock) -> Value {
    match block {
        SystemBlock::Text(text) => json!(text),
        other => told(Some(other)),
    }
}

fn message(message: &Message) -> Value {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System => "system",
    };
    json!({ role: message.content.iter().map(block).collect::<Value>() })
}

fn block(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!(text),
        Block::Image(it) => image(it),
        Block::ToolUse(call) => json!({ "call": [call.id, call.name, call.input] }),
        Block::ToolResult(result) => {
            let content: Value = result
                .content
                .iter()
                .map(|it| match it {
                    ToolResultBlock::Text(text) => json!(text),
                    ToolResultBlock::Image(it) => image(it),
                    ToolResultBlock::Json(value) => json!({ "json": value }),
                    other => told(Some(other)),
                })
                .collect();
            json!({ "result": [result.id, content], "error": result.is_error })
        }
        Block::Reasoning(Reasoning::Text { text, signature }) => json!({ "thought": [text, signature] }),
        Block::Reasoning(Reasoning::Redacted(bytes)) => json!({ "thought": bytes.len() }),
        other => told(Some(other)),
    }
}

fn image(image: &Image) -> Value {
    json!({ "image": format!("{:?}, {} bytes", image.format, image.source.size()) })
}

fn spec(spec: &ToolSpec) -> Value {
    let mut shown = vec![json!(spec.name), json!(spec.description), json!(spec.input_schema)];
    if spec.strict {
        shown.push(json!("strict"));
    }
    shown.extend(spec.cache.map(|ttl| json!(format!("cached {}", ttl.name()))));
    json!(shown)
}

fn tools(tools: &Tools) -> Value {
    let specs: Value = tools.specs.iter().map(spec).collect();
    let choice = match &tools.choice {
        ToolChoice::Auto => "auto".to_owned(),
        ToolChoice::Any => "any".to_owned(),
        ToolChoice::Named(name) => format!("named {name}"),
    };
    let mut shown = json!({ "specs": specs, "choice": choice, "parallel": tools.parallel });
    if !tools.system.is_empty() {
        shown["system"] = json!(tools.system);
    }
    shown
}

/// Whether a request with this field had the fate that the table of fields says; `plain` is the request without it.
#[track_caller]
pub(crate) fn check_fate<T: PartialEq + std::fmt::Debug>(
    field: &str,
    fate: &str,
    read: Result<T, outcrop_chat::InvalidRequest>,
    plain: &T,
    dropped: impl Fn(&T) -> &[&'static str],
) {
    match (fate, read) {
        ("mapped" | "emulated", Ok(request)) => {
            assert_ne!(&request, plain, "{field} has no effect");
            assert!(dropped(&request).is_empty(), "{field}: {request:?}");
        }
        ("dropped", Ok(request)) => assert_eq!(dropped(&request), [field]),
        ("refused", Err(error)) => assert_eq!(error.param.as_deref(), Some(field), "{}", error.message),
        (fate, read) => panic!("{field} is not {fate}: {read:?}"),
    }
}
