//! Rerank requests, refusals, answers, and the table of fields.

use outcrop_wire::openai::rerank::{Scored, parity, parse, response};
use serde_json::{Value, json};

use crate::show;

#[test]
fn each_fixture_is_understood() {
    for (name, body) in show::fixtures("openai/rerank") {
        show::check(&format!("openai_rerank__{name}"), &format!("{:#?}", parse(&body).unwrap()));
    }
}

#[test]
fn refusals_name_the_field() {
    let with = |field: &str, value: Value| {
        let mut body = json!({"query": "q", "documents": ["a"]});
        body[field] = value;
        body
    };
    let cases = [
        (json!({"documents": ["a"]}), "query"),
        (json!({"query": "q"}), "documents"),
        (with("query", json!(" ")), "query"),
        (with("query", json!(7)), "query"),
        (with("documents", json!([])), "documents"),
        (with("documents", json!(vec!["a"; 1001])), "documents"),
        (with("documents", json!(["a", ""])), "documents[1]"),
        (with("documents", json!([{"title": "a"}])), "documents[0].text"),
        (with("documents", json!(["a", 7])), "documents[1]"),
        (with("top_n", json!(0)), "top_n"),
        (with("top_n", json!("2")), "top_n"),
        (with("return_documents", json!("yes")), "return_documents"),
        (with("rank_fields", json!(["title"])), "rank_fields"),
    ];
    for (body, param) in cases {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        let body: String = body.to_string().chars().take(80).collect();
        assert_eq!(error.param.as_deref(), Some(param), "{body}: {}", error.message);
    }
}

#[test]
fn answers_are_coheres() {
    let scored = [
        Scored { index: 2, score: 0.75, document: Some("the \"cat\"") },
        Scored { index: 0, score: 0.25, document: None },
    ];
    let text = String::from_utf8(response("r-1", &scored, 2).to_vec()).unwrap();
    let whole = concat!(
        r#"{"id":"r-1","results":[{"index":2,"relevance_score":0.75,"document":{"text":"the \"cat\""}},"#,
        r#"{"index":0,"relevance_score":0.25}],"#,
        r#""meta":{"api_version":{"version":"2"},"billed_units":{"search_units":2}}}"#
    );
    assert_eq!(text, whole);
}

#[test]
fn each_field_has_the_fate_of_the_table() {
    let plain = json!({"query": "q", "documents": ["a", "b"]});
    let read = |body: &Value| parse(body.to_string().as_bytes());
    for (field, fate, _) in parity::FIELDS {
        let mut body = plain.clone();
        body[*field] = match *field {
            "model" => json!("m"),
            "query" => json!("other"),
            "documents" => json!([{"text": "c"}]),
            "top_n" | "max_tokens_per_doc" | "max_chunks_per_doc" | "priority" => json!(1),
            "return_documents" => json!(true),
            "rank_fields" => json!(["text"]),
            other => panic!("no sample of {other}"),
        };
        show::check_fate(field, fate, read(&body), &read(&plain).unwrap(), |it| &it.dropped);
    }
}
