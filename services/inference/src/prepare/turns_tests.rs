use bytes::Bytes;
use outcrop_chat::{Image, ImageFormat, Source, ToolResult, ToolUse};
use outcrop_ports::ModelInfo;
use serde_json::json;

use super::super::Fields;
use super::*;

fn says(role: Role, text: &str) -> Message {
    Message { role, content: vec![Block::Text(text.into())] }
}

fn talk(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::default() }
}

fn placed(model: &ModelInfo, request: Request, thinks: bool) -> (Request, Vec<&'static str>) {
    let mut dropped = Vec::new();
    let request = place(request, thinks, &mut Taken::new(model, Fields::OPENAI, &mut dropped));
    (request, dropped)
}

fn image() -> Image {
    Image { format: ImageFormat::Png, source: Source::Bytes(Bytes::from_static(b"1")) }
}

#[test]
fn media_that_the_model_does_not_read_are_refused() {
    let model = ModelInfo { input: vec![Modality::Text, Modality::Document], ..ModelInfo::default() };
    let content = vec![ToolResultBlock::Image(image())];
    let result = Block::ToolResult(ToolResult { id: "t".into(), content, is_error: false });
    for block in [Block::Image(image()), result] {
        let request = talk(vec![Message { role: Role::User, content: vec![block] }]);
        let mut dropped = Vec::new();
        let error =
            check_media(&request, &Taken::new(&model, Fields::COMPLETIONS, &mut dropped)).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("prompt"));
        assert!(error.message.contains("reads no images"), "{}", error.message);
    }
}

#[test]
fn a_turn_that_is_not_continued_is_followed_by_a_request_to_go_on() {
    let begun = || talk(vec![says(Role::User, "a"), says(Role::Assistant, "b")]);
    let model = |prefill| ModelInfo { prefill, ..ModelInfo::default() };
    for (prefill, thinks, turns) in [(true, false, 2), (false, false, 3), (true, true, 3)] {
        let (request, dropped) = placed(&model(prefill), begun(), thinks);
        assert_eq!((request.messages.len(), dropped.is_empty()), (turns, turns == 2), "{prefill} {thinks}");
    }
    // Calls without results are Bedrock's to refuse.
    let call = Block::ToolUse(ToolUse { id: "t".into(), name: "a".into(), input: json!({}) });
    let called = talk(vec![says(Role::User, "a"), Message { role: Role::Assistant, content: vec![call] }]);
    assert_eq!(placed(&model(false), called.clone(), false), (called, vec![]));
}

#[test]
fn instructions_stand_where_the_model_takes_them() {
    let turns = [(Role::User, "a"), (Role::System, "b"), (Role::Assistant, "c"), (Role::User, "d")];
    let mut request = talk(turns.map(|(role, text)| says(role, text)).to_vec());
    request.system = vec!["first".into(), SystemBlock::CachePoint(outcrop_chat::CacheTtl::FiveMinutes)];
    let able = ModelInfo { system_turns: true, ..ModelInfo::default() };
    assert_eq!(placed(&able, request.clone(), false).0, request);
    let unable = ModelInfo { system: false, ..ModelInfo::default() };
    let (placed, dropped) = placed(&unable, request, false);
    let text = |it: &str| Block::Text(it.into());
    let content = vec![text("[System instruction]\nfirst"), text("a"), text("[System instruction]\nb")];
    assert_eq!(placed.messages[0], Message { role: Role::User, content });
    assert!(placed.system.is_empty() && dropped.is_empty());
}
