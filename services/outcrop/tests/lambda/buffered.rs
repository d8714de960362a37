//! Behind an ALB, an HTTP API or a REST API: whole answers.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::events::{Asked, CALLER, Front};
use crate::function::{Function, KEY};

/// The key of somebody else.
const OTHER: &str = "lambda-key-of-another-who-is-no-less";

fn chat() -> Value {
    json!({ "model": "claude-haiku-4-5", "messages": [{ "role": "user", "content": "Hello" }] })
}

#[tokio::test]
async fn every_front_is_answered_in_its_form() {
    let function = Function::start("buffered").await;
    assert_eq!(function.runtime.extensions(), ["lambda-adapter"]);
    for front in [Front::Alb, Front::HttpApi, Front::RestApi, Front::FunctionUrl] {
        let asked = Asked::post("/v1/chat/completions", Some(KEY), chat());
        let answer = function.invoke(front, &asked).whole().await;
        assert_eq!(
            (&answer["statusCode"], &answer["isBase64Encoded"]),
            (&json!(200), &json!(false)),
            "{answer}"
        );
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert!(!body["choices"][0]["message"]["content"].as_str().unwrap().is_empty(), "{front:?}: {body}");

        let answer = function.invoke(front, &Asked::post("/v1/chat/completions", None, chat())).whole().await;
        assert_eq!(answer["statusCode"], 401, "{front:?}: {answer}");
        let wrong = Asked::get("/v1/models", Some("lambda-key-of-nobody-which-is-long"));
        assert_eq!(function.invoke(front, &wrong).whole().await["statusCode"], 401, "{front:?}");

        let listed = Asked { query: "limit=1", ..Asked::get("/v1/usage/me", Some(KEY)) };
        let answer = function.invoke(front, &listed).whole().await;
        assert_eq!(answer["statusCode"], 200, "{front:?}: {answer}");
    }
    // Who called is who the address in front has seen.
    assert!(function.outcrop.log().contains(CALLER));
    // No first key was made, to stand in the log of every environment.
    assert!(!function.outcrop.log().contains("ock_"));
}

#[tokio::test]
async fn the_limit_of_keys_counts_each_bearer_of_a_static_key() {
    let keys = json!({ "me": KEY, "ci": OTHER }).to_string();
    let settings =
        [("OUTCROP__AUTH__STATIC_KEYS", &*keys), ("OUTCROP__LIMITS__REQUESTS_PER_MINUTE_PER_KEY", "1")];
    let function = Function::start_with("buffered", &settings).await;
    let status = async |key: &str| {
        let asked = Asked::post("/v1/chat/completions", Some(key), chat());
        function.invoke(Front::RestApi, &asked).whole().await["statusCode"].clone()
    };
    assert_eq!((status(KEY).await, status(KEY).await), (json!(200), json!(429)));
    assert_eq!((status(OTHER).await, status(OTHER).await), (json!(200), json!(429)));
}

#[tokio::test]
async fn what_is_no_text_comes_in_base64() {
    let function = Function::start("buffered").await;
    let body = json!({ "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }] });
    let asked = Asked::post("/model/claude-haiku-4-5/converse-stream", Some(KEY), body);
    let answer = function.invoke(Front::Alb, &asked).whole().await;
    assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(200), &json!(true)), "{answer}");
    let bytes = base64::prelude::BASE64_STANDARD.decode(answer["body"].as_str().unwrap()).unwrap();
    assert!(is_event_stream(&bytes), "{} bytes", bytes.len());
}

/// Whether frames of AWS's event stream follow each other to the last byte.
pub(crate) fn is_event_stream(bytes: &[u8]) -> bool {
    let (mut rest, mut frames) = (bytes, 0);
    while let Some(size) = rest.first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        if size < 16 || size > rest.len() {
            return false;
        }
        (rest, frames) = (&rest[size..], frames + 1);
    }
    rest.is_empty() && frames > 1
}
