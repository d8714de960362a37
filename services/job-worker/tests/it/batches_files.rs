//! What is wrong with the file of a batch, and that all of it is told.

use serde_json::{Value, json};

use crate::batches_world::{Batches, LineModel, good_lines, line, small_parts};

/// The errors of a batch of this file.
async fn errors(text: &str) -> Vec<Value> {
    let mut options = small_parts();
    options.batches.max_lines = 6;
    options.batches.max_line_bytes = 1_000;
    let batches = Batches::idle(LineModel::good(), options).await;
    let _working = batches.work();
    let batch = batches.run(text.to_owned()).await;
    assert_eq!(batch["status"], "failed", "{batch}");
    assert!(batch["failed_at"].is_u64());
    assert_eq!(batches.model.count(), 0, "nothing is called of a file that is no good");
    assert_eq!(batch["errors"]["object"], "list");
    batch["errors"]["data"].as_array().unwrap().clone()
}

/// The second of three lines, changed.
fn second(change: impl FnOnce(&mut Value)) -> String {
    let mut changed = line(2);
    change(&mut changed);
    format!("{}\n{changed}\n{}\n", line(1), line(3))
}

#[actix_web::test]
async fn each_error_is_told_with_its_line() {
    let without = |field: &'static str| second(move |line| drop(line.as_object_mut().unwrap().remove(field)));
    let with = |field: &'static str, value: Value| second(move |line| line[field] = value);
    let cases = [
        (format!("{}\n{{\"custom_id\": \n", line(1)), "invalid_json_line", Value::Null),
        (format!("{}\n[1]\n", line(1)), "invalid_json_line", Value::Null),
        (format!("{}\n\u{1}\n", line(1)), "invalid_json_line", Value::Null),
        (without("custom_id"), "missing_required_parameter", json!("custom_id")),
        (without("method"), "missing_required_parameter", json!("method")),
        (without("url"), "missing_required_parameter", json!("url")),
        (without("body"), "missing_required_parameter", json!("body")),
        (with("custom_id", json!(7)), "invalid_type", json!("custom_id")),
        (with("custom_id", json!("")), "invalid_custom_id", json!("custom_id")),
        (with("custom_id", json!("line-1")), "duplicate_custom_id", json!("custom_id")),
        (with("custom_id", json!("line-\u{31}")), "duplicate_custom_id", json!("custom_id")),
        (with("method", json!("GET")), "invalid_method", json!("method")),
        (with("url", json!("/v1/embeddings")), "invalid_url", json!("url")),
        (with("body", json!([])), "invalid_type", json!("body")),
        (second(|line| line["body"]["stream"] = json!(true)), "unsupported_parameter", json!("body.stream")),
        (with("colour", json!("red")), "unknown_parameter", Value::Null),
        (with("custom_id", json!("x".repeat(990))), "line_too_long", Value::Null),
    ];
    for (text, code, param) in cases {
        let errors = errors(&text).await;
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(
            (&errors[0]["code"], &errors[0]["param"], &errors[0]["line"]),
            (&json!(code), &param, &json!(2)),
            "{errors:?}"
        );
        assert!(!errors[0]["message"].as_str().unwrap().is_empty());
    }
}

#[actix_web::test]
async fn a_file_without_lines_and_one_with_too_many_are_no_good() {
    for empty in ["", "\n \n"] {
        let errors = errors(empty).await;
        assert_eq!((&errors[0]["code"], &errors[0]["line"]), (&json!("empty_file"), &Value::Null));
    }
    assert_eq!(errors(&good_lines(7)).await[0]["code"], "too_many_lines");
}

#[actix_web::test]
async fn all_errors_of_a_file_are_told_but_no_more_than_a_thousand() {
    let text = format!("x\n{}\nx\n", line(1));
    let told: Vec<_> = errors(&text).await.iter().map(|error| error["line"].as_u64().unwrap()).collect();
    assert_eq!(told, [1, 3]);
    let batches = Batches::idle(LineModel::good(), small_parts()).await;
    let _working = batches.work();
    let batch = batches.run("x\n".repeat(1_500)).await;
    assert_eq!(batch["errors"]["data"].as_array().unwrap().len(), 1_000);
}

#[actix_web::test]
async fn a_line_longer_than_a_part_is_a_part_of_its_own() {
    let mut options = small_parts();
    options.batches.part_bytes = 150;
    let batches = Batches::idle(LineModel::good(), options).await;
    let _working = batches.work();
    let batch = batches.run(good_lines(5)).await;
    assert_eq!(batch["status"], "completed", "{batch}");
    batches.assert_exactly_once(&batch, 5).await;
}
