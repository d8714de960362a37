//! Batches: what is asked for, lines in, lines out, and how one is shown.

use chrono::DateTime;
use outcrop_types::{
    Batch, BatchCounts, BatchError, BatchId, BatchStatus, Choice, FileId, Money, TeamId, TokenUsage, Used,
    Way,
};
use outcrop_wire::openai::batches::{BatchFacts, Ended, check, parse, read, show, show_list, write_line};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::show;

#[test]
fn each_fixture_is_understood() {
    for (name, body) in show::fixtures("openai/batches") {
        show::check(&format!("openai_batches__{name}"), &format!("{:#?}", parse(&body).unwrap()));
    }
}

#[test]
fn a_line_is_read_as_its_client_wrote_it() {
    let line = br#"{"custom_id":"a\"b","method":"POST","url":"/v1/embeddings","body":{ "model" : "m",  "input":"x"}}"#;
    let found = check(line, "/v1/embeddings").unwrap();
    assert_eq!((&*found.custom_id, found.model.as_deref()), ("a\"b", Some("m")));
    let call = read(line).unwrap();
    assert_eq!((&*call.custom_id, call.body), ("a\"b", r#"{ "model" : "m",  "input":"x"}"#));
    assert_eq!(read(b"{}"), None);
}

#[test]
fn a_line_that_is_written_is_one_line() {
    let answer = |body: &[u8]| {
        let line = write_line("batch_req_1", "a\nb", Ended::Answer { status: 200, request_id: "r", body });
        assert!(!line.contains(['\n', '\r']), "{line}");
        serde_json::from_str::<Value>(&line).unwrap()
    };
    let shown = answer(b"{\n  \"a\": \"x\\ny\"\r\n}");
    assert_eq!(
        shown,
        json!({"id": "batch_req_1", "custom_id": "a\nb", "error": null,
               "response": {"status_code": 200, "request_id": "r", "body": {"a": "x\ny"}}})
    );
    assert_eq!(answer(b"<html>\n")["response"]["body"], "<html>\n", "what is no JSON is told as text");
    let failed = write_line("i", "c", Ended::Failure { code: "batch_expired", message: "too late" });
    assert_eq!(
        failed,
        r#"{"id":"i","custom_id":"c","response":null,"error":{"code":"batch_expired","message":"too late"}}"#
    );
}

#[test]
fn a_batch_is_shown_as_openai_shows_one() {
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let uuid = Uuid::from_u128(1);
    let batch = Batch {
        id: BatchId::new(uuid),
        team: TeamId::new(uuid),
        endpoint: "/v1/chat/completions".to_owned(),
        input_file: FileId::new(uuid),
        completion_window: "24h".to_owned(),
        metadata: [("project".to_owned(), "atlas".to_owned())].into(),
        output_expires_after_s: None,
        status: BatchStatus::Completed,
        errors: Vec::new(),
        model: Some("claude-haiku-4-5".to_owned()),
        output_file: Some(FileId::new(Uuid::from_u128(2))),
        error_file: None,
        counts: BatchCounts { total: 3, completed: 2, failed: 1 },
        bedrock: None,
        created_at: at(1_000),
        in_progress_at: Some(at(1_001)),
        expires_at: at(87_400),
        finalizing_at: Some(at(1_002)),
        completed_at: Some(at(1_003)),
        failed_at: None,
        expired_at: None,
        cancelling_at: None,
        cancelled_at: None,
    };
    let tokens = TokenUsage { input: 10, cache_read: 5, output: 7, reasoning: 2, ..TokenUsage::default() };
    let used =
        Used { tokens, cost: Money::from_nano_usd(1_500_000), saved: Money::from_nano_usd(500), unpriced: 1 };
    let choice = Some(Choice { way: Way::Flex, reason: "There is time.".to_owned() });
    let done = BatchFacts { batch: batch.clone(), choice, used };
    let pretty = |bytes: Vec<u8>| show::pretty(&serde_json::from_slice(&bytes).unwrap());
    show::check("openai_batches__shown", &pretty(show(&done)));
    let error = BatchError {
        code: "invalid_json_line".to_owned(),
        message: "This line is not parseable as valid JSON.".to_owned(),
        param: None,
        line: Some(2),
    };
    let failed = Batch { status: BatchStatus::Failed, errors: vec![error], ..batch };
    let failed = BatchFacts { batch: failed, choice: None, used: Used::default() };
    show::check("openai_batches__listed", &pretty(show_list(&[failed], true)));
    show::check("openai_batches__nothing_listed", &pretty(show_list(&[], false)));
}
