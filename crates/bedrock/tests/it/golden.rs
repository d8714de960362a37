//! What goes to Bedrock for each of `wire`'s OpenAI fixtures and each kind of model, as snapshots.

use std::path::{Path, PathBuf};

use outcrop_bedrock::BedrockModel;
use outcrop_chat::{
    Block, Image, ImageFormat, Message, Reasoning, Request, Role, Source, ToolChoice, ToolResult,
    ToolResultBlock, ToolSpec, ToolUse, Tools,
};
use outcrop_ports::ChatModel;
use outcrop_wire::openai;
use serde_json::{Value, json};

use crate::emulator;
use crate::fake::{Sent, call, model, ok, say};

/// One model of each kind: by how it is told to think, what its answers and tools can be held to, what it reads.
const TARGETS: [&str; 7] = [
    "claude-haiku-4-5",
    "claude-opus-5-5",
    "nova-lite",
    "nova-2-lite",
    "llama3-3-70b",
    "gpt-6-sol",
    "gpt-oss-20b",
];

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"ok"}]}},"stopReason":"end_turn",
    "usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#;

/// The request that the SDK sends, and that Converse and ConverseStream are sent the same.
async fn sent(target: &str, request: Request) -> Result<Sent, String> {
    let (model, sent): (BedrockModel, _) = model(ok(ANSWER));
    model.chat(call(target, request.clone())).await.map_err(|it| format!("{:?}: {it}", it.failure))?;
    // The answer is no stream, so this fails; what was sent is what counts.
    drop(model.stream(call(target, request)).await);
    let sent = sent.lock().unwrap();
    let [whole, streamed] = &sent[..] else { panic!("two calls: {sent:?}") };
    let mut in_pieces = parse(&streamed.body);
    // Only a stream waits for a guardrail, or does not.
    if let Some(guardrail) = in_pieces.get_mut("guardrailConfig").and_then(Value::as_object_mut) {
        guardrail.remove("streamProcessingMode");
    }
    assert_eq!(parse(&whole.body), in_pieces);
    assert_eq!(format!("{}-stream", whole.uri), streamed.uri);
    Ok(whole.clone())
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

/// The request for each target and what the emulator says to it; targets that fare the same stand together.
async fn render(bedrock: &BedrockModel, request: &Request) -> String {
    let mut parts: Vec<(Vec<&str>, String)> = Vec::new();
    for target in TARGETS {
        let text = match sent(target, request.clone()).await {
            Err(refused) => refused,
            Ok(sent) => {
                let mut body = parse(&sent.body);
                body.sort_all_objects();
                let verdict = match bedrock.chat(call(target, request.clone())).await {
                    Ok(_) => "accepted".to_owned(),
                    Err(refused) => format!("{:?}: {refused}", refused.failure),
                };
                format!("{}\n-> {verdict}", serde_json::to_string_pretty(&body).unwrap())
            }
        };
        match parts.iter_mut().find(|(_, same)| *same == text) {
            Some((targets, _)) => targets.push(target),
            None => parts.push((vec![target], text)),
        }
    }
    let parts: Vec<String> =
        parts.into_iter().map(|(targets, text)| format!("== {} ==\n{text}\n", targets.join(", "))).collect();
    parts.join("\n")
}

fn assert_golden(name: &str, input: &str, rendered: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_description(input);
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../snapshots");
    settings.bind(|| insta::assert_snapshot!(name, rendered));
}

#[tokio::test]
async fn every_openai_fixture_for_every_kind_of_model() {
    let (bedrock, _stop) = emulator::start(vec![]).await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/fixtures/openai/chat");
    let mut fixtures: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    fixtures.retain(|it| it.extension().is_some_and(|it| it == "json"));
    fixtures.sort();
    assert!(!fixtures.is_empty(), "no fixtures in {}", folder.display());
    for fixture in fixtures {
        let body = bytes::Bytes::from(std::fs::read(&fixture).unwrap());
        let rendered = match openai::chat::parse(&body).and_then(openai::chat::ChatRequest::into_chat) {
            Ok(translated) => render(&bedrock, &translated.request).await,
            Err(refused) => {
                format!("refused before a model is asked: {refused} (param: {:?})", refused.param)
            }
        };
        let name = fixture.file_stem().unwrap().to_str().unwrap();
        assert_golden(name, &format!("crates/wire/fixtures/openai/chat/{name}.json"), &rendered);
    }
}

/// What no OpenAI request can say, and other dialects can.
#[tokio::test]
async fn neutral_requests_for_every_kind_of_model() {
    let (bedrock, _stop) = emulator::start(vec![]).await;
    let thought = Reasoning::Text { text: "Two plus two.".into(), signature: Some("c2ln".into()) };
    let hidden = Reasoning::Redacted(vec![1, 2, 3].into());
    let tool_use = ToolUse { id: "t1".into(), name: "draw".into(), input: json!({"what": "four"}) };
    let picture = Image {
        format: ImageFormat::Png,
        source: Source::Bytes(include_bytes!("pixel.png").to_vec().into()),
    };
    let failed =
        ToolResult { id: "t1".into(), content: vec![ToolResultBlock::Text("no ink".into())], is_error: true };
    let mut request = say("What is 2 + 2?");
    request.system = vec!["Think first.".into(), "Be brief.".into()];
    let said = vec![Block::Reasoning(thought), Block::Reasoning(hidden), Block::ToolUse(tool_use)];
    request.messages.push(Message { role: Role::Assistant, content: said });
    request.messages.push(Message { role: Role::User, content: vec![Block::ToolResult(failed)] });
    let spec =
        ToolSpec { name: "draw".into(), input_schema: json!({"type": "object"}), ..ToolSpec::default() };
    request.tools =
        Some(Tools { specs: vec![spec], system: vec![], choice: ToolChoice::Auto, parallel: Some(false) });
    request.metadata.insert("team".into(), "blue".into());
    let input = "neutral: reasoning replayed, a failed tool, one call at a time";
    assert_golden("neutral_reasoning_and_tools", input, &render(&bedrock, &request).await);

    let Some(Block::ToolResult(result)) = request.messages[2].content.first_mut() else { panic!("a result") };
    result.content.push(ToolResultBlock::Image(picture));
    let input = "neutral: a picture as a tool's result";
    assert_golden("neutral_tool_result_image", input, &render(&bedrock, &request).await);
}

#[tokio::test]
async fn the_clients_json_keeps_its_order_and_the_length_is_right() {
    let schema =
        json!({"type": "object", "properties": {"z": {"type": "string"}, "a": {}, "m": {}, "b": {}}});
    let input = json!({"z": 1, "a": "outcrop-raw-", "m": [{"y": 0, "x": 0}], "b": "\"quoted\" é"});
    let tool_use = ToolUse { id: "t1".into(), name: "add".into(), input: input.clone() };
    let spec = ToolSpec { name: "add".into(), input_schema: schema.clone(), ..ToolSpec::default() };
    let mut request = say("hi");
    request.messages.push(Message { role: Role::Assistant, content: vec![Block::ToolUse(tool_use)] });
    request.tools =
        Some(Tools { specs: vec![spec], system: vec![], choice: ToolChoice::Auto, parallel: None });

    let sent = sent("nova-lite", request).await.unwrap();
    assert!(sent.body.contains(&format!(r#""input":{input}"#)), "{}", sent.body);
    assert!(sent.body.contains(&format!(r#""inputSchema":{{"json":{schema}}}"#)), "{}", sent.body);
    assert_eq!(sent.content_length, Some(sent.body.len().to_string()));
}

#[tokio::test]
async fn arns_are_one_segment_of_the_path() {
    let arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4e5f6";
    let uri = sent(arn, say("hi")).await.unwrap().uri;
    let path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A111122223333%3Aapplication-inference-profile%2Fa1b2c3d4e5f6/converse";
    assert_eq!(uri, format!("http://bedrock.test{path}"));
}
