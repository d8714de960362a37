use bytes::Bytes;
use outcrop_chat::{Inference, ToolResult, ToolResultBlock, ToolSpec, ToolUse, Tools};
use outcrop_ports::ModelInfo;
use serde_json::json;

use super::super::Fields;
use super::*;

fn claude(reasoning: ReasoningStyle) -> ModelInfo {
    ModelInfo { family: Family::Claude, reasoning, max_output_tokens: Some(64_000), ..ModelInfo::default() }
}

fn budget_model() -> ModelInfo {
    claude(ReasoningStyle::ThinkingBudget)
}

fn think(mode: ReasoningMode) -> Request {
    Request { reasoning: Some(mode), ..Request::default() }
}

fn effort(effort: Effort) -> ReasoningMode {
    ReasoningMode::Effort(effort)
}

fn fitted(model: &ModelInfo, mut request: Request) -> (Request, bool, Vec<&'static str>) {
    let mut dropped = Vec::new();
    let thinks = fit(&mut request, &mut Taken::new(model, Fields::OPENAI, &mut dropped)).unwrap();
    (request, thinks, dropped)
}

#[test]
fn what_a_model_cannot_be_told_is_named_or_refused() {
    let plain = ModelInfo::default();
    let always = ModelInfo { always_thinks: true, ..ModelInfo::default() };
    let named = vec!["reasoning_effort"];
    let cases = [
        (&plain, effort(Effort::High), named.clone()),
        (&plain, effort(Effort::None), vec![]),
        (&plain, ReasoningMode::Off, vec![]),
        (&always, effort(Effort::High), named.clone()),
        (&always, ReasoningMode::Off, named.clone()),
        (&always, ReasoningMode::Budget(2000), named),
    ];
    for (model, mode, named) in cases {
        let (request, thinks, dropped) = fitted(model, think(mode));
        assert_eq!((request.reasoning, thinks, dropped), (None, false, named), "{mode:?}");
    }
    for mode in [ReasoningMode::Budget(2000), ReasoningMode::Adaptive(None)] {
        let mut dropped = Vec::new();
        let mut taken = Taken::new(&plain, Fields::ANTHROPIC, &mut dropped);
        let error = fit(&mut think(mode), &mut taken).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("thinking"), "{mode:?}");
    }
}

#[test]
fn what_always_thinks_is_told_to_think_least_and_that_is_named() {
    let model = ModelInfo { reasoning: ReasoningStyle::Effort, always_thinks: true, ..ModelInfo::default() };
    let (request, _, dropped) = fitted(&model, think(effort(Effort::None)));
    assert_eq!((request.reasoning, dropped), (Some(effort(Effort::Low)), vec!["reasoning_effort"]));
}

#[test]
fn an_efforts_budget_gives_way_to_the_limit_of_the_answer() {
    let limited = |limit: u32| {
        let mut request = think(effort(Effort::High));
        request.inference.max_tokens = Some(limit);
        let (request, _, dropped) = fitted(&budget_model(), request);
        assert_eq!(request.inference.max_tokens, Some(limit), "the client's limit stands");
        (request.reasoning, dropped)
    };
    let budget = |tokens| Some(ReasoningMode::Budget(tokens));
    let named = || vec!["reasoning_effort"];
    assert_eq!(limited(10_000), (budget(4096), vec![]));
    assert_eq!(limited(4096), (budget(2048), named()));
    assert_eq!(limited(1500), (budget(1024), named()));
    assert_eq!(limited(1024), (None, named()));
}

#[test]
fn without_a_limit_there_is_room_for_the_answer() {
    let (request, _, _) = fitted(&budget_model(), think(effort(Effort::Max)));
    assert_eq!((request.reasoning, request.inference.max_tokens), (Some(ReasoningMode::Budget(16384)), None));
    let unknown = ModelInfo { max_output_tokens: None, ..budget_model() };
    let (request, _, dropped) = fitted(&unknown, think(effort(Effort::Low)));
    assert_eq!((request.inference.max_tokens, dropped), (Some(1024 + ANSWER), vec![]));
    let (_, _, dropped) = fitted(&unknown, think(effort(Effort::Max)));
    assert_eq!(dropped, ["reasoning_effort"]);
    let small = ModelInfo { max_output_tokens: Some(8192), ..budget_model() };
    let (request, _, _) = fitted(&small, think(effort(Effort::Max)));
    assert_eq!(request.reasoning, Some(ReasoningMode::Budget(4096)));
}

#[test]
fn a_budget_that_does_not_fit_is_refused() {
    let mut request = think(ReasoningMode::Budget(5000));
    request.inference.max_tokens = Some(5000);
    let (model, mut dropped) = (budget_model(), Vec::new());
    let error = fit(&mut request, &mut Taken::new(&model, Fields::ANTHROPIC, &mut dropped)).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("thinking"));
    assert!(error.message.contains("`max_tokens`, which is 5000"), "{}", error.message);
}

#[test]
fn claude_thinks_without_sampling_and_without_force() {
    let inference =
        Inference { temperature: Some(0.2), top_p: Some(0.5), top_k: Some(4), ..Inference::default() };
    let tools = Tools {
        specs: vec![ToolSpec { name: "a".into(), ..ToolSpec::default() }],
        system: vec![],
        choice: ToolChoice::Any,
        parallel: None,
    };
    for style in [ReasoningStyle::ThinkingBudget, ReasoningStyle::ThinkingAdaptive] {
        let tools = Some(tools.clone());
        let request = Request { inference: inference.clone(), tools, ..think(effort(Effort::Low)) };
        let (request, thinks, dropped) = fitted(&claude(style), request);
        assert!(thinks);
        assert_eq!(request.inference, Inference::default());
        assert_eq!(request.tools.unwrap().choice, ToolChoice::Auto);
        assert_eq!(dropped, ["temperature", "top_p", "top_k", "tool_choice"]);
    }
    let warm = Inference { temperature: Some(1.0), top_p: Some(0.95), ..Inference::default() };
    let (request, _, dropped) =
        fitted(&budget_model(), Request { inference: warm.clone(), ..think(effort(Effort::Low)) });
    assert_eq!((request.inference, dropped), (warm, vec![]));
}

#[test]
fn claudes_own_field_counts_as_thinking() {
    let mut request = Request::default();
    request.inference.temperature = Some(0.2);
    request.additional.insert("thinking".into(), json!({"type": "enabled", "budget_tokens": 2000}));
    let (request, thinks, dropped) = fitted(&budget_model(), request);
    assert!(thinks && request.inference.temperature.is_none());
    assert_eq!(dropped, ["temperature"]);
}

#[test]
fn nova_thinks_hardest_alone_or_less_within_a_limit() {
    let model = ModelInfo {
        family: Family::Nova,
        reasoning: ReasoningStyle::NovaConfig,
        max_effort: Some(Effort::High),
        ..ModelInfo::default()
    };
    let mut request = think(effort(Effort::Max));
    request.inference.temperature = Some(0.2);
    let (alone, _, dropped) = fitted(&model, request.clone());
    let named = vec!["reasoning_effort", "temperature"];
    assert_eq!((alone.reasoning, dropped), (Some(effort(Effort::High)), named));
    request.inference.max_tokens = Some(100);
    for mode in [effort(Effort::High), ReasoningMode::Budget(4096)] {
        request.reasoning = Some(mode);
        let (limited, _, dropped) = fitted(&model, request.clone());
        let told = (limited.reasoning, dropped);
        assert_eq!(told, (Some(effort(Effort::Medium)), vec!["reasoning_effort"]), "{mode:?}");
    }
}

#[test]
fn an_effort_that_becomes_another_one_is_named_in_every_dialects_words() {
    let styles = [
        ReasoningStyle::Effort,
        ReasoningStyle::ReasoningObject,
        ReasoningStyle::NovaConfig,
        ReasoningStyle::ThinkingAdaptive,
    ];
    let dialects = [
        (Fields::OPENAI, "reasoning_effort"),
        (Fields::RESPONSES, "reasoning.effort"),
        (Fields::ANTHROPIC, "output_config.effort"),
        (Fields::CONVERSE, "outputConfig.effort"),
    ];
    for reasoning in styles {
        let model = ModelInfo { reasoning, max_effort: Some(Effort::High), ..ModelInfo::default() };
        for (fields, name) in dialects {
            let named = |mode: ReasoningMode| {
                let mut dropped = Vec::new();
                fit(&mut think(mode), &mut Taken::new(&model, fields, &mut dropped)).unwrap();
                dropped
            };
            for other in [Effort::Minimal, Effort::XHigh, Effort::Max] {
                assert_eq!(named(effort(other)), [name], "{reasoning:?} {other:?}");
            }
            assert_eq!(named(ReasoningMode::Adaptive(Some(Effort::Max))), [name], "{reasoning:?}");
            for known in [Effort::Low, Effort::Medium, Effort::High] {
                assert_eq!(named(effort(known)), Vec::<&str>::new(), "{reasoning:?} {known:?}");
            }
            assert_eq!(named(ReasoningMode::Adaptive(None)), Vec::<&str>::new(), "{reasoning:?}");
        }
    }
}

#[test]
fn what_is_unknown_is_told_as_the_client_spells_it() {
    let unknown = ModelInfo { reasoning: ReasoningStyle::Unknown, ..ModelInfo::default() };
    for mode in [ReasoningMode::Budget(100), ReasoningMode::Adaptive(None), ReasoningMode::Off] {
        let mut asked = think(mode);
        asked.inference.max_tokens = Some(50);
        asked.inference.temperature = Some(0.2);
        let (request, thinks, dropped) = fitted(&unknown, asked.clone());
        assert_eq!((request, dropped), (asked, vec![]));
        assert_eq!(
            thinks,
            mode != ReasoningMode::Off,
            "it may be Claude, which cannot be made to call a tool then"
        );
    }
    let (request, thinks, dropped) = fitted(&unknown, think(effort(Effort::Low)));
    assert_eq!((request.reasoning, thinks, dropped), (None, false, vec!["reasoning_effort"]));
}

/// A user's question, a tool call with these thoughts before it, and its result.
fn called(thoughts: Vec<Reasoning>) -> Vec<Message> {
    let mut said: Vec<Block> = thoughts.into_iter().map(Block::Reasoning).collect();
    said.push(Block::ToolUse(ToolUse { id: "t".into(), name: "a".into(), input: json!({}) }));
    let content = vec![ToolResultBlock::Text("out".into())];
    let result = Block::ToolResult(ToolResult { id: "t".into(), content, is_error: false });
    vec![
        Message { role: Role::User, content: vec![Block::Text("go".into())] },
        Message { role: Role::Assistant, content: said },
        Message { role: Role::User, content: vec![result] },
    ]
}

fn thought(signature: Option<&str>) -> Reasoning {
    Reasoning::Text { text: "hm".into(), signature: signature.map(str::to_owned) }
}

#[test]
fn calls_without_their_thoughts_keep_claude_from_thinking() {
    let asked = |messages| Request { messages, ..think(effort(Effort::Low)) };
    let whole = [vec![thought(Some("s"))], vec![Reasoning::Redacted(Bytes::from_static(b"x"))]];
    for thoughts in whole {
        let (request, thinks, dropped) = fitted(&budget_model(), asked(called(thoughts)));
        assert!(thinks && request.reasoning.is_some(), "{dropped:?}");
    }
    for (thoughts, named) in [
        (vec![], vec!["reasoning_effort"]),
        (vec![thought(None)], vec!["messages.thinking_blocks", "reasoning_effort"]),
    ] {
        let (request, thinks, dropped) = fitted(&budget_model(), asked(called(thoughts)));
        assert_eq!((request.reasoning, thinks, dropped), (None, false, named));
    }
    // What was called before the user spoke again is past.
    let mut past = called(vec![]);
    past.push(Message { role: Role::Assistant, content: vec![Block::Text("done".into())] });
    past.push(Message { role: Role::User, content: vec![Block::Text("and now?".into())] });
    let (_, thinks, dropped) = fitted(&budget_model(), asked(past));
    assert_eq!((thinks, dropped), (true, vec![]));
}

#[test]
fn thoughts_without_a_signature_are_not_given_back_to_claude() {
    let messages = called(vec![thought(None), thought(Some(""))]);
    let (request, _, dropped) =
        fitted(&budget_model(), Request { messages: messages.clone(), ..Request::default() });
    assert_eq!((request.messages[1].content.len(), dropped), (1, vec!["messages.thinking_blocks"]));
    let (request, _, dropped) = fitted(&ModelInfo::default(), Request { messages, ..Request::default() });
    assert_eq!((request.messages[1].content.len(), dropped), (3, vec![]));
}

#[test]
fn what_claude_signed_is_not_given_to_others() {
    let nova =
        ModelInfo { family: Family::Nova, reasoning: ReasoningStyle::NovaConfig, ..ModelInfo::default() };
    let thoughts = vec![thought(Some("s")), Reasoning::Redacted(Bytes::from_static(b"x")), thought(None)];
    let messages = called(thoughts);
    let (request, _, dropped) = fitted(&nova, Request { messages: messages.clone(), ..Request::default() });
    assert_eq!((request.messages[1].content.len(), dropped), (2, vec!["messages.thinking_blocks"]));
    let unknown = ModelInfo { reasoning: ReasoningStyle::Unknown, ..nova };
    let (request, _, dropped) = fitted(&unknown, Request { messages, ..Request::default() });
    assert_eq!((request.messages[1].content.len(), dropped), (4, vec![]));
}
