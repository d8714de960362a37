use outcrop_chat::{Message, Role, ToolUse};
use serde_json::json;

use super::super::Fields;
use super::*;

fn format(schema: Value) -> JsonSchema {
    JsonSchema { name: "person".into(), description: None, schema, strict: true }
}

fn person() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}})
}

fn asked(schema: Value) -> Request {
    Request { output: Some(OutputFormat::JsonSchema(format(schema))), ..Request::default() }
}

fn tools(choice: ToolChoice) -> Option<Tools> {
    let spec =
        ToolSpec { name: "person".into(), input_schema: json!({"type": "object"}), ..ToolSpec::default() };
    Some(Tools { specs: vec![spec], system: vec![], choice, parallel: None })
}

fn able() -> ModelInfo {
    ModelInfo { structured_output: true, ..ModelInfo::default() }
}

/// The way, the request that is sent, and what is done to the answer.
fn shaped(model: &ModelInfo, mut request: Request, thinks: bool) -> (Option<String>, Request, Reshape) {
    let mut dropped = Vec::new();
    let (told, reshape) = shape(&mut request, thinks, &mut Taken::new(model, Fields::OPENAI, &mut dropped));
    assert!(dropped.is_empty(), "{dropped:?}");
    (told.map(|(_, way)| way), request, reshape)
}

#[test]
fn a_model_is_held_to_the_schema_if_it_can_be() {
    let (way, request, reshape) = shaped(&able(), asked(person()), true);
    assert_eq!((way.as_deref(), reshape), (Some("native"), Reshape::Nothing));
    let Some(OutputFormat::JsonSchema(sent)) = request.output else { panic!("{request:?}") };
    assert_eq!(sent.schema["additionalProperties"], false);
    let (way, request, reshape) =
        shaped(&able(), asked(json!({"type": "array", "items": {"type": "string"}})), false);
    assert_eq!((way.as_deref(), reshape), (Some("native"), Reshape::Unwrap { key: "value" }));
    let Some(OutputFormat::JsonSchema(sent)) = request.output else { panic!("{request:?}") };
    assert_eq!(sent.schema["properties"]["value"]["type"], "array");
}

#[test]
fn a_schema_that_bedrock_refuses_becomes_a_tools() {
    let schema = json!({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}});
    let (way, request, _) = shaped(&able(), asked(schema.clone()), false);
    assert_eq!(way.as_deref(), Some("tool"));
    assert_eq!(request.output, None);
    assert_eq!(request.tools.unwrap().specs[0].input_schema, schema);
}

#[test]
fn a_tool_is_forced_chosen_or_told_of() {
    let model = ModelInfo { family: Family::Claude, ..ModelInfo::default() };
    let unforced = ModelInfo { tool_choice: false, ..ModelInfo::default() };
    let named = |name: &str| ToolChoice::Named(name.into());
    let cases = [
        // model, thinks, the client's tools, the choice that is sent, the tool, whether words are needed
        (&model, false, None, named("person"), "person", false),
        (&model, true, None, ToolChoice::Auto, "person", true),
        (&unforced, false, None, ToolChoice::Auto, "person", true),
        (&model, false, tools(ToolChoice::Auto), ToolChoice::Any, "person_2", false),
        (&model, false, tools(ToolChoice::Any), ToolChoice::Any, "person_2", false),
    ];
    for (model, thinks, tools, choice, name, in_words) in cases {
        let (way, request, reshape) = shaped(model, Request { tools, ..asked(person()) }, thinks);
        assert_eq!(way.as_deref(), Some("tool"));
        assert_eq!(reshape, Reshape::Tool { name: name.into(), key: None });
        assert_eq!(!request.system.is_empty(), in_words, "{:?}", request.system);
        let tools = request.tools.unwrap();
        assert_eq!((tools.choice, &*tools.specs.last().unwrap().name), (choice, name));
    }
}

#[test]
fn a_call_that_the_client_forces_comes_first_and_the_shape_is_named() {
    let named = || ToolChoice::Named("person".into());
    let schema = || OutputFormat::JsonSchema(format(person()));
    for (choice, output) in [
        (named(), schema()),
        (named(), OutputFormat::JsonObject),
        (ToolChoice::Any, OutputFormat::JsonObject),
    ] {
        let (model, mut dropped) = (ModelInfo::default(), Vec::new());
        let before = Request { tools: tools(choice), ..Request::default() };
        let mut request = Request { output: Some(output), ..before.clone() };
        let taken = &mut Taken::new(&model, Fields::ANTHROPIC, &mut dropped);
        assert_eq!(shape(&mut request, false, taken), (None, Reshape::Nothing));
        assert_eq!((request, dropped), (before, vec!["output_config.format"]));
    }
    // What can be held to a shape still is, besides.
    let before = Request { tools: tools(named()), ..asked(person()) };
    assert_eq!(shaped(&able(), before, false).0.as_deref(), Some("native"));
}

#[test]
fn names_do_not_clash_with_calls_of_the_past() {
    let call = Block::ToolUse(ToolUse { id: "t".into(), name: "person".into(), input: json!({}) });
    let mut request = asked(person());
    request.messages = vec![Message { role: Role::Assistant, content: vec![call] }];
    assert_eq!(free_name(&request, "person"), "person_2");
    assert_eq!(free_name(&request, "a b/é"), "a_b__");
    assert_eq!(free_name(&request, ""), "answer");
    assert_eq!(free_name(&request, &"x".repeat(80)).len(), 64);
}

#[test]
fn models_without_tools_are_told_in_words() {
    let model = ModelInfo { tools: false, ..ModelInfo::default() };
    let (way, request, reshape) = shaped(&model, asked(person()), false);
    assert_eq!((way.as_deref(), reshape), (Some("prompt"), Reshape::Unfence));
    let [SystemBlock::Text(text)] = &request.system[..] else { panic!("{request:?}") };
    assert!(text.ends_with(&person().to_string()), "{text}");
    let any = Request { output: Some(OutputFormat::JsonObject), ..Request::default() };
    let (way, request, _) = shaped(&able(), any, false);
    assert_eq!((way.as_deref(), request.system.len(), request.output), (Some("prompt"), 1, None));
    assert_eq!(shaped(&able(), Request::default(), false), (None, Request::default(), Reshape::Nothing));
}
