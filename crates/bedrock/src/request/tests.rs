use outcrop_chat::ToolSpec;
use outcrop_ports::{ModelCatalog, ModelFailure};

use super::*;
use crate::{Catalog, CatalogOptions};

fn model(name: &str) -> ResolvedModel {
    let options = CatalogOptions {
        overrides: None,
        default_model: "nova-lite",
        region: "us-east-1",
        cross_region: None,
        allow_arns: true,
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
fn refused(name: &str, request: Request, expected: &str) {
    let error = translate(model(name), request).unwrap_err();
    assert_eq!((error.failure, error.message.as_str()), (ModelFailure::Invalid, expected));
}

#[test]
fn what_a_model_cannot_do_is_refused_by_name() {
    let warm = infer(Inference { temperature: Some(0.0), ..Inference::default() });
    refused("claude-opus-5", warm.clone(), "`temperature` is not supported by model claude-opus-5");
    let top = infer(Inference { top_p: Some(1.0), ..Inference::default() });
    refused("gpt-6-sol", top, "`top_p` is not supported by model gpt-6-sol");
    let stop = infer(Inference { stop: vec!["END".into()], ..Inference::default() });
    refused("grok-4.7", stop, "`stop` is not supported by model grok-4.7");
    let tools = with_tool(ToolChoice::Auto, None);
    refused("deepseek-r1", tools, "`tools` is not supported by model deepseek-r1");
    for choice in [ToolChoice::Any, ToolChoice::Named("add".into())] {
        let expected =
            "`tool_choice`: model llama3-3-70b cannot be made to call a tool; leave the choice to it";
        refused("llama3-3-70b", with_tool(choice, None), expected);
    }
    let image = say(vec![Block::Image(picture())]);
    refused("nova-micro", image, "`messages`: model nova-micro reads no images");
    let result =
        ToolResult { id: "t".into(), content: vec![ToolResultBlock::Image(picture())], is_error: false };
    let result = say(vec![Block::ToolResult(result)]);
    refused("gpt-oss-20b", result, "`messages`: model gpt-oss-20b reads no images");
    refused("cohere-embed-v4", hello(), "`model`: cohere-embed-v4 writes no text; use it for embeddings");
    assert!(translate(model("nova-lite"), warm).is_ok(), "others take it");
}

#[test]
fn max_tokens_is_raised_to_what_the_model_takes() {
    let max_tokens = |name, asked| {
        let request = infer(Inference { max_tokens: Some(asked), ..Inference::default() });
        translate(model(name), request).unwrap().inference.unwrap().max_tokens.unwrap()
    };
    assert_eq!(max_tokens("gpt-6-sol", 1), 16);
    assert_eq!(max_tokens("gpt-6-sol", 17), 17);
    assert_eq!(max_tokens("nova-lite", 1), 1);
    assert_eq!(max_tokens("nova-lite", u32::MAX), i32::MAX);
}

#[test]
fn what_is_not_asked_is_not_sent() {
    let sent = translate(model("nova-lite"), hello()).unwrap();
    assert!(sent.system.is_none() && sent.inference.is_none() && sent.tools.is_none());
    assert!(sent.additional.is_none() && sent.metadata.is_none() && sent.raw.is_empty());
}

#[test]
fn only_claude_is_told_to_call_one_tool_at_a_time() {
    let additional = |name, choice, parallel| {
        let sent = translate(model(name), with_tool(choice, parallel)).unwrap();
        sent.additional.map(|it| document::into_value(it).to_string())
    };
    let with_type = r#"{"tool_choice":{"disable_parallel_tool_use":true,"type":"auto"}}"#;
    let without = r#"{"tool_choice":{"disable_parallel_tool_use":true}}"#;
    let claude = "claude-haiku-4-5";
    assert_eq!(additional(claude, ToolChoice::Auto, Some(false)).as_deref(), Some(with_type));
    assert_eq!(additional(claude, ToolChoice::Any, Some(false)).as_deref(), Some(without));
    assert_eq!(additional(claude, ToolChoice::Named("add".into()), Some(false)).as_deref(), Some(without));
    assert_eq!(additional(claude, ToolChoice::Auto, Some(true)), None);
    assert_eq!(additional(claude, ToolChoice::Auto, None), None);
    assert_eq!(additional("nova-lite", ToolChoice::Auto, Some(false)), None);
}

#[test]
fn bytes_are_moved_and_not_copied() {
    let image = picture();
    let Source::Bytes(bytes) = &image.source else { panic!("bytes") };
    let before = bytes.as_ptr();
    let sent = translate(model("nova-lite"), say(vec![Block::Image(image)])).unwrap();
    let sdk::ContentBlock::Image(image) = &sent.messages[0].content[0] else { panic!("an image") };
    let Some(sdk::ImageSource::Bytes(blob)) = &image.source else { panic!("bytes") };
    assert_eq!(blob.as_ref().as_ptr(), before);
}
