//! The new era (2026-07-28): no handshake, no sessions; each request says everything about itself.
//!
//! A request is read ([`envelope`]), its answer is one JSON message or a stream ([`call`]), and what must be asked of the client
//! goes out as a result that it comes back with ([`rounds`]). Closing the answer's connection calls the request off: everything
//! that works on it hangs on the answer's body, and is dropped with it. [`listen`] is the one request that stays open.

mod answer;
mod call;
mod envelope;
mod listen;
mod outlet;
mod rounds;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::HeaderMap;
use outcrop_wire::mcp::{Message, Params, Posted, Request, RpcError, Version, code};
use serde_json::json;

pub(crate) use self::listen::Listeners;
use crate::operation::Operation;
use crate::server::{Inner, refuse};
use crate::{Caller, Halt, about, methods};

/// How long a client may believe what the server says about itself, milliseconds: it changes with a release.
const DISCOVERED_TTL_MS: u64 = 300_000;

/// Takes a message.
pub(crate) async fn post(
    server: &Arc<Inner>,
    caller: Caller,
    headers: &HeaderMap,
    posted: Posted,
) -> HttpResponse {
    let refused = |message| refuse(None, &RpcError::new(code::INVALID_REQUEST, message));
    let request = match posted {
        Posted::One(Message::Request(request)) => request,
        // There is none that means anything here, and none is answered; but it must say one thing.
        Posted::One(Message::Notification(notification)) => {
            return match envelope::check_notification(headers, &notification) {
                Ok(()) => HttpResponse::Accepted().finish(),
                Err(error) => refuse(None, &error),
            };
        }
        Posted::One(Message::Answer(_)) => {
            return refused("nothing was asked: answers come in `inputResponses`, with the request again");
        }
        Posted::Batch(_) => return refused("a body holds one message"),
    };
    let (id, mut caller) = (request.id.clone(), caller);
    let version = Some(Version::V2026_07_28);
    let operation = Operation::start(&server.options, &mut caller, &request, version, None);
    let work = take(server, caller.clone(), headers, request, &operation);
    match operation.within(&caller, work).await {
        Ok(answer) => answer,
        Err(halt) => {
            let error = answer::error_of(halt);
            operation.refused(&error);
            answer::refused(&id, &error)
        }
    }
}

/// Takes a request.
async fn take(
    server: &Arc<Inner>,
    caller: Caller,
    headers: &HeaderMap,
    request: Request,
    operation: &Operation,
) -> Result<HttpResponse, Halt> {
    let envelope = envelope::read(headers, &request)?;
    match &*request.method {
        "server/discover" => {
            let result = discover(server, &caller).await?;
            operation.answered(&result);
            Ok(answer::complete(&request.id, result))
        }
        "subscriptions/listen" => listen::open(server, caller, request, operation).await,
        method if methods::is_common(method) => {
            if method == "tools/call" {
                check_arguments(server, &caller, headers, &request.params).await?;
            }
            call::answer(server, caller, envelope, request, operation.clone()).await
        }
        method => Err(RpcError::method_not_found(method).into()),
    }
}

/// What the server is and can.
async fn discover(server: &Inner, caller: &Caller) -> Result<Params, Halt> {
    let mut versions = Version::ALL.map(Version::name);
    versions.reverse();
    let result = json!({
        "supportedVersions": versions,
        "capabilities": about::capabilities(&server.catalog, caller).await?,
        "instructions": about::INSTRUCTIONS,
        "ttlMs": DISCOVERED_TTL_MS,
        "cacheScope": "private",
    });
    Ok(answer::object(result))
}

/// Checks the headers that repeat arguments of a tool. A tool that is not there is refused where it is called.
async fn check_arguments(
    server: &Inner,
    caller: &Caller,
    headers: &HeaderMap,
    params: &Params,
) -> Result<(), Halt> {
    let Some(name) = params.get("name").and_then(|it| it.as_str()) else { return Ok(()) };
    let Ok((tool, _)) = server.catalog.tool(caller, name).await else { return Ok(()) };
    let nothing = Params::new();
    let arguments = params.get("arguments").and_then(|it| it.as_object()).unwrap_or(&nothing);
    Ok(envelope::check_arguments(headers, &tool.input_schema, arguments)?)
}
