//! `POST /v1/batches`.

use std::collections::BTreeMap;
use std::time::Duration;

use outcrop_chat::InvalidRequest;
use outcrop_types::FileId;
use serde::Deserialize;

use crate::json;

const MOST_METADATA: usize = 16;
const LONGEST_KEY: usize = 64;
const LONGEST_VALUE: usize = 512;
const HOUR_S: u64 = 3_600;
/// Least and most that OpenAI keeps outputs, seconds: an hour and thirty days.
const KEPT_S: std::ops::RangeInclusive<u64> = HOUR_S..=30 * 24 * HOUR_S;

/// A batch that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// The file of its lines.
    pub input_file: FileId,
    /// The path that they call.
    pub endpoint: String,
    /// How long it may take.
    pub window: Window,
    /// What its owner says of it.
    pub metadata: BTreeMap<String, String>,
    /// How long its output is kept, seconds from its making.
    pub output_expires_after_s: Option<u64>,
}

/// `completion_window`: OpenAI's `24h`, and any other of one hour to seven days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// As the client wrote it.
    pub text: String,
    /// How long that is.
    pub length: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    input_file_id: Option<String>,
    endpoint: Option<String>,
    completion_window: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
    output_expires_after: Option<ExpiresAfter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpiresAfter {
    anchor: String,
    seconds: u64,
}

/// Reads what is asked for.
///
/// # Errors
/// [`InvalidRequest`] names the field that is wrong. Whether there is such a file is not known here.
pub fn parse(body: &[u8]) -> Result<BatchRequest, InvalidRequest> {
    let body: Body = json::parse(body)?;
    let file = body.input_file_id.ok_or_else(|| required("input_file_id"))?;
    let input_file =
        file.parse().map_err(|_| invalid("input_file_id", "`input_file_id` is not the id of a file."))?;
    let endpoint = body.endpoint.ok_or_else(|| required("endpoint"))?;
    let window = window(body.completion_window.ok_or_else(|| required("completion_window"))?)?;
    let metadata = body.metadata.unwrap_or_default();
    check_metadata(&metadata)?;
    let output_expires_after_s = body.output_expires_after.map(|after| kept(&after)).transpose()?;
    Ok(BatchRequest { input_file, endpoint, window, metadata, output_expires_after_s })
}

fn window(text: String) -> Result<Window, InvalidRequest> {
    let unit = match text.chars().last() {
        Some('h') => Some(HOUR_S),
        Some('d') => Some(24 * HOUR_S),
        _ => None,
    };
    let digits =
        text.get(..text.len().saturating_sub(1)).filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
    let count = digits.and_then(|digits| digits.parse::<u64>().ok());
    let length = unit.zip(count).and_then(|(unit, count)| unit.checked_mul(count));
    match length.filter(|length| (HOUR_S..=7 * 24 * HOUR_S).contains(length)) {
        Some(length) => Ok(Window { text, length: Duration::from_secs(length) }),
        None => Err(invalid(
            "completion_window",
            "`completion_window` must be a number of hours or days from `1h` to `7d`, such as `24h`.",
        )),
    }
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), InvalidRequest> {
    if metadata.len() > MOST_METADATA {
        return Err(invalid("metadata", "`metadata` must not have more than 16 entries."));
    }
    for (key, value) in metadata {
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            return Err(invalid("metadata", "A key of `metadata` must have 1 to 64 characters."));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(invalid("metadata", "A value of `metadata` must not have more than 512 characters."));
        }
        // Not every store has a place for it.
        if key.contains('\0') || value.contains('\0') {
            return Err(invalid("metadata", "`metadata` must not hold the character NUL."));
        }
    }
    Ok(())
}

fn kept(after: &ExpiresAfter) -> Result<u64, InvalidRequest> {
    if after.anchor != "created_at" {
        let message = "`output_expires_after.anchor` must be `created_at`.";
        return Err(invalid("output_expires_after.anchor", message));
    }
    if !KEPT_S.contains(&after.seconds) {
        let message = "`output_expires_after.seconds` must be from 3600 to 2592000.";
        return Err(invalid("output_expires_after.seconds", message));
    }
    Ok(after.seconds)
}

fn required(field: &str) -> InvalidRequest {
    invalid(field, &format!("`{field}` is required."))
}

fn invalid(field: &str, message: &str) -> InvalidRequest {
    InvalidRequest { message: message.to_owned(), param: Some(field.to_owned()) }
}
