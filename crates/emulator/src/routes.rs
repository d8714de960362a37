//! From path to operation. Paths are routed by hand because a model id may hold encoded or raw slashes.

use crate::auth;
use crate::batch;
use crate::control;
use crate::count_tokens;
use crate::counters::Operation;
use crate::errors::{Exception, Refusal};
use crate::guardrails;
use crate::reply;
use crate::runtime;
use crate::state::State;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use std::borrow::Cow;

/// Answers every request.
pub(crate) async fn dispatch(
    request: HttpRequest,
    state: web::Data<State>,
    body: Result<web::Bytes, actix_web::Error>,
) -> HttpResponse {
    let path = request.uri().path();
    let method = request.method();
    if let Some(response) = control::own(&state, method, path, body.as_deref().unwrap_or_default()) {
        return response;
    }
    match answer(&request, &state, body).await {
        Ok(response) => response,
        Err(refusal) => {
            state.counters.refusal();
            reply::refused(&state, &refusal)
        }
    }
}

async fn answer(
    request: &HttpRequest,
    state: &web::Data<State>,
    body: Result<Bytes, actix_web::Error>,
) -> Result<HttpResponse, Refusal> {
    let uri = request.uri();
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let (operation, name) = route(request.method(), path)?;
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let signed = auth::check(authorization, query)?;
    state.counters.call(operation);
    let body = body.map_err(|error| {
        tracing::debug!(%error, "the request's body could not be read");
        Refusal::new(Exception::RequestTooLarge, "The request body is too large or could not be read.")
    })?;
    let region = signed.region.unwrap_or(&state.region);
    if operation.is_control() {
        state.listing.check()?;
    }
    match operation {
        Operation::ListFoundationModels => control::list_foundation_models(state, region, query),
        Operation::GetFoundationModel => control::get_foundation_model(state, region, &name),
        Operation::ListInferenceProfiles => control::list_inference_profiles(state, region, query),
        Operation::GetInferenceProfile => control::get_inference_profile(state, region, &name),
        Operation::CreateModelInvocationJob => batch::create(state, region, &body),
        Operation::GetModelInvocationJob => batch::get(state, region, &name),
        Operation::ListModelInvocationJobs => batch::list(state, region, query),
        Operation::StopModelInvocationJob => batch::stop(state, region, &name),
        Operation::CountTokens => count_tokens::answer(state, &name, &body),
        Operation::ApplyGuardrail => {
            let id = name.split_once("/version/").map_or(&*name, |(id, _)| id);
            let call = state.charges.begin(operation, id, id_of(request));
            let applied = guardrails::apply(state, &name, &body, &call).await;
            applied.inspect_err(|_| call.refused())
        }
        _ => {
            let call = state.charges.begin(operation, &name, id_of(request));
            call.part_of(request.headers().get("x-amzn-trace-id").and_then(|it| it.to_str().ok()));
            let answered =
                runtime::run(state, operation, region, &name, body, request.headers(), &call).await;
            answered.inspect_err(|_| call.refused())
        }
    }
}

/// What its client calls a request.
fn id_of(request: &HttpRequest) -> Option<&str> {
    let headers = request.headers();
    let id = headers.get("x-request-id").or_else(|| headers.get("amz-sdk-invocation-id"))?;
    id.to_str().ok()
}

/// The operation a path names, and the decoded id in it.
fn route<'a>(method: &Method, path: &'a str) -> Result<(Operation, Cow<'a, str>), Refusal> {
    let unknown =
        || Refusal::new(Exception::UnknownOperation, "The requested operation is not known to the service.");
    if let Some(rest) = path.strip_prefix("/model/") {
        let (name, verb) = rest.rsplit_once('/').ok_or_else(unknown)?;
        let operation = match verb {
            "converse" => Operation::Converse,
            "converse-stream" => Operation::ConverseStream,
            "invoke" => Operation::InvokeModel,
            "invoke-with-response-stream" => Operation::InvokeModelWithResponseStream,
            "count-tokens" => Operation::CountTokens,
            _ => return Err(unknown()),
        };
        let named = method == Method::POST && !name.is_empty();
        return if named { Ok((operation, decode(name)?)) } else { Err(unknown()) };
    }
    if let Some(rest) = path.strip_prefix("/guardrail/") {
        let name = rest.strip_suffix("/apply").filter(|it| it.contains("/version/")).ok_or_else(unknown)?;
        return if method == Method::POST {
            Ok((Operation::ApplyGuardrail, decode(name)?))
        } else {
            Err(unknown())
        };
    }
    let lists = [
        ("/foundation-models", Operation::ListFoundationModels, Operation::GetFoundationModel),
        ("/inference-profiles", Operation::ListInferenceProfiles, Operation::GetInferenceProfile),
    ];
    for (prefix, list, get) in lists {
        let Some(rest) = path.strip_prefix(prefix).filter(|_| method == Method::GET) else { continue };
        match rest.strip_prefix('/') {
            Some("") => return Ok((list, Cow::Borrowed(""))),
            Some(name) => return Ok((get, decode(name)?)),
            None if rest.is_empty() => return Ok((list, Cow::Borrowed(""))),
            None => {}
        }
    }
    match (method.as_str(), path.strip_prefix("/model-invocation-job").ok_or_else(unknown)?) {
        ("POST", "" | "/") => Ok((Operation::CreateModelInvocationJob, Cow::Borrowed(""))),
        ("GET", "s" | "s/") => Ok((Operation::ListModelInvocationJobs, Cow::Borrowed(""))),
        (method, rest) => {
            let name = rest.strip_prefix('/').filter(|it| !it.is_empty()).ok_or_else(unknown)?;
            match (method, name.strip_suffix("/stop")) {
                ("POST", Some(name)) => Ok((Operation::StopModelInvocationJob, decode(name)?)),
                ("GET", None) => Ok((Operation::GetModelInvocationJob, decode(name)?)),
                _ => Err(unknown()),
            }
        }
    }
}

/// Percent-decoding.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| Refusal::validation("The provided model identifier is invalid."))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "tables of literals read better without references")]
    use super::*;

    #[track_caller]
    fn check(method: Method, path: &str, expected: Option<(Operation, &str)>) {
        let routed = route(&method, path).ok();
        assert_eq!(routed.as_ref().map(|(operation, name)| (*operation, &**name)), expected, "{path}");
    }

    #[test]
    fn ids_come_encoded_or_raw() {
        let id = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
        let encoded = arn.replace(':', "%3A").replace('/', "%2F");
        check(Method::POST, &format!("/model/{id}/converse"), Some((Operation::Converse, id)));
        check(
            Method::POST,
            &format!("/model/{}/converse-stream", id.replace(':', "%3a")),
            Some((Operation::ConverseStream, id)),
        );
        check(Method::POST, &format!("/model/{encoded}/invoke"), Some((Operation::InvokeModel, arn)));
        check(Method::POST, &format!("/model/{arn}/count-tokens"), Some((Operation::CountTokens, arn)));
        check(Method::GET, "/inference-profiles", Some((Operation::ListInferenceProfiles, "")));
        check(
            Method::GET,
            &format!("/inference-profiles/{encoded}"),
            Some((Operation::GetInferenceProfile, arn)),
        );
        check(
            Method::POST,
            "/guardrail/gr1/version/DRAFT/apply",
            Some((Operation::ApplyGuardrail, "gr1/version/DRAFT")),
        );
        check(
            Method::GET,
            "/foundation-models/amazon.nova-lite-v1%3A0",
            Some((Operation::GetFoundationModel, "amazon.nova-lite-v1:0")),
        );
    }

    #[test]
    fn other_paths_are_no_operations() {
        for path in ["/", "/model/", "/model/x", "/model//converse", "/model/x/apply", "/foundation-modelsX"]
        {
            check(Method::POST, path, None);
            check(Method::GET, path, None);
        }
        check(Method::GET, "/model/x/converse", None);
        check(Method::POST, "/foundation-models", None);
    }
}
