//! One row per rule: a request that breaks it, and what the refusal must say.
#![expect(clippy::needless_pass_by_value, reason = "tables of literals read better without references")]

mod settings;

use super::check;
use crate::converse::request::Request;
use crate::errors::Exception;
use crate::models::Catalog;
use serde_json::{Value, json};

const CLAUDE: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const OPUS: &str = "us.anthropic.claude-opus-5-5";
const NOVA: &str = "amazon.nova-lite-v1:0";
const LLAMA: &str = "us.meta.llama3-3-70b-instruct-v1:0";
const GPT: &str = "us.openai.gpt-6-sol";
const R1: &str = "us.deepseek.r1-v1:0";
/// The first bytes of a PNG.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB";

fn outcome(model: &str, body: &Value) -> Result<(), (Exception, String)> {
    let catalog = Catalog::load().unwrap();
    let model = catalog.invoked(model).unwrap();
    let text = body.to_string();
    let refused = |it: crate::errors::Refusal| (it.exception, it.message.into_owned());
    let request: Request<'_> = crate::body::parse(text.as_bytes()).map_err(refused)?;
    check(model, &request).map(|_| ()).map_err(refused)
}

#[track_caller]
fn refused(model: &str, body: Value, fragment: &str) {
    refused_as(Exception::Validation, model, body, fragment);
}

#[track_caller]
fn refused_as(exception: Exception, model: &str, body: Value, fragment: &str) {
    let (found, message) = outcome(model, &body).expect_err(&body.to_string());
    assert_eq!(found, exception, "{message}");
    assert!(message.contains(fragment), "{message:?} does not say {fragment:?}");
}

#[track_caller]
fn accepted(model: &str, body: Value) {
    assert_eq!(outcome(model, &body), Ok(()), "{body}");
}

fn user(content: Value) -> Value {
    json!({"role": "user", "content": content})
}

fn assistant(content: Value) -> Value {
    json!({"role": "assistant", "content": content})
}

fn text(text: &str) -> Value {
    json!({"text": text})
}

fn ask() -> Value {
    json!([user(json!([text("hi")]))])
}

/// A request with one more member.
fn with(member: &str, value: Value) -> Value {
    let mut body = json!({"messages": ask()});
    body[member] = value;
    body
}

fn tools(spec: Value) -> Value {
    json!({"tools": [{"toolSpec": spec}]})
}

fn weather() -> Value {
    tools(json!({"name": "weather", "inputSchema": {"json": {"type": "object"}}}))
}

fn call(id: &str) -> Value {
    json!({"toolUse": {"toolUseId": id, "name": "weather", "input": {}}})
}

fn result(id: &str) -> Value {
    json!({"toolResult": {"toolUseId": id, "content": [{"text": "rain"}]}})
}

fn history(calls: Value, results: Value) -> Value {
    json!({"messages": [user(json!([text("hi")])), assistant(calls), user(results)], "toolConfig": weather()})
}

#[test]
fn what_bedrock_accepts() {
    accepted(CLAUDE, json!({"messages": ask()}));
    accepted(CLAUDE, with("system", json!([text("be brief")])));
    accepted(
        CLAUDE,
        history(
            json!([text("let me see"), call("a"), call("b")]),
            json!([result("b"), result("a"), text("go on")]),
        ),
    );
    accepted(CLAUDE, with("unknownMember", json!(1)));
    accepted(CLAUDE, json!({"messages": [user(json!([text("a")])), assistant(json!([text("b")]))]}));
    accepted(
        NOVA,
        with("inferenceConfig", json!({"maxTokens": 1, "temperature": 0, "topP": 1, "stopSequences": ["x"]})),
    );
    accepted(
        NOVA,
        json!({"messages": [user(json!([text("see"), {"image": {"format": "png", "source": {"bytes": PNG}}}]))]}),
    );
    accepted(CLAUDE, with("requestMetadata", json!({"team": "blue", "empty": ""})));
    accepted(
        OPUS,
        json!({"messages": [user(json!([text("a")])), {"role": "system", "content": [text("b")]}]}),
    );
}

#[test]
fn messages_and_roles() {
    let alternate = "must alternate between user and assistant";
    refused(CLAUDE, json!({"messages": []}), "must start with a user message");
    refused(CLAUDE, json!({}), "must start with a user message");
    refused(CLAUDE, json!({"messages": [assistant(json!([text("hi")]))]}), "must start with a user message");
    refused(CLAUDE, json!({"messages": [user(json!([text("a")])), user(json!([text("b")]))]}), alternate);
    refused(
        CLAUDE,
        json!({"messages": [user(json!([text("a")])), assistant(json!([text("b")])), assistant(json!([text("c")]))]}),
        alternate,
    );
    refused(
        CLAUDE,
        json!({"messages": [{"role": "tool", "content": [text("a")]}]}),
        "'messages.1.member.role'",
    );
    refused(CLAUDE, json!({"messages": [{"content": [text("a")]}]}), "'messages.1.member.role'");
    refused(CLAUDE, json!({"messages": [user(json!([]))]}), "messages.0 is empty");
    refused(
        CLAUDE,
        json!({"messages": [user(json!([text("a")])), {"role": "system", "content": [text("b")]}]}),
        "system role",
    );
    refused(OPUS, json!({"messages": [user(json!([text("a")])), assistant(json!([text("b")]))]}), "prefill");
    refused(
        CLAUDE,
        json!({"messages": [user(json!([text("a")])), assistant(json!([text("b ")]))]}),
        "trailing whitespace",
    );
}

#[test]
fn blocks() {
    for blank in ["", " ", "\n\t"] {
        refused(CLAUDE, json!({"messages": [user(json!([text(blank)]))]}), "messages.0.content.0 is blank");
    }
    refused(CLAUDE, json!({"messages": [user(json!([{}]))]}), "messages.0.content.0 must set one of");
    refused(
        CLAUDE,
        json!({"messages": [user(json!([{"novelty": {}}]))]}),
        "messages.0.content.0 must set one of",
    );
    let two = json!({"messages": [user(json!([{"text": "a", "image": {}}]))]});
    refused_as(Exception::Serialization, CLAUDE, two, "messages[0].content[0]");
    refused_as(
        Exception::Serialization,
        CLAUDE,
        json!({"messages": [user(json!([{"text": 1}]))]}),
        "messages[0].content[0].text",
    );
    refused_as(Exception::Serialization, CLAUDE, json!({"messages": "hi"}), "messages");
    refused(CLAUDE, with("system", json!([text("")])), "'system.1.member.text'");
    refused(CLAUDE, with("system", json!([text(" ")])), "system.0 is blank");
    refused("mistral.mistral-7b-instruct-v0:2", with("system", json!([text("a")])), "system messages");
    let thought = json!({"reasoningContent": {"reasoningText": {"text": "a"}}});
    refused(CLAUDE, json!({"messages": [user(json!([thought]))]}), "messages.0.content.0");
}

#[test]
fn tool_configuration() {
    let schema = json!({"json": {"type": "object"}});
    let spec = |name: &str| tools(json!({"name": name, "inputSchema": schema}));
    refused(CLAUDE, with("toolConfig", json!({"tools": []})), "'toolConfig.tools'");
    refused(CLAUDE, with("toolConfig", json!({})), "'toolConfig.tools'");
    for name in ["", "a.b", "a b", "é", &"x".repeat(65)] {
        refused(CLAUDE, with("toolConfig", spec(name)), "'toolConfig.tools.1.member.toolSpec.name'");
    }
    accepted(CLAUDE, with("toolConfig", spec(&"x".repeat(64))));
    refused(CLAUDE, with("toolConfig", tools(json!({"name": "a"}))), "inputSchema");
    refused(
        CLAUDE,
        with("toolConfig", tools(json!({"name": "a", "inputSchema": {"json": "x"}}))),
        "inputSchema.json",
    );
    refused(
        CLAUDE,
        with("toolConfig", tools(json!({"name": "a", "inputSchema": {"json": {"type": "array"}}}))),
        "inputSchema.json.type",
    );
    let empty = tools(json!({"name": "a", "description": "", "inputSchema": schema}));
    refused(CLAUDE, with("toolConfig", empty), "'toolConfig.tools.1.member.toolSpec.description'");
    let same = json!({"toolSpec": {"name": "a", "inputSchema": schema}});
    refused(CLAUDE, with("toolConfig", json!({"tools": [same, same]})), "unique");
    refused(R1, with("toolConfig", weather()), "doesn't support tool use");
    let mut choice = weather();
    choice["toolChoice"] = json!({"tool": {"name": "other"}});
    refused(CLAUDE, with("toolConfig", choice.clone()), "toolConfig.toolChoice.tool.name");
    choice["toolChoice"] = json!({"none": {}});
    refused(CLAUDE, with("toolConfig", choice.clone()), "auto, any, tool");
    choice["toolChoice"] = json!({"any": {}});
    accepted(CLAUDE, with("toolConfig", choice.clone()));
    refused(OPUS, with("toolConfig", choice.clone()), "toolConfig.toolChoice.any");
    refused(LLAMA, with("toolConfig", choice), "toolConfig.toolChoice.any");
    let strict = tools(json!({"name": "a", "strict": true, "inputSchema": schema}));
    refused(CLAUDE, with("toolConfig", strict.clone()), "additionalProperties");
    refused(NOVA, with("toolConfig", strict), "strict");
}

#[test]
fn tool_calls_and_their_results() {
    let mut without = history(json!([call("a")]), json!([result("a")]));
    without.as_object_mut().unwrap().remove("toolConfig");
    refused(CLAUDE, without, "The toolConfig field must be defined");
    refused(
        CLAUDE,
        history(json!([call("a"), call("b")]), json!([result("a")])),
        "Expected toolResult blocks at messages.2.content for the following Ids: b",
    );
    refused(CLAUDE, history(json!([call("a")]), json!([text("no")])), "following Ids: a");
    refused(
        CLAUDE,
        history(json!([call("a")]), json!([result("a"), result("b")])),
        "exceeds the number of toolUse blocks",
    );
    refused(CLAUDE, history(json!([call("a")]), json!([result("c")])), "following Ids: a");
    refused(CLAUDE, history(json!([call("a"), call("a")]), json!([result("a")])), "duplicate Ids: a");
    refused(
        CLAUDE,
        history(json!([call("a"), call("b")]), json!([result("a"), result("a")])),
        "duplicate Ids: a",
    );
    refused(CLAUDE, history(json!([text("x")]), json!([result("a")])), "exceeds the number");
    refused(CLAUDE, history(json!([call("a")]), json!([text("first"), result("a")])), "must come first");
    refused(CLAUDE, history(json!([call("a"), text("late")]), json!([result("a")])), "before `tool_use`");
    for id in ["", "a b", "é", &"x".repeat(65)] {
        refused(CLAUDE, history(json!([call(id)]), json!([result(id)])), "toolUse.toolUseId");
    }
    accepted(CLAUDE, history(json!([call("a_.:-9")]), json!([result("a_.:-9")])));
    let odd = |input: Value| json!([{"toolUse": {"toolUseId": "a", "name": "weather", "input": input}}]);
    for input in [json!("{}"), json!([]), json!(1)] {
        refused(CLAUDE, history(odd(input), json!([result("a")])), "messages.1.content.0.toolUse.input");
    }
    let named = json!([{"toolUse": {"toolUseId": "a", "name": "we.ather", "input": {}}}]);
    refused(CLAUDE, history(named, json!([result("a")])), "toolUse.name");
    let status = json!([{"toolResult": {"toolUseId": "a", "status": "bad", "content": []}}]);
    refused(CLAUDE, history(json!([call("a")]), status), "toolResult.status");
    let array = json!([{"toolResult": {"toolUseId": "a", "content": [{"json": [1]}]}}]);
    refused(CLAUDE, history(json!([call("a")]), array), "content.0.json");
    refused(
        CLAUDE,
        json!({"messages": [user(json!([call("a")]))], "toolConfig": weather()}),
        "assistant role",
    );
    let dangling = json!({"messages": [user(json!([text("a")])), assistant(json!([call("a")]))], "toolConfig": weather()});
    refused(CLAUDE, dangling, "Expected toolResult blocks at messages.2.content");
}

#[test]
fn media() {
    let image = |format: &str, bytes: &str| json!({"image": {"format": format, "source": {"bytes": bytes}}});
    let ask = |block: Value| json!({"messages": [user(json!([text("see"), block]))]});
    refused(CLAUDE, ask(image("bmp", PNG)), "image.format");
    refused(CLAUDE, ask(image("jpeg", PNG)), "appears to be a image/png");
    refused(CLAUDE, ask(image("png", "aGVsbG8gd29ybGQhISEh")), "Could not process image");
    refused(CLAUDE, ask(image("png", "")), "image.source.bytes");
    refused_as(Exception::Serialization, CLAUDE, ask(image("png", "***")), "image.source.bytes");
    let large = format!("{PNG}{}", "AAAA".repeat(1_400_000));
    refused(CLAUDE, ask(image("png", &large)), "exceeds 3932160 bytes");
    refused(CLAUDE, ask(json!({"image": {"format": "png"}})), "image.source");
    refused(CLAUDE, ask(json!({"image": {"source": {"bytes": PNG}}})), "image.format");
    refused(
        CLAUDE,
        ask(json!({"image": {"format": "png", "source": {"s3Location": {"uri": "http://x"}}}})),
        "s3Location.uri",
    );
    refused(LLAMA, ask(image("png", PNG)), "doesn't support the image content block");
    refused(
        LLAMA,
        ask(json!({"video": {"format": "mp4", "source": {"bytes": "AAAA"}}})),
        "doesn't support the video",
    );
    refused(
        CLAUDE,
        ask(json!({"audio": {"format": "mp3", "source": {"bytes": "AAAA"}}})),
        "doesn't support the audio",
    );
    let many: Vec<_> = std::iter::repeat_n(image("png", PNG), 21).collect();
    refused(CLAUDE, json!({"messages": [user(json!(many))]}), "limit of 20: 21");
    let answer = json!({"messages": [user(json!([text("a")])), assistant(json!([image("png", PNG)])), user(json!([text("b")]))]});
    refused(CLAUDE, answer, "messages.1.content.0");
}

#[test]
fn documents() {
    let document = |format: &str, name: &str| json!({"document": {"format": format, "name": name, "source": {"bytes": "JVBERi0xLjcKAAAA"}}});
    let ask = |blocks: Value| json!({"messages": [user(blocks)]});
    accepted(CLAUDE, ask(json!([text("read"), document("pdf", "a report (v2) [x]")])));
    refused(CLAUDE, ask(json!([document("pdf", "a")])), "must include a text block");
    refused(CLAUDE, ask(json!([text("read"), document("exe", "a")])), "document.format");
    for name in ["a.pdf", "a_b", "a  b"] {
        refused(CLAUDE, ask(json!([text("read"), document("pdf", name)])), "document.name");
    }
    refused(CLAUDE, ask(json!([text("read"), document("pdf", "")])), "document.name");
    refused(CLAUDE, ask(json!([text("read"), document("pdf", &"x".repeat(201))])), "document.name");
    let odd =
        json!({"document": {"format": "pdf", "name": "a", "source": {"bytes": "aGVsbG8gd29ybGQhISEh"}}});
    refused(CLAUDE, ask(json!([text("read"), odd])), "PDF specified was not valid");
    let many: Vec<_> =
        std::iter::once(text("read")).chain(std::iter::repeat_n(document("pdf", "a"), 6)).collect();
    refused(CLAUDE, ask(json!(many)), "limit of 5: 6");
    refused(
        "google.gemma-3-27b-it",
        ask(json!([text("read"), document("pdf", "a")])),
        "doesn't support the document",
    );
}

#[test]
fn objects_in_s3_and_names_of_documents() {
    let document = |name: &str, location: Value| json!({"document": {"format": "pdf", "name": name, "source": {"s3Location": location}}});
    let ask = |blocks: &[Value]| {
        let blocks: Value = std::iter::once(text("read")).chain(blocks.iter().cloned()).collect();
        json!({"messages": [user(blocks)]})
    };
    let open = json!({"uri": "s3://a-bucket/a/key.pdf", "bucketOwner": "111122223333"});
    accepted(CLAUDE, ask(&[document("a", open.clone()), document("b", open.clone())]));
    refused(CLAUDE, ask(&[document("a", open.clone()), document("a", open)]), "duplicate document name");
    for uri in ["https://a/b", "s3://A/b", "s3://ab/c", "s3:///key"] {
        refused(CLAUDE, ask(&[document("a", json!({"uri": uri}))]), "s3Location.uri");
    }
    let owner = json!({"uri": "s3://bucket/a", "bucketOwner": "me"});
    refused(CLAUDE, ask(&[document("a", owner)]), "s3Location.bucketOwner");
}
