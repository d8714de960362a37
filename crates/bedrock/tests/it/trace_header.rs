//! Bedrock is told where in its trace a call is.

use outcrop_ports::{ChatModel as _, GuardedSide, GuardrailCall, Guardrails as _};
use outcrop_telemetry::current::Current;
use outcrop_telemetry::trace::TraceContext;
use std::time::Duration;

use crate::fake::{Sent, call, model, ok, say};

const ANSWER: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"metrics":{"latencyMs":1}}"#;
const GUARDRAIL: &str = r#"{"action":"NONE","outputs":[],"assessments":[]}"#;

fn header<'a>(sent: &'a Sent, name: &str) -> Option<&'a str> {
    sent.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
}

fn in_a_trace() -> Current {
    Current::new("r", TraceContext::from_line("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"))
}

#[tokio::test]
async fn every_call_says_so_in_x_rays_words_and_does_not_sign_them() {
    let (model, sent) = model(ok(ANSWER));
    in_a_trace().scope(model.chat(call("nova-lite", say("hi")))).await.unwrap();
    let sent = sent.lock().unwrap()[0].clone();
    let expected = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    assert_eq!(header(&sent, "x-amzn-trace-id"), Some(expected));
    let signed = header(&sent, "authorization").unwrap();
    assert!(signed.contains("SignedHeaders=") && !signed.contains("x-amzn-trace-id"), "{signed}");
}

#[tokio::test]
async fn a_look_of_a_guardrail_does_too() {
    let (model, sent) = model(ok(GUARDRAIL));
    let look = GuardrailCall {
        id: "g".into(),
        version: "1".into(),
        side: GuardedSide::Input,
        texts: vec!["hi".into()],
        deadline: Duration::from_secs(5),
    };
    in_a_trace().scope(model.apply(look)).await.unwrap();
    let sent = sent.lock().unwrap()[0].clone();
    let told = header(&sent, "x-amzn-trace-id").unwrap();
    assert!(told.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;"), "{told}");
}

#[tokio::test]
async fn a_call_outside_of_any_trace_says_nothing() {
    let (model, sent) = model(ok(ANSWER));
    model.chat(call("nova-lite", say("hi"))).await.unwrap();
    assert_eq!(header(&sent.lock().unwrap()[0], "x-amzn-trace-id"), None);
}
