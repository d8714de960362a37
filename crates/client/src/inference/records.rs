//! Calls as records of batch inference, as the inference service reads and writes them.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_ports::{BatchRecord, InferenceAnswer, PortError, RecordOutput, Recorded};
use outcrop_types::Used;
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    pub(super) path: &'a str,
    pub(super) body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<Made<'a>>,
}

/// A call that was made.
#[derive(Serialize)]
pub(super) struct Made<'a> {
    record: Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u16,
    message: &'a str,
}

#[derive(Serialize, Deserialize)]
struct Record {
    model: String,
    region: String,
    at: DateTime<Utc>,
    #[serde(default)]
    input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum View {
    Record(Record),
    Unfit(String),
    Refused(Answer),
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    body: String,
    retry_after_ms: Option<u64>,
    used: Used,
    is_final: bool,
}

impl<'a> Made<'a> {
    pub(super) fn new(record: BatchRecord, output: &'a RecordOutput) -> Result<Self, PortError> {
        // What was asked is not asked again.
        let BatchRecord { model, region, at, .. } = record;
        let record = Record { model, region, at, input: String::new() };
        Ok(match output {
            RecordOutput::Output(json) => Self { record, output: Some(text(json)?), error: None },
            RecordOutput::Error { code, message } => {
                Self { record, output: None, error: Some(Failure { code: *code, message }) }
            }
        })
    }
}

/// JSON is text.
pub(super) fn text(json: &Bytes) -> Result<&str, PortError> {
    std::str::from_utf8(json).map_err(|error| PortError::broken("hand a call on", error))
}

pub(super) fn recorded(body: &[u8]) -> Result<Recorded, serde_json::Error> {
    Ok(match serde_json::from_slice(body)? {
        View::Record(Record { model, region, at, input }) => {
            Recorded::Record(BatchRecord { model, region, at, input: input.into() })
        }
        View::Unfit(why) => Recorded::Unfit(why),
        View::Refused(answer) => Recorded::Refused(answer.into()),
    })
}

pub(super) fn answered(body: &[u8]) -> Result<InferenceAnswer, serde_json::Error> {
    serde_json::from_slice::<Answer>(body).map(InferenceAnswer::from)
}

impl From<Answer> for InferenceAnswer {
    fn from(answer: Answer) -> Self {
        let Answer { status, body, retry_after_ms, used, is_final } = answer;
        let retry_after = retry_after_ms.map(Duration::from_millis);
        Self { status, body: body.into(), retry_after, used, is_final }
    }
}
