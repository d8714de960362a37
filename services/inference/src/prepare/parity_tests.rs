//! No field goes in silence. What a dialect's table calls `mapped` is taken out of every fixture that has it: for each kind
//! of model, the body that Bedrock is sent changes, or the field was named, or the request was refused.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use outcrop_bedrock::{BedrockModel, BedrockOptions};
use outcrop_ports::{ChatModel, ModelCall, ResolvedModel};
use outcrop_wire::openai::responses::Earlier;
use outcrop_wire::{anthropic, bedrock, openai};
use serde_json::{Value, json};

use super::property_tests::models;
use super::*;

/// Claude by a budget, Claude as it sees fit, Nova, one without thinking, one without tools too, one that hears.
const TARGETS: [&str; 6] = [
    "claude-haiku-4-5",
    "claude-opus-5-5",
    "nova-2-lite",
    "llama3-3-70b",
    "mistral-7b-instruct",
    "voxtral-mini-3b",
];

type Table = &'static [(&'static str, &'static str, &'static str)];

/// What a dialect makes of a body: the request, its fields, what was dropped, and what it keeps for the answer.
type Read = Result<(Request, Fields, Vec<&'static str>, String), InvalidRequest>;

struct Dialect {
    folder: &'static str,
    table: Table,
    read: fn(&Bytes) -> Read,
    /// What no fixture has that any of these models can be asked.
    unseen: &'static [&'static str],
}

fn chat(body: &Bytes) -> Read {
    let asked = openai::chat::parse(body)?;
    let side = format!("{:?}", (&asked.model, asked.stream, asked.include_usage));
    let fields = Fields::of_chat(&asked);
    let it = asked.into_chat()?;
    Ok((it.request, fields, it.dropped, format!("{side} {:?}", (it.choices, it.functions, it.tool_names))))
}

fn responses(body: &Bytes) -> Read {
    let asked = openai::responses::parse(body)?;
    let include = serde_json::from_slice::<Value>(body).map(|it| it["include"].clone());
    let side = format!("{:?}", (&asked.model, asked.stream, asked.store, include.ok()));
    let it = asked.into_chat("some-model", &Earlier::default())?;
    Ok((it.request, Fields::RESPONSES, it.dropped, format!("{side} {:?}", it.tools)))
}

fn messages(body: &Bytes) -> Read {
    let head = anthropic::head(body)?;
    let betas = anthropic::Betas::default();
    let it = anthropic::parse(body, anthropic::Version::default(), &betas, anthropic::Purpose::Answer)?;
    let side = format!("{head:?} {:?}", (it.tool_names, it.hide_thinking));
    Ok((it.request, Fields::ANTHROPIC, it.dropped, side))
}

fn converse(body: &Bytes) -> Read {
    let it = bedrock::parse(body)?;
    Ok((it.request, Fields::CONVERSE, Vec::new(), String::new()))
}

/// What becomes of a body for a model.
#[derive(Debug, PartialEq)]
enum Fate {
    Refused,
    Sent { sent: Bytes, dropped: Vec<&'static str>, side: String },
}

/// A Bedrock that only remembers what it was sent.
struct Memory {
    bedrock: BedrockModel,
    last: Arc<Mutex<Bytes>>,
}

impl Memory {
    fn start() -> Self {
        let last = Arc::new(Mutex::new(Bytes::new()));
        let state = web::Data::from(Arc::clone(&last));
        let server = HttpServer::new(move || {
            App::new().app_data(state.clone()).default_service(web::to(
                |last: web::Data<Mutex<Bytes>>, body: Bytes| async move {
                    *last.lock().unwrap() = body;
                    let message = json!({"role": "assistant", "content": [{"text": "ok"}]});
                    let usage = json!({"inputTokens": 1, "outputTokens": 1, "totalTokens": 2});
                    let output = json!({"message": message});
                    HttpResponse::Ok().json(json!({
                        "output": output, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1},
                    }))
                },
            ))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        let sdk = outcrop_aws::local_config(&url, "us-east-1");
        Self { bedrock: BedrockModel::new(&sdk, BedrockOptions::default()).unwrap(), last }
    }

    async fn fate(&self, dialect: &Dialect, model: &ResolvedModel, body: &Value) -> Fate {
        let Ok((request, fields, mut dropped, mut side)) = (dialect.read)(&Bytes::from(body.to_string()))
        else {
            return Fate::Refused;
        };
        let Ok(prepared) = for_model(request, &model.info, fields, &mut dropped) else {
            return Fate::Refused;
        };
        let _ = write!(side, "{:?} {:?}", prepared.told, prepared.reshape);
        let (request, deadline) = (prepared.request, Duration::from_secs(30));
        if self
            .bedrock
            .chat(ModelCall { model: model.clone(), request: request.into(), deadline })
            .await
            .is_err()
        {
            return Fate::Refused;
        }
        Fate::Sent { sent: self.last.lock().unwrap().clone(), dropped, side }
    }
}

/// Whether a value says what holds anyway, or nothing at all.
fn asks_for_nothing(field: &str, value: &Value) -> bool {
    let said = value.as_str().or_else(|| value.get("type").and_then(Value::as_str));
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) if fields.is_empty() => true,
        _ if ["reasoning_effort", "reasoning.effort", "thinking"].contains(&field) => {
            matches!(said, Some("none" | "disabled"))
        }
        _ => match field.rsplit('.').next().unwrap_or_default() {
            "parallel_tool_calls" => *value == true,
            "service_tier" | "auto" => said == Some("auto"),
            "tool_choice" | "toolChoice" => said == Some("auto") || value.get("auto").is_some(),
            "disabled" => true,
            "latency" => said == Some("standard"),
            "status" => said == Some("success"),
            "format" => said == Some("text"),
            "strict" => value.is_boolean(),
            // Thoughts are given as summaries, asked for or not.
            "summary" | "generate_summary" => true,
            // Blank text is left out, with its marks.
            "text" => value.get("text").and_then(Value::as_str).is_some_and(|it| it.trim().is_empty()),
            _ => false,
        },
    }
}

/// What another field of the same fixture says too, or decides: fixture and field.
const SAID_ELSEWHERE: [(&str, &str); 12] = [
    // Nothing can be called, which is emulated.
    ("tool_choice_none", "tools[]"),
    ("tool_choice_none", "tools[].function"),
    ("tool_choice_none_with_history", "tools[]"),
    ("tool_choice_none_with_history", "tools[].function"),
    ("tool_choice_allowed_tools", "tools[].function"),
    ("tools_empty", "tool_choice"),
    // A mark behind nothing but blank text, or where there is one already.
    ("cache_control_behind_nothing", "messages[].content[].cache_control"),
    ("cache_control_behind_nothing", "messages[].cache_control"),
    ("cache_control_automatic_beside", "messages[].content[].cache_control"),
    // An effort alone asks for thinking.
    ("thinking_adaptive", "thinking"),
    ("thinking_adaptive", "thinking.adaptive"),
    // The default, written out.
    ("options_left_at_their_defaults", "additionalModelRequestFields"),
];

/// Every value within a body that the table has a name for: where it is, and its names.
fn named(value: &Value, prefixes: &[String], pointer: &str, found: &mut Vec<(String, Vec<String>)>) {
    let mut names = prefixes.to_vec();
    let kinds = [value.get("type"), value.get("source").and_then(|it| it.get("type")), Some(value)];
    for kind in kinds.into_iter().flatten().filter_map(Value::as_str).filter(|it| it.len() < 40) {
        names.extend(names.clone().iter().map(|it| format!("{it}.{kind}")));
    }
    if !pointer.is_empty() {
        found.push((pointer.to_owned(), names.clone()));
    }
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let names: Vec<String> = names
                    .iter()
                    .map(|it| if it.is_empty() { key.clone() } else { format!("{it}.{key}") })
                    .collect();
                named(
                    inner,
                    &names,
                    &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(elements) => {
            let names: Vec<String> = names.iter().map(|it| format!("{it}[]")).collect();
            for (at, inner) in elements.iter().enumerate() {
                named(inner, &names, &format!("{pointer}/{at}"), found);
            }
        }
        _ => {}
    }
}

fn without(body: &Value, pointer: &str) -> Value {
    let mut body = body.clone();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Value::Array(elements) => {
            elements.remove(last.parse().unwrap());
        }
        _ => unreachable!(),
    }
    body
}

/// Whether what was dropped is this field, in as many words as either has.
fn names(dropped: &str, field: &str) -> bool {
    let field = field.replace("[]", "");
    let last = |it: &str| it.rsplit('.').next().unwrap_or_default().to_owned();
    field.starts_with(dropped) || dropped.starts_with(&field) || last(&field).contains(&last(dropped))
}

#[tokio::test]
async fn nothing_of_chat_goes_in_silence() {
    let (folder, table) = ("openai/chat", openai::chat::parity::FIELDS);
    let unseen = &["guardrail"];
    hold(&Dialect { folder, table, read: chat, unseen }).await;
}

#[tokio::test]
async fn nothing_of_responses_goes_in_silence() {
    let (folder, table) = ("openai/responses", openai::responses::parity::FIELDS);
    let unseen = &["input[].content[].input_file", "input[].content[].input_image"];
    hold(&Dialect { folder, table, read: responses, unseen }).await;
}

#[tokio::test]
async fn nothing_of_messages_goes_in_silence() {
    let (folder, table) = ("anthropic/messages", anthropic::parity::FIELDS);
    let unseen = &["messages[].role.system"];
    hold(&Dialect { folder, table, read: messages, unseen }).await;
}

#[tokio::test]
async fn nothing_of_converse_goes_in_silence() {
    let (folder, table) = ("bedrock/converse", bedrock::parity::FIELDS);
    let unseen = &[
        "messages[].content[].*.source.s3Location",
        "messages[].content[].audio",
        "messages[].content[].document.citations",
        "messages[].content[].document.context",
        "messages[].content[].document",
        "messages[].content[].video",
        "modelId",
    ];
    hold(&Dialect { folder, table, read: converse, unseen }).await;
}

/// Takes each field out of each fixture, for each kind of model.
async fn hold(dialect: &Dialect) {
    let memory = Memory::start();
    let models = models();
    let (mut silent, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for (fixture, body) in fixtures(dialect.folder) {
        let mapped = mapped(dialect.table, &body);
        for target in TARGETS {
            let model = models.iter().find(|it| it.info.id == target).unwrap();
            let Fate::Sent { sent, dropped, side } = memory.fate(dialect, model, &body).await else {
                continue;
            };
            for (pointer, field) in &mapped {
                seen.insert(*field);
                let nothing = asks_for_nothing(field, body.pointer(pointer).unwrap());
                let is_named = dropped.iter().any(|it| names(it, field));
                if nothing || is_named || SAID_ELSEWHERE.contains(&(&fixture, field)) {
                    continue;
                }
                let fate = memory.fate(dialect, model, &without(&body, pointer)).await;
                if matches!(&fate, Fate::Sent { sent: its, side: of, .. } if *its == sent && *of == side) {
                    silent.insert(format!("{fixture} {pointer} ({field}) {target}"));
                }
            }
        }
    }
    let all = dialect.table.iter().filter(|it| it.1 == "mapped").map(|it| it.0);
    let without: Vec<_> = all.filter(|it| !seen.contains(it) && !dialect.unseen.contains(it)).collect();
    assert!(silent.is_empty(), "these go in silence: {silent:#?}");
    assert!(without.is_empty(), "no fixture that can be sent has these: {without:?}");
}

/// Where a body has what the table calls `mapped`, and what that is called there.
fn mapped(table: Table, body: &Value) -> Vec<(String, &'static str)> {
    let mut places = Vec::new();
    named(body, &[String::new()], "", &mut places);
    let mapped = places.into_iter().filter_map(|(pointer, names)| {
        let entries = table.iter().filter(|entry| names.iter().any(|it| it == entry.0));
        let entries: Vec<_> = entries.collect();
        let field = entries.iter().map(|it| it.0).max_by_key(|it| it.len())?;
        entries.iter().all(|it| it.1 == "mapped").then_some((pointer, field))
    });
    mapped.collect()
}

fn fixtures(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/wire/fixtures").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "json"));
    files.sort();
    let read = |it: std::path::PathBuf| {
        let name = it.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&std::fs::read(it).unwrap()).unwrap())
    };
    files.into_iter().map(read).collect()
}
