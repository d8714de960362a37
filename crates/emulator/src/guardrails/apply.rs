//! `POST /guardrail/{id}/version/{version}/apply`.

use super::found::Found;
use crate::body;
use crate::charges::{Call, ChargedOutcome};
use crate::converse::request::Str;
use crate::errors::{Exception, Refusal};
use crate::reply;
use crate::runtime::{Conduct, strike};
use crate::state::State;
use actix_web::HttpResponse;
use serde::Deserialize;
use serde_json::json;
use std::time::Instant;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow)]
    source: Option<Str<'a>>,
    #[serde(borrow)]
    content: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    output_scope: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    text: Option<Str<'a>>,
}

/// Looks at the texts; `name` is `{id}/version/{version}`.
pub(crate) async fn apply(
    state: &State,
    name: &str,
    body: &[u8],
    call: &Call,
) -> Result<HttpResponse, Refusal> {
    let (id, version) = name.rsplit_once("/version/").unwrap_or((name, "DRAFT"));
    let (pace, fault) = state.faults.decide(id, false);
    let conduct = Conduct { started: Instant::now(), pace, fault, call };
    if let Some(response) = strike(state, fault, call) {
        return Ok(response);
    }
    let guardrail = state
        .guardrails
        .find(id, version)
        .map_err(|_| Refusal::new(Exception::ResourceNotFound, super::UNKNOWN))?;
    let request: Request<'_> = body::parse(body)?;
    let source = request.source.as_deref().ok_or_else(|| Refusal::missing("source"))?;
    if !["INPUT", "OUTPUT"].contains(&source) {
        let constraint = "Member must satisfy enum value set: [INPUT, OUTPUT]";
        return Err(Refusal::constraint("source", Some(source), constraint));
    }
    let content = request.content.as_deref().ok_or_else(|| Refusal::missing("content"))?;
    let texts: Vec<&str> = content.iter().filter_map(|it| it.text.as_ref()?.text.as_deref()).collect();
    if texts.iter().any(|it| it.trim().is_empty()) {
        return Err(Refusal::validation(
            "The text field in the content is blank. Add text to it, and try again.",
        ));
    }
    let found = Found::in_texts(&guardrail, texts.iter().copied());
    let outputs: Vec<String> = match (found.is_blocked(), found.is_masked()) {
        (true, _) if source == "INPUT" => vec![guardrail.input_message.clone()],
        (true, _) => vec![guardrail.output_message.clone()],
        (_, true) => texts.iter().map(|it| guardrail.mask(it)).collect(),
        _ => Vec::new(),
    };
    call.guarded(found.units());
    conduct.wait(0).await;
    call.ends(ChargedOutcome::Answered);
    let full = request.output_scope.as_deref() == Some("FULL");
    let outputs: Vec<_> = outputs.into_iter().map(|it| json!({"text": it})).collect();
    reply::value(
        state,
        &json!({
            "usage": found.usage(),
            "action": if found.intervenes() { "GUARDRAIL_INTERVENED" } else { "NONE" },
            "actionReason": found.reason(),
            "outputs": outputs,
            "assessments": [found.assessment(full)],
            "guardrailCoverage": found.coverage(),
        }),
    )
}
