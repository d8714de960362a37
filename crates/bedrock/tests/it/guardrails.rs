//! Guardrails by themselves, the emulator as the far end.

use std::time::Duration;

use outcrop_emulator::{FaultKind, FaultRule};
use outcrop_ports::{GuardedSide, GuardrailCall, Guardrails, ModelFailure};

use crate::emulator::start;

fn look(side: GuardedSide, texts: &[&str]) -> GuardrailCall {
    GuardrailCall {
        id: "gr1".to_owned(),
        version: "DRAFT".to_owned(),
        side,
        texts: texts.iter().map(|it| (*it).to_owned()).collect(),
        deadline: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn texts_pass_are_masked_or_blocked() {
    let (model, _stop) = start(vec![]).await;
    let passed = model.apply(look(GuardedSide::Input, &["hello", "there"])).await.unwrap();
    assert!(!passed.intervened && !passed.masked && passed.texts.is_empty(), "{passed:?}");
    assert_eq!(passed.units, 2, "words and sensitive information, a unit each");
    let masked = model.apply(look(GuardedSide::Output, &["hello", "secret@example.com"])).await.unwrap();
    assert!(masked.intervened && masked.masked, "{masked:?}");
    assert_eq!(masked.texts, ["hello", "{EMAIL}"]);
    let blocked = model.apply(look(GuardedSide::Input, &["bannedword secret@example.com"])).await.unwrap();
    assert!(blocked.intervened && !blocked.masked, "{blocked:?}");
    assert_eq!(blocked.texts, ["Sorry, the model cannot answer this question."]);
    assert_eq!(blocked.assessments[0]["wordPolicy"]["customWords"][0]["match"], "bannedword");
}

#[tokio::test]
async fn failures_are_those_of_any_call() {
    for (fault, failure) in [
        (FaultKind::Throttling, ModelFailure::Throttled),
        (FaultKind::ServiceQuotaExceeded, ModelFailure::QuotaExceeded),
        (FaultKind::AccessDenied, ModelFailure::Denied),
        (FaultKind::ServiceUnavailable, ModelFailure::Unavailable),
        (FaultKind::InternalServer, ModelFailure::Internal),
    ] {
        let (model, _stop) = start(vec![FaultRule::next(fault, 1)]).await;
        let error = model.apply(look(GuardedSide::Input, &["hello"])).await.unwrap_err();
        assert_eq!(error.failure, failure, "{error:?}");
        assert!(model.apply(look(GuardedSide::Input, &["hello"])).await.is_ok(), "{fault:?}");
    }
    let (model, _stop) = start(vec![]).await;
    let error = model.apply(look(GuardedSide::Input, &[" "])).await.unwrap_err();
    assert_eq!(error.failure, ModelFailure::Invalid);
}

#[tokio::test]
async fn nobody_waits_longer_than_said() {
    let slow = FaultRule { latency_ms: 5_000, ..FaultRule::next(FaultKind::Slow, 1) };
    let (model, _stop) = start(vec![slow]).await;
    let call = GuardrailCall { deadline: Duration::from_millis(50), ..look(GuardedSide::Input, &["hello"]) };
    assert_eq!(model.apply(call).await.unwrap_err().failure, ModelFailure::TimedOut);
}
