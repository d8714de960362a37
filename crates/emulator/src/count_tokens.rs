//! CountTokens.

use crate::body;
use crate::converse::{self, count};
use crate::errors::Refusal;
use crate::invoke::{self, anthropic};
use crate::models::Capability;
use crate::reply;
use crate::state::State;
use actix_web::HttpResponse;
use base64::Engine as _;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    input: Option<Input<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    #[serde(borrow)]
    converse: Option<converse::request::Request<'a>>,
    invoke_model: Option<InvokeModel>,
}

#[derive(Deserialize)]
struct InvokeModel {
    body: Option<String>,
}

/// Counts what an invocation would read. It takes foundation models only, by id or ARN, and not all of them.
pub(crate) fn answer(state: &State, name: &str, body: &[u8]) -> Result<HttpResponse, Refusal> {
    let invalid = || Refusal::validation("The provided model identifier is invalid.");
    let model = state.catalog.foundation(name).ok_or_else(invalid)?;
    if !model.can(Capability::CountTokens) {
        return Err(Refusal::validation("The provided model doesn't support counting tokens."));
    }
    let request: Request<'_> = body::parse(body)?;
    let tokens = match request.input {
        None => return Err(Refusal::missing("input")),
        Some(Input { converse: Some(converse), invoke_model: None }) => {
            converse::validate::check(model, &converse)?;
            count::weigh(&model.id, &converse).tokens
        }
        Some(Input { converse: None, invoke_model: Some(InvokeModel { body: Some(body) }) }) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(body);
            let decoded =
                decoded.map_err(|it| Refusal::validation(format!("input.invokeModel.body: {it}")))?;
            invoke::anthropic_fields::known(&decoded)?;
            let request: anthropic::Request<'_> = invoke::parse(&decoded)?;
            invoke::anthropic_validate::check(model, &request)?;
            anthropic::weigh(model, &request).0
        }
        Some(_) => {
            return Err(Refusal::validation(
                "The input must set one of the following keys: converse, invokeModel.",
            ));
        }
    };
    reply::value(state, &json!({"inputTokens": tokens}))
}
