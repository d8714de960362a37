use outcrop_chat::{
    Block, Inference, Message, Role, ToolResult, ToolResultBlock, ToolSpec, ToolUse, Tools,
    declare_used_tools,
};
use outcrop_ports::ModelInfo;
use serde_json::json;

use super::super::Fields;
use super::*;

fn fitted(model: &ModelInfo, mut request: Request) -> (Request, Vec<&'static str>) {
    let mut dropped = Vec::new();
    fit(&mut request, &mut Taken::new(model, Fields::OPENAI, &mut dropped)).unwrap();
    (request, dropped)
}

/// The field that a refusal names, and what it says.
#[track_caller]
fn refused(model: &ModelInfo, mut request: Request, fields: Fields) -> (String, String) {
    let mut dropped = Vec::new();
    let error = fit(&mut request, &mut Taken::new(model, fields, &mut dropped)).unwrap_err();
    (error.param.unwrap(), error.message)
}

fn infer(inference: Inference) -> Request {
    Request { inference, ..Request::default() }
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec { name: name.into(), input_schema: json!({"type": "object"}), ..ToolSpec::default() }
}

fn with_tools(choice: ToolChoice, parallel: Option<bool>) -> Request {
    let tools = Tools { specs: vec![tool("add")], system: vec![], choice, parallel };
    Request { tools: Some(tools), ..Request::default() }
}

#[test]
fn only_the_sampling_that_the_model_refuses_is_taken_and_it_is_named() {
    let asked =
        Inference { temperature: Some(0.5), top_p: Some(0.9), top_k: Some(3), ..Inference::default() };
    let model = |sampling, exclusive_sampling, family| ModelInfo {
        sampling,
        exclusive_sampling,
        family,
        ..ModelInfo::default()
    };
    let cases = [
        (model(true, false, Family::Claude), (true, true, true), vec![]),
        (model(true, false, Family::Llama), (true, true, false), vec!["top_k"]),
        (model(true, true, Family::Claude), (true, false, true), vec!["top_p"]),
        (model(false, false, Family::Claude), (false, false, false), vec!["temperature", "top_p", "top_k"]),
    ];
    for (model, left, named) in cases {
        let (request, dropped) = fitted(&model, infer(asked.clone()));
        let Inference { temperature, top_p, top_k, .. } = request.inference;
        assert_eq!((temperature.is_some(), top_p.is_some(), top_k.is_some()), left, "{model:?}");
        assert_eq!(dropped, named);
    }
}

#[test]
fn claude_gets_no_stop_strings_of_white_space() {
    for (family, left, named) in [(Family::Claude, 1, vec!["stop"]), (Family::Llama, 2, vec![])] {
        let model = ModelInfo { family, ..ModelInfo::default() };
        let stop = vec!["\n".to_owned(), "END".to_owned()];
        let (request, dropped) = fitted(&model, infer(Inference { stop, ..Inference::default() }));
        assert_eq!((request.inference.stop.len(), dropped), (left, named));
    }
}

#[test]
fn stop_strings_that_a_model_cannot_take_are_refused() {
    let stop = vec!["a".to_owned(), "b".to_owned()];
    let asked = || infer(Inference { stop: stop.clone(), ..Inference::default() });
    let none = ModelInfo { stop_sequences: false, ..ModelInfo::default() };
    assert_eq!(refused(&none, asked(), Fields::ANTHROPIC).0, "stop_sequences");
    let one = ModelInfo { max_stop_sequences: Some(1), ..ModelInfo::default() };
    let (field, message) = refused(&one, asked(), Fields::CONVERSE);
    assert_eq!(field, "inferenceConfig.stopSequences");
    assert!(message.contains("at most 1"), "{message}");
}

#[test]
fn fewer_tokens_than_the_model_takes_are_raised_and_named() {
    let model = ModelInfo { min_max_tokens: 16, ..ModelInfo::default() };
    for (asked, sent, named) in [(5, 16, vec!["max_completion_tokens"]), (16, 16, vec![])] {
        let inference = Inference { max_tokens: Some(asked), ..Inference::default() };
        let (request, dropped) = fitted(&model, infer(inference));
        assert_eq!((request.inference.max_tokens, dropped), (Some(sent), named));
    }
}

#[test]
fn more_tokens_than_the_model_writes_are_refused() {
    let model = ModelInfo { max_output_tokens: Some(10), ..ModelInfo::default() };
    let asked = |tokens| infer(Inference { max_tokens: Some(tokens), ..Inference::default() });
    fitted(&model, asked(10));
    let (field, message) = refused(&model, asked(11), Fields::RESPONSES);
    assert_eq!(field, "max_output_tokens");
    assert!(message.contains("at most 10"), "{message}");
}

#[test]
fn a_call_is_forced_refused_or_left_to_the_model() {
    let model = |tool_choice, always_thinks| ModelInfo { tool_choice, always_thinks, ..ModelInfo::default() };
    let (request, dropped) = fitted(&model(true, true), with_tools(ToolChoice::Any, None));
    assert_eq!((request.tools.unwrap().choice, dropped), (ToolChoice::Any, vec![]));
    let (request, dropped) = fitted(&model(false, true), with_tools(ToolChoice::Any, None));
    assert_eq!((request.tools.unwrap().choice, dropped), (ToolChoice::Auto, vec!["tool_choice"]));
    let forced = with_tools(ToolChoice::Named("add".into()), None);
    assert_eq!(refused(&model(false, false), forced, Fields::OPENAI).0, "tool_choice");
    let none = ModelInfo { tools: false, ..ModelInfo::default() };
    assert_eq!(refused(&none, with_tools(ToolChoice::Auto, None), Fields::OPENAI).0, "tools");
}

#[test]
fn a_model_that_knows_no_tools_is_told_of_past_calls_in_words() {
    let call = Block::ToolUse(ToolUse { id: "t".into(), name: "add".into(), input: json!({}) });
    let content = vec![ToolResultBlock::Text("3".into())];
    let result = Block::ToolResult(ToolResult { id: "t".into(), content, is_error: false });
    let turn = |role, block| Message { role, content: vec![block] };
    let messages = vec![turn(Role::Assistant, call), turn(Role::User, result)];
    let past = declare_used_tools(Request { messages, ..Request::default() });
    let none = ModelInfo { tools: false, ..ModelInfo::default() };
    let (request, dropped) = fitted(&none, past.clone());
    assert_eq!((request.tools, dropped), (None, vec![]));
    let told = format!("{:?}", request.messages);
    assert!(told.contains("[Called tool add (t)") && !told.contains("ToolResult"), "{told}");
    assert_eq!(fitted(&ModelInfo::default(), past.clone()).0, past);
    let mut offered = past;
    offered.tools.as_mut().unwrap().specs.push(tool("add"));
    assert_eq!(refused(&none, offered, Fields::OPENAI).0, "tools", "what is really on offer cannot be told");
}

#[test]
fn tools_of_the_provider_are_those_of_the_model() {
    let model = ModelInfo { system_tools: vec!["nova_grounding".into()], ..ModelInfo::default() };
    let mut request = with_tools(ToolChoice::Auto, None);
    request.tools.as_mut().unwrap().system = vec!["nova_grounding".into()];
    fitted(&model, request.clone());
    let (field, message) = refused(&ModelInfo::default(), request, Fields::OPENAI);
    assert_eq!(field, "web_search_options");
    assert!(message.contains("nova_grounding"), "{message}");
}

#[test]
fn one_call_at_a_time_is_claudes_alone() {
    for (family, parallel, left, named) in [
        (Family::Claude, Some(false), Some(false), vec![]),
        (Family::Nova, Some(false), None, vec!["parallel_tool_calls"]),
        (Family::Nova, Some(true), Some(true), vec![]),
    ] {
        let model = ModelInfo { family, ..ModelInfo::default() };
        let (request, dropped) = fitted(&model, with_tools(ToolChoice::Auto, parallel));
        assert_eq!((request.tools.unwrap().parallel, dropped), (left, named));
    }
}

#[test]
fn tools_are_held_to_their_schemas_where_that_can_be() {
    let able = ModelInfo { strict_tools: true, ..ModelInfo::default() };
    let closed = json!({"type": "object", "additionalProperties": false});
    let cases = [
        (&able, json!({"type": "object"}), true, closed, vec![]),
        (
            &able,
            json!({"type": "object", "not": {}}),
            false,
            json!({"type": "object", "not": {}}),
            vec!["tools.strict"],
        ),
        (
            &ModelInfo::default(),
            json!({"type": "object"}),
            false,
            json!({"type": "object"}),
            vec!["tools.strict"],
        ),
    ];
    for (model, schema, strict, sent, named) in cases {
        let mut request = with_tools(ToolChoice::Auto, None);
        request.tools.as_mut().unwrap().specs[0] =
            ToolSpec { strict: true, input_schema: schema, ..tool("add") };
        let (request, dropped) = fitted(model, request);
        let spec = request.tools.unwrap().specs.remove(0);
        assert_eq!((spec.strict, spec.input_schema, dropped), (strict, sent, named));
    }
}

#[test]
fn only_betas_that_converse_takes_are_sent_and_only_to_claude() {
    let claude = ModelInfo { family: Family::Claude, ..ModelInfo::default() };
    let unknown = ModelInfo { reasoning: ReasoningStyle::Unknown, ..ModelInfo::default() };
    let cases = [
        (&claude, json!(["context-1m-2025-08-07"]), Some(json!(["context-1m-2025-08-07"])), vec![]),
        (
            &claude,
            json!(["prompt-caching-2024-07-31", "effort-2025-11-24"]),
            Some(json!(["effort-2025-11-24"])),
            vec!["anthropic_beta"],
        ),
        (&ModelInfo::default(), json!(["context-1m-2025-08-07"]), None, vec!["anthropic_beta"]),
        (&unknown, json!(["any"]), Some(json!(["any"])), vec![]),
    ];
    for (model, asked, sent, named) in cases {
        let mut request = Request::default();
        request.additional.insert("anthropic_beta".into(), asked);
        let (request, dropped) = fitted(model, request);
        assert_eq!((request.additional.get("anthropic_beta").cloned(), dropped), (sent, named));
    }
}

#[test]
fn what_is_not_asked_stays_absent() {
    let none = ModelInfo { sampling: false, stop_sequences: false, tools: false, ..ModelInfo::default() };
    let (request, dropped) = fitted(&none, Request::default());
    assert_eq!((request, dropped), (Request::default(), vec![]));
}
