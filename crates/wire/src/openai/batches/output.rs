//! One line of a batch's output, or of its file of errors.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

/// How a line ended.
#[derive(Debug, Clone, Copy)]
pub enum Ended<'a> {
    /// With an answer, be it a good one.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The id of the call.
        request_id: &'a str,
        /// The body of the answer.
        body: &'a [u8],
    },
    /// Without any.
    Failure {
        /// A word for programs.
        code: &'a str,
        /// Words for people.
        message: &'a str,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    custom_id: &'a str,
    response: Option<Response<'a>>,
    error: Option<Failure<'a>>,
}

#[derive(Serialize)]
struct Response<'a> {
    status_code: u16,
    request_id: &'a str,
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(Cow<'a, str>),
}

#[derive(Serialize)]
struct Failure<'a> {
    code: &'a str,
    message: &'a str,
}

/// Writes a line, without its end. `id` is the line's own.
#[must_use]
pub fn write_line(id: &str, custom_id: &str, ended: Ended<'_>) -> String {
    let (response, error) = match ended {
        Ended::Answer { status, request_id, body } => {
            (Some(Response { status_code: status, request_id, body: read_body(body) }), None)
        }
        Ended::Failure { code, message } => (None, Some(Failure { code, message })),
    };
    let line = serde_json::to_string(&Line { id, custom_id, response, error }).unwrap_or_default();
    if line.contains(['\n', '\r']) {
        // Outside of strings, which have none, a line's end is but white space.
        return line.replace(['\n', '\r'], " ");
    }
    line
}

/// A body as JSON if it is that, otherwise as a string of its text.
fn read_body(body: &[u8]) -> Body<'_> {
    match serde_json::from_slice(body) {
        Ok(json) => Body::Json(json),
        Err(_) => Body::Text(String::from_utf8_lossy(body)),
    }
}
