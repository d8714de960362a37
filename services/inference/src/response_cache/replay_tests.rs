//! An answer is the same after a replay, and reads the same after it was kept.

use outcrop_chat::ServiceTier;
use serde_json::json;

use super::*;
use crate::response_cache::kept;

fn answer() -> Response {
    let text = "The quick brown fox jumps over the lazy dog, and then – once more – it jumps. ".repeat(5);
    Response {
        content: vec![
            Block::Reasoning(Reasoning::Text {
                text: "hm, let me see".into(),
                signature: Some("sig".into()),
            }),
            Block::Reasoning(Reasoning::Redacted(bytes::Bytes::from_static(&[0, 255, 3]))),
            Block::Text(text),
            Block::Cited(CitedText { text: "found".into(), citations: vec![json!({"title": "a"})] }),
            Block::ToolUse(ToolUse { id: "1".into(), name: "tool".into(), input: json!({"b": 1, "a": [2]}) }),
            Block::ToolUse(ToolUse { id: "2".into(), name: "tool".into(), input: json!({}) }),
        ],
        stop_reason: StopReason::StopSequence,
        usage: TokenUsage { input: 3, output: 4, ..TokenUsage::default() },
        extra: Extra {
            stop_sequence: Some("END".into()),
            service_tier: Some(ServiceTier::Flex),
            optimized_latency: Some(true),
            fields: Some(json!({"x": 1})),
            trace: Some(json!({"guardrail": {}})),
        },
    }
}

fn gathered(events: &[Event], most: usize) -> Option<Response> {
    let mut gathered = Gathered::new(most);
    events.iter().for_each(|event| gathered.push(event));
    gathered.whole()
}

#[test]
fn an_answer_is_the_same_after_a_replay() {
    let events = events(answer());
    assert_eq!(gathered(&events, 1 << 20), Some(answer()));
    assert!(matches!(events.last(), Some(Event::Usage(_))));
    assert_eq!(gathered(&events[..events.len() - 2], 1 << 20), None, "a part is no answer");
    assert_eq!(gathered(&events, 100), None, "a large one is not kept");
}

#[test]
fn an_answer_reads_as_it_was_kept() {
    let kept = kept::write(&answer()).unwrap();
    assert_eq!(kept::read(&kept, answer().usage), Some(answer()));
    assert_eq!(kept::read(&kept[..kept.len() - 1], answer().usage), None);
}

#[test]
fn pieces_are_words_and_make_the_text() {
    for text in ["", "a", "ü", &"wört ".repeat(50), &"x".repeat(500), &"日本語".repeat(40)] {
        let all: Vec<&str> = pieces(text).collect();
        assert_eq!(all.concat(), text);
        assert!(all.iter().all(|it| !it.is_empty() && it.len() <= 2 * PIECE + 4), "{all:?}");
    }
    assert_eq!(pieces("The quick brown fox jumps over the lazy dog, and more words").count(), 2);
}

#[test]
fn what_is_no_answer_is_not_kept() {
    for reason in [StopReason::EndTurn, StopReason::MaxTokens, StopReason::StopSequence] {
        assert!(kept::is_kept(reason, false));
    }
    assert!(!kept::is_kept(StopReason::ToolUse, false) && kept::is_kept(StopReason::ToolUse, true));
    for reason in [
        StopReason::GuardrailIntervened,
        StopReason::ContentFiltered,
        StopReason::MalformedModelOutput,
        StopReason::MalformedToolUse,
        StopReason::Other,
    ] {
        assert!(!kept::is_kept(reason, true), "{reason:?}");
    }
}
