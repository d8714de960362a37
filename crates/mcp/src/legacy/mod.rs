//! The old era (2024-11-05 to 2025-11-25): sessions, and streams that can be come back to.
//!
//! Nothing of a session is this process's own: what is known of it, the events of its streams and the letters of its client are
//! kept in a store that all replicas share, and any of them takes up where another left off. Only what runs is here, in [`Live`].
//! Start at [`post`](mod@post), go on with [`request`].

mod accept;
mod event;
mod follow;
mod get;
mod handshake;
mod keep;
mod live;
mod mail;
mod news;
mod post;
mod quick;
mod request;
mod session;
mod speaker;
mod watch;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use outcrop_http::RequestContext;
use outcrop_wire::mcp::{MessageId, RpcError, Version};
use serde_json::Value;

use crate::Caller;
use crate::server::{Inner, refuse};

pub(crate) use get::get;
pub(crate) use keep::run;
pub(crate) use live::Live;
pub(crate) use post::post;

/// When to come back that was refused since the store is away.
const SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// Ends a session. 204 and not 202: some clients take anything but 200 and 204 for a failure.
pub(crate) async fn delete(
    server: &Inner,
    caller: Caller,
    headers: &HeaderMap,
    version: Option<Version>,
) -> HttpResponse {
    let session::Session { key, owner, .. } = match session::find(server, &caller, headers, version).await {
        Ok(session) => session,
        Err(error) => return turn_away(None, &error),
    };
    match server.ports.sessions.close(&key, &owner).await {
        Err(error) => turn_away(None, &store_error(error)),
        Ok(false) => turn_away(None, &session::unknown()),
        Ok(true) => {
            server.live.end(&key);
            HttpResponse::NoContent().finish()
        }
    }
}

/// The refusal of a whole HTTP request; says when to come back, if the error does.
fn turn_away(id: Option<&MessageId>, error: &RpcError) -> HttpResponse {
    let mut answer = refuse(id, error);
    let after = error.data.as_ref().and_then(|data| data.get("retry_after_s")).and_then(Value::as_u64);
    if let Some(after) = after {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after));
    }
    answer
}

/// The store is away, or what it says makes no sense.
fn store_error(error: outcrop_ports::PortError) -> RpcError {
    crate::halt::refusal(outcrop_http::ApiError::from_error(error).with_retry_after(SOON))
}

/// What one of several messages of a body is answered under: an id of its own.
fn context_of(server: &Inner, context: &RequestContext) -> RequestContext {
    RequestContext {
        request_id: outcrop_types::RequestId::from_uuid(server.ports.ids.uuid()),
        ..context.clone()
    }
}
