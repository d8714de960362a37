//! One record: the call in it, and the line that tells how it went.

use super::jobs::Job;
use crate::charges::ChargedTokens;
use crate::counters::Operation;
use crate::errors::Refusal;
use crate::runtime;
use crate::state::State;
use actix_web::HttpResponse;
use actix_web::body::to_bytes;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A record as it was written. Other members are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    #[serde(borrow)]
    record_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model_input: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    model_input: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_output: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    record_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_code: u16,
    error_message: String,
}

/// What became of a record.
pub(crate) struct Answered {
    /// Its line of the output, with its end.
    pub(crate) line: Vec<u8>,
    pub(crate) good: bool,
    /// What it used.
    pub(crate) tokens: ChargedTokens,
}

/// Answers a record as a call of its own would be answered.
pub(crate) async fn answer(state: &State, job: &Job, line: &[u8]) -> Answered {
    let asked: Asked<'_> = match serde_json::from_slice(line) {
        Ok(asked) => asked,
        Err(error) => {
            let failure = Failure { error_code: 400, error_message: format!("Malformed record: {error}") };
            return told(&state.request_id().simple().to_string()[..11], None, Err(failure));
        }
    };
    let own = asked.record_id.is_none().then(|| state.request_id().simple().to_string());
    // "If you omit this field, Amazon Bedrock adds it in the output."
    let id = asked.record_id.as_deref().or_else(|| own.as_deref().map(|it| &it[..11])).unwrap_or_default();
    let Some(input) = asked.model_input else {
        let failure = Failure { error_code: 400, error_message: "modelInput: Field required".to_owned() };
        return told(id, None, Err(failure));
    };
    let (outcome, tokens) = call(state, job, id, input).await;
    Answered { tokens, ..told(id, Some(input), outcome) }
}

async fn call(
    state: &State,
    job: &Job,
    id: &str,
    input: &RawValue,
) -> (Result<Box<RawValue>, Failure>, ChargedTokens) {
    let operation = if job.converse { Operation::Converse } else { Operation::InvokeModel };
    state.counters.call(operation);
    let call = state.charges.begin(operation, &job.model, Some(id));
    call.is_batch();
    // "Records that include toolConfig fail with a 400 error."
    if job.converse && has_tools(input) {
        call.refused();
        state.counters.refusal();
        let error_message = "toolConfig: Tool calling is not supported in batch inference.".to_owned();
        return (Err(Failure { error_code: 400, error_message }), call.tokens());
    }
    let body = Bytes::copy_from_slice(input.get().as_bytes());
    let answered =
        runtime::run(state, operation, &job.region, &job.model, body, &HeaderMap::new(), &call).await;
    let outcome = match answered {
        Ok(response) => read(response).await,
        Err(refusal) => {
            call.refused();
            state.counters.refusal();
            Err(refused(&refusal))
        }
    };
    (outcome, call.tokens())
}

fn has_tools(input: &RawValue) -> bool {
    let members = serde_json::from_str::<BTreeMap<String, &RawValue>>(input.get());
    members.is_ok_and(|it| it.contains_key("toolConfig"))
}

fn refused(refusal: &Refusal) -> Failure {
    Failure { error_code: refusal.exception.status(), error_message: refusal.message.to_string() }
}

/// The body of an answer, or what its error says.
async fn read(response: HttpResponse) -> Result<Box<RawValue>, Failure> {
    let status = response.status().as_u16();
    let broken = |error_message: String| Failure { error_code: 500, error_message };
    // A fault that closes the connection of a call leaves a record without an answer.
    let bytes = to_bytes(response.into_body()).await.map_err(|error| broken(error.to_string()))?;
    if status == 200 {
        return serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()));
    }
    let said: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let message = said["message"].as_str().unwrap_or("The call failed.");
    Err(Failure { error_code: status, error_message: message.to_owned() })
}

fn told(id: &str, input: Option<&RawValue>, outcome: Result<Box<RawValue>, Failure>) -> Answered {
    let good = outcome.is_ok();
    let (model_output, error) = match outcome {
        Ok(output) => (Some(output), None),
        Err(failure) => (None, Some(failure)),
    };
    let told = Told { model_input: input, model_output, error, record_id: id };
    let mut line = serde_json::to_vec(&told).unwrap_or_default();
    line.push(b'\n');
    Answered { line, good, tokens: ChargedTokens::default() }
}
