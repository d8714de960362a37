//! Guardrails: ApplyGuardrail, and those that look on while a model is called.

use crate::{Running, ask};
use serde_json::{Value, json};

const NOVA: &str = "/model/amazon.nova-lite-v1:0";
const CLAUDE: &str = "/model/us.anthropic.claude-haiku-4-5-20251001-v1:0";
const APPLY: &str = "/guardrail/gr1/version/1/apply";

fn look(source: &str, texts: &[&str]) -> Value {
    let content: Vec<_> = texts.iter().map(|it| json!({"text": {"text": it}})).collect();
    json!({"source": source, "content": content})
}

fn guarded(text: &str, more: &Value) -> Value {
    let mut body = ask(text);
    body["guardrailConfig"] =
        json!({"guardrailIdentifier": "gr1", "guardrailVersion": "1", "trace": "enabled"});
    for (key, value) in more.as_object().unwrap() {
        body["guardrailConfig"][key] = value.clone();
    }
    body
}

#[tokio::test]
async fn texts_are_blocked_masked_or_let_pass() {
    let emulator = Running::start().await;
    let (_, _, passed) = emulator.post(APPLY, &look("INPUT", &["hello", "there"])).await;
    assert_eq!((&passed["action"], &passed["outputs"]), (&json!("NONE"), &json!([])), "{passed}");
    let (_, _, masked) = emulator.post(APPLY, &look("INPUT", &["hello", "to secret@example.com"])).await;
    assert_eq!(masked["action"], "GUARDRAIL_INTERVENED");
    assert_eq!(masked["outputs"], json!([{"text": "hello"}, {"text": "to {EMAIL}"}]));
    let entity = &masked["assessments"][0]["sensitiveInformationPolicy"]["piiEntities"][0];
    assert_eq!((&entity["type"], &entity["action"]), (&json!("EMAIL"), &json!("ANONYMIZED")));
    let (_, _, blocked) = emulator.post(APPLY, &look("OUTPUT", &["a bannedword secret@example.com"])).await;
    assert_eq!(blocked["outputs"], json!([{"text": "Sorry, the model's answer cannot be shown."}]));
    assert_eq!(blocked["actionReason"], "Guardrail blocked.");
    let (_, _, long) = emulator.post(APPLY, &look("OUTPUT", &["x ".repeat(501).as_str()])).await;
    assert_eq!(
        (&long["usage"]["wordPolicyUnits"], &long["usage"]["sensitiveInformationPolicyUnits"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(emulator.charges.snapshot().models["gr1"].tokens.guardrail_units, 2 + 2 + 2 + 4);
}

#[tokio::test]
async fn what_is_not_there_or_makes_no_sense_is_refused() {
    let emulator = Running::start().await;
    for body in [look("INPUT", &[" "]), look("SIDEWAYS", &["a"]), json!({"source": "INPUT"})] {
        let (status, error, _) = emulator.post(APPLY, &body).await;
        assert_eq!((status, error.split(':').next()), (400, Some("ValidationException")), "{body}");
    }
    let set = json!({"guardrails": [{"id": "gr1", "versions": ["2"], "blocked": ["x"]}]});
    emulator.post("/_emulator/guardrails", &set).await;
    let (status, error, _) = emulator.post(APPLY, &look("INPUT", &["a"])).await;
    assert_eq!((status, error.split(':').next()), (404, Some("ResourceNotFoundException")));
    let (status, error, _) = emulator.post(&format!("{NOVA}/converse"), &guarded("hi", &json!({}))).await;
    assert_eq!((status, error.split(':').next()), (400, Some("ValidationException")));
}

#[tokio::test]
async fn a_question_is_looked_at_before_the_model_reads_it() {
    let emulator = Running::start().await;
    let (_, _, blocked) =
        emulator.post(&format!("{NOVA}/converse"), &guarded("a bannedword", &json!({}))).await;
    assert_eq!(blocked["stopReason"], "guardrail_intervened");
    assert_eq!(
        blocked["output"]["message"]["content"][0]["text"],
        "Sorry, the model cannot answer this question."
    );
    assert_eq!(blocked["usage"]["totalTokens"], 0, "no model was called");
    let word = &blocked["trace"]["guardrail"]["inputAssessment"]["gr1"]["wordPolicy"]["customWords"][0];
    assert_eq!(word["match"], "bannedword", "{blocked}");
    let (_, _, masked) =
        emulator.post(&format!("{NOVA}/converse"), &guarded("I am secret@example.com", &json!({}))).await;
    let text = masked["output"]["message"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("I am {EMAIL}"), "{text}");
    // Only what is marked is looked at, if anything is.
    let mut marked = guarded("", &json!({"trace": "disabled"}));
    marked["messages"][0]["content"] =
        json!([{"text": "[[say: fine]] bannedword"}, {"guardContent": {"text": {"text": "fine"}}}]);
    let (_, _, passed) = emulator.post(&format!("{NOVA}/converse"), &marked).await;
    assert_eq!((&passed["stopReason"], passed.get("trace")), (&json!("end_turn"), None), "{passed}");
    marked["messages"][0]["content"][1]["guardContent"]["text"]["text"] = json!("bannedword");
    let (_, _, blocked) = emulator.post(&format!("{NOVA}/converse"), &marked).await;
    assert_eq!(blocked["stopReason"], "guardrail_intervened");
}

#[tokio::test]
async fn an_answer_is_looked_at_before_or_while_it_leaves() {
    let emulator = Running::start().await;
    let said = "[[say: one two banned\u{200b}word three]]".replace('\u{200b}', "");
    let set = json!({"guardrails": [{"id": "gr1", "blocked": ["banned"], "masked": {"four": "NAME"}}]});
    // What is asked must pass: only the answer holds the word.
    let asked = "[[tokens: 40]]";
    let set_river = json!({"guardrails": [{"id": "gr1", "blocked": ["stone and"], "masked": {}}]});
    emulator.post("/_emulator/guardrails", &set_river).await;
    let (_, _, whole) = emulator.post(&format!("{NOVA}/converse"), &guarded(asked, &json!({}))).await;
    assert_eq!(
        whole["output"]["message"]["content"][0]["text"],
        "Sorry, the model's answer cannot be shown."
    );
    assert_eq!(whole["usage"]["outputTokens"], 40, "the model wrote all of it");
    for (mode, leaves) in [("sync", false), ("async", true)] {
        let body = guarded(asked, &json!({"streamProcessingMode": mode}));
        let answer =
            emulator.client(&format!("{NOVA}/converse-stream")).body(body.to_string()).send().await.unwrap();
        let bytes = answer.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(text.contains("\" river\""), leaves, "{mode}");
        assert!(!text.contains("\" light\"") && text.contains("guardrail_intervened"), "{mode}: {text}");
        assert!(text.contains("outputAssessments"), "{mode}: {text}");
    }
    emulator.post("/_emulator/guardrails", &set).await;
    let (_, _, blocked) = emulator.post(&format!("{NOVA}/converse"), &guarded(&said, &json!({}))).await;
    assert_eq!(blocked["usage"]["totalTokens"], 0);
}

#[tokio::test]
async fn headers_name_one_for_a_claude_in_its_own_words() {
    let emulator = Running::start().await;
    let body = |text: &str| {
        json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 50,
        "messages": [{"role": "user", "content": text}]})
    };
    for (text, action, trace) in [("a bannedword", "INTERVENED", "ENABLED"), ("hi", "NONE", "DISABLED")] {
        let request = emulator
            .client(&format!("{CLAUDE}/invoke"))
            .header("x-amzn-bedrock-guardrailidentifier", "gr1")
            .header("x-amzn-bedrock-guardrailversion", "1")
            .header("x-amzn-bedrock-trace", trace);
        let answer: Value = request.body(body(text).to_string()).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["amazon-bedrock-guardrailAction"], action, "{answer}");
        assert_eq!(answer.get("amazon-bedrock-trace").is_some(), trace == "ENABLED", "{answer}");
    }
}
