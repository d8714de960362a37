//! `initialize`: which revision is spoken, and who offers what.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use outcrop_wire::mcp::{
    ClientCapabilities, Implementation, Params, Request, RpcError, Version, code, error_message, read_params,
    result_message,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request::error_of;
use super::session::{self, State};
use super::turn_away;
use crate::operation::Operation;
use crate::server::{Inner, json};
use crate::{Caller, Halt, about};

/// Longest of the texts by which a client names itself, in characters.
const MAX_NAME: usize = 128;
/// What of a client's offers is of use here.
const OFFERS: [&str; 4] = ["form", "url", "tools", "context"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    protocol_version: String,
    #[serde(default)]
    capabilities: ClientCapabilities,
    client_info: Implementation,
}

/// Opens a session. What is wrong with the request itself is an answer like any other; a session that cannot be had is none.
pub(super) async fn answer(server: &Inner, mut caller: Caller, request: Request) -> HttpResponse {
    let version = request.params.get("protocolVersion").and_then(Value::as_str).map(Version::negotiated);
    let operation = Operation::start(&server.options, &mut caller, &request, version, None);
    operation.within(&caller, open(server, &caller, request, &operation)).await
}

async fn open(server: &Inner, caller: &Caller, request: Request, operation: &Operation) -> HttpResponse {
    let failed = |error: RpcError| {
        operation.refused(&error);
        json(StatusCode::OK, error_message(Some(&request.id), &error))
    };
    let asked: Initialize = match read_params(request.params) {
        Ok(asked) => asked,
        Err(error) => return failed(error),
    };
    let version = Version::negotiated(&asked.protocol_version);
    let result = match result(server, caller, version).await {
        Ok(result) => result,
        Err(halt) => return failed(error_of(halt)),
    };
    let state = State::new(version, clipped_info(asked.client_info), clipped_offers(asked.capabilities));
    let opened = session::open(server, caller, &state).await.and_then(|secret| {
        let header = HeaderValue::from_str(&secret);
        header.map_err(|_| RpcError::new(code::INTERNAL_ERROR, "there is no session to be had"))
    });
    match opened {
        Err(error) => {
            operation.refused(&error);
            turn_away(Some(&request.id), &error)
        }
        Ok(secret) => {
            operation.answered(&result);
            let mut answer = json(StatusCode::OK, result_message(version, &request.id, result));
            answer.headers_mut().insert(HeaderName::from_static(session::HEADER), secret);
            answer
        }
    }
}

/// What this server is to the caller.
async fn result(server: &Inner, caller: &Caller, version: Version) -> Result<Params, Halt> {
    let mut result = Params::new();
    result.insert("protocolVersion".into(), version.name().into());
    let mut capabilities = about::capabilities(&server.catalog, caller).await?;
    if let Some(capabilities) = capabilities.as_object_mut().filter(|_| version < Version::V2025_03_26) {
        // It has no name for them yet.
        capabilities.remove("completions");
    }
    result.insert("capabilities".into(), capabilities);
    result.insert("serverInfo".into(), json!(about::server_info()));
    result.insert("instructions".into(), about::INSTRUCTIONS.into());
    Ok(result)
}

/// What a client says of itself is kept for as long as the session, so it is kept short.
fn clipped_info(info: Implementation) -> Implementation {
    let clip = |text: String| text.chars().take(MAX_NAME).collect::<String>();
    Implementation { name: clip(info.name), title: info.title.map(clip), version: clip(info.version) }
}

/// Only the names of what is offered, for the same reason.
fn clipped_offers(offers: ClientCapabilities) -> ClientCapabilities {
    let clip = |offers: Map<String, Value>| {
        let known = offers.into_iter().filter(|(name, it)| OFFERS.contains(&&**name) && !it.is_null());
        known.map(|(name, _)| (name, json!({}))).collect::<Map<_, _>>()
    };
    ClientCapabilities {
        sampling: offers.sampling.map(clip),
        elicitation: offers.elicitation.map(clip),
        roots: offers.roots.map(clip),
    }
}
