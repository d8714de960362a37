//! The emulator as the far end: real HTTP, real frames, and refusals as Bedrock would make them.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use outcrop_bedrock::{BedrockModel, BedrockOptions};
use outcrop_chat::{
    Block, BlockStart, Delta, Effort, Event, Message, ReasoningMode, Request, Role, StopReason, ToolChoice,
    ToolResult, ToolResultBlock, ToolSpec, Tools,
};
use outcrop_emulator::{Emulator, EmulatorConfig, FaultKind, FaultRule, Faults};
use outcrop_ports::{ChatModel, Modality, ModelCatalog, ModelFailure, Probe};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::{call, catalog, say};

/// An emulator that stops with the test, and a model that speaks to it.
pub(crate) async fn start(rules: Vec<FaultRule>) -> (BedrockModel, DropGuard) {
    start_in("us-east-1", rules).await
}

/// The emulator as a caller of this region sees it.
async fn start_in(region: &str, rules: Vec<FaultRule>) -> (BedrockModel, DropGuard) {
    let faults = Faults { rules, ..Faults::default() };
    let emulator = Emulator::bind(EmulatorConfig { faults, ..EmulatorConfig::default() }).await.unwrap();
    let sdk = outcrop_aws::local_config(&emulator.url(), region);
    let stop = CancellationToken::new();
    tokio::spawn(emulator.run(stop.clone()));
    let options = BedrockOptions { idle_timeout: Duration::from_millis(300) };
    (BedrockModel::new(&sdk, options).unwrap(), stop.drop_guard())
}

pub(crate) fn with_tool(text: &str, choice: ToolChoice) -> Request {
    let spec = ToolSpec {
        name: "weather".into(),
        description: Some("The weather of a city".into()),
        input_schema: json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
        ..ToolSpec::default()
    };
    Request {
        tools: Some(Tools { specs: vec![spec], system: vec![], choice, parallel: Some(false) }),
        ..say(text)
    }
}

#[tokio::test]
async fn a_whole_answer() {
    let (model, _stop) = start(vec![]).await;
    model.probe().await.unwrap();
    let answer = model.chat(call("claude-haiku-4-5", say("[[say: Good day]]"))).await.unwrap();
    assert_eq!(answer.content, [Block::Text("Good day".into())]);
    assert_eq!(answer.stop_reason, StopReason::EndTurn);
    assert!(answer.usage.input > 0 && answer.usage.output > 0, "{:?}", answer.usage);
}

#[tokio::test]
async fn a_stream() {
    let (model, _stop) = start(vec![]).await;
    let asked = call("nova-lite", say("[[say: one two three four]]"));
    let whole = model.chat(asked.clone()).await.unwrap();
    let events: Vec<Event> = model.stream(asked).await.unwrap().map(Result::unwrap).collect().await;
    let text: String = events
        .iter()
        .filter_map(|it| match it {
            Event::Delta { delta: Delta::Text(text), .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(text, "one two three four");
    assert_eq!(events.first(), Some(&Event::Start));
    assert_eq!(&events[events.len() - 2..], [Event::Stop(StopReason::EndTurn), Event::Usage(whole.usage)]);
}

#[tokio::test]
async fn a_tool_call_and_its_result() {
    let (model, _stop) = start(vec![]).await;
    let asked = with_tool(r#"[[tool: weather {"city":"Bern"}]]"#, ToolChoice::Auto);
    let answer = model.chat(call("claude-haiku-4-5", asked.clone())).await.unwrap();
    assert_eq!(answer.stop_reason, StopReason::ToolUse);
    let [Block::ToolUse(tool)] = &answer.content[..] else { panic!("{answer:?}") };
    assert_eq!((tool.name.as_str(), &tool.input), ("weather", &json!({"city": "Bern"})));

    let mut next = asked;
    let result = ToolResult {
        id: tool.id.clone(),
        content: vec![ToolResultBlock::Text("rain".into())],
        is_error: false,
    };
    next.messages.push(Message { role: Role::Assistant, content: answer.content.clone() });
    next.messages.push(Message { role: Role::User, content: vec![Block::ToolResult(result)] });
    let answer = model.chat(call("claude-haiku-4-5", next)).await.unwrap();
    assert_eq!(answer.stop_reason, StopReason::EndTurn, "{answer:?}");
}

#[tokio::test]
async fn a_forced_tool_call_in_a_stream() {
    let (model, _stop) = start(vec![]).await;
    let asked = with_tool("Is it raining?", ToolChoice::Named("weather".into()));
    let events: Vec<Event> =
        model.stream(call("claude-haiku-4-5", asked)).await.unwrap().map(Result::unwrap).collect().await;
    let mut input = String::new();
    for event in &events {
        match event {
            Event::BlockStart { start: BlockStart::ToolUse { name, id }, .. } => {
                assert_eq!(name, "weather");
                assert!(!id.is_empty());
            }
            Event::Delta { delta: Delta::ToolInput(piece), .. } => input.push_str(piece),
            _ => {}
        }
    }
    let input: serde_json::Value = serde_json::from_str(&input).unwrap();
    assert!(input["city"].is_string(), "conforms to the schema: {input}");
    assert!(events.contains(&Event::Stop(StopReason::ToolUse)), "{events:?}");
}

#[tokio::test]
async fn refusals_before_an_answer() {
    for (fault, failure) in [
        (FaultKind::Throttling, ModelFailure::Throttled),
        (FaultKind::ModelNotReady, ModelFailure::NotReady),
        (FaultKind::ServiceQuotaExceeded, ModelFailure::QuotaExceeded),
        (FaultKind::AccessDenied, ModelFailure::Denied),
        (FaultKind::ModelTimeout, ModelFailure::TimedOut),
        (FaultKind::ModelError, ModelFailure::Model),
        (FaultKind::InternalServer, ModelFailure::Internal),
        (FaultKind::ServiceUnavailable, ModelFailure::Unavailable),
        (FaultKind::Disconnect, ModelFailure::Unavailable),
    ] {
        let (model, _stop) = start(vec![FaultRule::next(fault, 2)]).await;
        let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
        assert_eq!(error.failure, failure, "{fault:?}: {error:?}");
        assert!(!error.message.contains("credentials"), "{fault:?}: {}", error.message);
        if matches!(fault, FaultKind::Disconnect) {
            assert_eq!(error.message, "Bedrock could not be reached");
        }
        let error = model.stream(call("nova-lite", say("hi"))).await.err().unwrap();
        assert_eq!(error.failure, failure, "{fault:?}, streamed: {error:?}");
        assert!(model.chat(call("nova-lite", say("hi"))).await.is_ok(), "{fault:?}: over after two calls");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_have_cost_something() {
    let (model, _stop) = start(vec![FaultRule::next(FaultKind::Cut, 1)]).await;
    let error = model.chat(call("nova-lite", say("hi"))).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Broken, "{error:?}");
}

#[tokio::test]
async fn failures_in_mid_stream() {
    for (fault, failure) in [
        (FaultKind::StreamThrottling, ModelFailure::Throttled),
        (FaultKind::StreamModelError, ModelFailure::Model),
        (FaultKind::StreamInternalServer, ModelFailure::Internal),
        (FaultKind::StreamServiceUnavailable, ModelFailure::Unavailable),
        (FaultKind::StreamValidation, ModelFailure::Invalid),
        (FaultKind::Cut, ModelFailure::Broken),
        (FaultKind::Stall, ModelFailure::TimedOut),
    ] {
        let (model, _stop) = start(vec![FaultRule::next(fault, 1).after_events(2)]).await;
        let events: Vec<_> =
            model.stream(call("nova-lite", say("[[tokens: 20]]"))).await.unwrap().collect().await;
        let (last, before) = events.split_last().unwrap();
        assert_eq!(last.as_ref().unwrap_err().failure, failure, "{fault:?}: {last:?}");
        assert!(!before.is_empty() && before.iter().all(Result::is_ok), "{fault:?}: {before:?}");
    }
}

/// Bedrock says that a message begins before anybody knows whether it will.
#[tokio::test]
async fn a_stream_without_a_word_is_a_call_that_failed() {
    for (fault, failure) in [
        (FaultKind::StreamThrottling, ModelFailure::Throttled),
        (FaultKind::StreamServiceUnavailable, ModelFailure::Unavailable),
        (FaultKind::Stall, ModelFailure::TimedOut),
    ] {
        for model_name in ["nova-lite", "claude-haiku-4-5"] {
            let (model, _stop) = start(vec![FaultRule::next(fault, 1).after_events(1)]).await;
            let asked = call(model_name, say("[[tokens: 20]]"));
            let error = model.stream(asked.clone()).await.err().unwrap();
            assert_eq!(error.failure, failure, "{fault:?}: {error:?}");
            let events: Vec<Event> = model.stream(asked).await.unwrap().map(Result::unwrap).collect().await;
            let starts = events.iter().filter(|it| **it == Event::Start).count();
            assert_eq!((events.first(), starts), (Some(&Event::Start), 1), "nothing is lost or said twice");
        }
    }
}

/// One that thinks unseen may be silent for long: its stream is handed out when the wait is over, and goes on.
#[tokio::test]
async fn a_model_that_thinks_may_begin_late() {
    let (model, _stop) = start(vec![FaultRule::next(FaultKind::Stall, 1).after_events(1)]).await;
    let thinking = Request { reasoning: Some(ReasoningMode::Effort(Effort::Low)), ..say("hi") };
    let mut asked = call("claude-haiku-4-5", thinking);
    asked.deadline = Duration::from_millis(100);
    let events: Vec<_> = model.stream(asked).await.unwrap().collect().await;
    let [Ok(Event::Start), Err(error)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(error.failure, ModelFailure::TimedOut);
}

#[tokio::test]
async fn a_dropped_stream_harms_nothing() {
    let (model, _stop) = start(vec![]).await;
    let mut stream = model.stream(call("nova-lite", say("[[rate: 20]] [[tokens: 1000]]"))).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    assert!(model.chat(call("nova-lite", say("hi"))).await.is_ok());
}

#[tokio::test]
async fn bedrocks_own_refusals_come_through() {
    let (model, _stop) = start(vec![]).await;
    let error = model.chat(call("nova-lite", say("   "))).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Invalid, "{error:?}");
    let stranger = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/zzzzzzzzzzzz";
    let error = model.chat(call(stranger, say("hi"))).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::NotFound, "{error:?}");
    assert!(!error.message.contains("111122223333"), "{}", error.message);
}

/// The catalogue and the emulator know the same chat models, by every name, with the same abilities.
#[tokio::test]
async fn every_chat_model_of_the_catalogue_answers() {
    let (model, _stop) = start(vec![]).await;
    let mut abroad = HashMap::new();
    for region in ["eu-west-1", "ap-northeast-1", "ap-southeast-2", "ap-south-1", "us-gov-west-1"] {
        abroad.insert(region, start_in(region, vec![]).await);
    }
    for info in catalog().list() {
        if !info.output.contains(&Modality::Text) {
            continue;
        }
        for name in std::iter::once(&info.id).chain(&info.aliases) {
            let region = match name.split('.').next() {
                Some("eu") => "eu-west-1",
                Some("jp" | "apac") => "ap-northeast-1",
                Some("au") => "ap-southeast-2",
                Some("in") => "ap-south-1",
                Some("us-gov") => "us-gov-west-1",
                _ => "us-east-1",
            };
            let model = abroad.get(region).map_or(&model, |(there, _)| there);
            let answer = model.chat(call(name, say("[[say: here]]"))).await;
            assert!(answer.is_ok(), "{name} from {region}: {answer:?}");
        }
        let mut able = say("[[say: here]]");
        able.inference.max_tokens = Some(1);
        able.inference.temperature = info.sampling.then_some(0.5);
        able.inference.stop = if info.stop_sequences { vec!["END".into()] } else { vec![] };
        if info.tools {
            let choice = if info.tool_choice { ToolChoice::Any } else { ToolChoice::Auto };
            able.tools = with_tool("", choice).tools;
        }
        let answer = model.chat(call(&info.id, able)).await;
        assert!(answer.is_ok(), "{}, with all it can: {answer:?}", info.id);
    }
}
