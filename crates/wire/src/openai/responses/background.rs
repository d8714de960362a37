//! Responses that are made in the background: a job makes them, and clients come back for them.
//!
//! What is kept until then is the object as it is begun, with the status `queued`. How it stands in the meantime, and how it
//! ended where no answer was made, its job knows.

use outcrop_types::StoredResponse;
use serde_json::{Value, json};

use crate::error::ErrorBody;

use super::answer::FailureJson;

/// Whether a body may ask for an answer in the background, as far as that can be seen without reading it.
#[must_use]
pub fn may_be_asked(body: &[u8]) -> bool {
    memchr::memmem::find(body, b"\"background\"").is_some()
}

/// Whether a kept response was asked for in the background.
#[must_use]
pub fn is_one(response: &StoredResponse) -> bool {
    response.response["background"] == true
}

/// Whether a kept response is still to come.
#[must_use]
pub fn is_to_come(response: &StoredResponse) -> bool {
    matches!(response.response["status"].as_str(), Some("queued" | "in_progress"))
}

/// Whether a kept response is there with an answer, be it one that was cut short.
#[must_use]
pub fn is_made(response: &StoredResponse) -> bool {
    matches!(response.response["status"].as_str(), Some("completed" | "incomplete"))
}

/// The response, begun.
#[must_use]
pub fn in_progress(response: StoredResponse) -> StoredResponse {
    with(response, [("status", "in_progress".into())])
}

/// The response, cancelled by its owner.
#[must_use]
pub fn cancelled(response: StoredResponse) -> StoredResponse {
    with(response, [("status", "cancelled".into())])
}

/// The response, failed.
#[must_use]
pub fn failed(response: StoredResponse, error: &ErrorBody) -> StoredResponse {
    with(response, [("status", "failed".into()), ("error", json!(FailureJson::from(error)))])
}

/// The response as it was answered. An answer that is no object leaves it as it is.
#[must_use]
pub fn answered(response: StoredResponse, answer: Value) -> StoredResponse {
    if answer.is_object() { StoredResponse { response: answer, ..response } } else { response }
}

fn with<const N: usize>(mut response: StoredResponse, fields: [(&str, Value); N]) -> StoredResponse {
    if let Value::Object(object) = &mut response.response {
        object.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    response
}
