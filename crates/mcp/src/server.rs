//! The server: its ports, its routes, and which era a request belongs to.

use std::fmt;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use outcrop_http::{Allowed, ApiError, JsonBytes, RequestContext, own_words, permission};
use outcrop_lifecycle::InFlight;
use outcrop_ports::{Clock, IdGen, McpSessions};
use outcrop_token::Sealer;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{
    self, Era, Malformed, Message, MessageId, Posted, RpcError, Version, error_message, meta, parse,
};
use tokio_util::sync::CancellationToken;

use crate::{Caller, Catalog, McpOptions, legacy, modern};

/// What the server needs from the world.
#[derive(Clone)]
pub struct McpPorts {
    /// Sessions of the old era.
    pub sessions: Arc<dyn McpSessions>,
    /// Seals what modern clients carry for us from one request to the next.
    pub sealer: Arc<Sealer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGen>,
}

impl fmt::Debug for McpPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("McpPorts(…)")
    }
}

/// Speaks the Model Context Protocol. Cheap to clone; all clones are one server.
#[derive(Clone)]
pub struct McpServer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ports: McpPorts,
    pub(crate) options: McpOptions,
    pub(crate) catalog: Catalog,
    /// What this process does for sessions of the old era.
    pub(crate) live: legacy::Live,
    /// Who listens in the new era.
    pub(crate) listeners: modern::Listeners,
    /// Requests that are worked on, with or without a client that waits.
    pub(crate) in_flight: InFlight,
    /// Cancelled when the process is to stop: streams for news end, and clients come back to another replica.
    pub(crate) stopping: CancellationToken,
}

impl McpServer {
    /// Puts the server together. Nothing happens before [`run`](Self::run).
    #[must_use]
    pub fn new(ports: McpPorts, options: McpOptions, catalog: Catalog) -> Self {
        Self(Arc::new(Inner {
            ports,
            options,
            catalog,
            live: legacy::Live::default(),
            listeners: modern::Listeners::default(),
            in_flight: InFlight::default(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Hears what other replicas are told, and says that this one lives, until told to stop; then until the requests under way
    /// have ended, or have been cut off by their time-outs. Run it once.
    pub async fn run(&self, stop: CancellationToken) {
        legacy::run(&self.0, stop).await;
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").field("catalog", &self.0.catalog).finish_non_exhaustive()
    }
}

/// The routes of the server, for the HTTP server to call in each of its workers.
pub fn routes(server: McpServer) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |app| {
        app.service(
            web::resource("/mcp")
                .app_data(web::Data::new(server.clone()))
                .app_data(server.0.options.bounds)
                .route(web::post().to(post))
                .route(web::get().to(get))
                .route(web::delete().to(delete)),
        );
    }
}

/// Takes a message.
async fn post(
    allowed: Allowed<permission::UseMcp>,
    context: RequestContext,
    server: web::Data<McpServer>,
    request: HttpRequest,
    JsonBytes(body): JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: allowed.principal, context };
    let posted = match parse(&body) {
        Ok(posted) => posted,
        Err(Malformed { id, error }) => return Ok(refuse(id.as_ref(), &error)),
    };
    let headers = request.headers();
    // What says itself that it is modern is compared with its headers before they are judged.
    if is_modern(&posted) {
        return Ok(modern::post(&server.0, caller, headers, posted).await);
    }
    Ok(match version(headers) {
        Err(error) => refuse(id_of(&posted), &error),
        Ok(Some(version)) if version.era() == Era::Modern => {
            modern::post(&server.0, caller, headers, posted).await
        }
        Ok(version) => legacy::post(&server.0, caller, headers, version, posted).await,
    })
}

/// Opens a stream for news, or takes up one that was cut.
async fn get(
    allowed: Allowed<permission::UseMcp>,
    context: RequestContext,
    server: web::Data<McpServer>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: allowed.principal, context };
    let headers = request.headers();
    Ok(of_session(headers, |version| legacy::get(&server.0, caller, headers, version)).await)
}

/// Ends a session.
async fn delete(
    allowed: Allowed<permission::UseMcp>,
    context: RequestContext,
    server: web::Data<McpServer>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let caller = Caller { principal: allowed.principal, context };
    let headers = request.headers();
    Ok(of_session(headers, |version| legacy::delete(&server.0, caller, headers, version)).await)
}

/// Answers what is about a session, unless the client speaks a revision that has none.
async fn of_session<F: Future<Output = HttpResponse>>(
    headers: &HeaderMap,
    answer: impl FnOnce(Option<Version>) -> F,
) -> HttpResponse {
    match version(headers) {
        Err(error) => refuse(None, &error),
        Ok(Some(version)) if version.era() == Era::Modern => not_in_this_era(),
        Ok(version) => answer(version).await,
    }
}

/// The revision that the headers say, from 2025-06-18 on; `None` if they say none. Twice is refused: somebody on the way may go
/// by the other one.
fn version(headers: &HeaderMap) -> Result<Option<Version>, RpcError> {
    let name = mcp::headers::PROTOCOL_VERSION;
    let said = mcp::headers::plain(name, headers.get_all(name).map(|it| it.as_bytes()))?;
    said.map(|text| text.parse().map_err(|()| RpcError::unsupported_version(text))).transpose()
}

/// Whether the message itself says that it is modern.
fn is_modern(posted: &Posted) -> bool {
    let params = match posted {
        Posted::One(Message::Request(request)) => &request.params,
        Posted::One(Message::Notification(notification)) => &notification.params,
        _ => return false,
    };
    let meta = params.get("_meta").and_then(|it| it.as_object());
    meta.is_some_and(|meta| meta.contains_key(meta::PROTOCOL_VERSION))
}

fn id_of(posted: &Posted) -> Option<&MessageId> {
    match posted {
        Posted::One(Message::Request(request)) => Some(&request.id),
        _ => None,
    }
}

/// The answer to GET and DELETE where there are no sessions (2026-07-28, "Earlier Streamable HTTP Revisions").
fn not_in_this_era() -> HttpResponse {
    let message = "2026-07-28 has no sessions: it knows POST alone";
    let error = RpcError::new(i64::from(ErrorCode::MethodNotAllowed.status()), message);
    let mut answer = refuse(None, &error);
    answer
        .headers_mut()
        .insert(actix_web::http::header::ALLOW, actix_web::http::header::HeaderValue::from_static("POST"));
    answer
}

/// Refuses a whole HTTP request, with the status that fits.
pub(crate) fn refuse(id: Option<&MessageId>, error: &RpcError) -> HttpResponse {
    refuse_as(error.status(), id, error)
}

/// The same with a status of its own.
pub(crate) fn refuse_as(status: u16, id: Option<&MessageId>, error: &RpcError) -> HttpResponse {
    tracing::debug!(
        http.response.status_code = status,
        rpc.response.status_code = error.code,
        error = own_words(&error.message),
        "an MCP request was refused"
    );
    json(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), error_message(id, error))
}

/// An answer of one message.
pub(crate) fn json(status: StatusCode, message: Bytes) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, "application/json")).body(message)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(version: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(mcp::headers::PROTOCOL_VERSION),
            HeaderValue::from_static(version),
        );
        headers
    }

    #[test]
    fn the_era_is_what_the_header_or_the_message_says() {
        assert_eq!(version(&HeaderMap::new()), Ok(None));
        assert_eq!(version(&headers("2026-07-28")), Ok(Some(Version::V2026_07_28)));
        assert_eq!(version(&headers("2099-01-01")).unwrap_err().code, -32022);
        let mut twice = headers("2025-11-25");
        let name = HeaderName::from_static(mcp::headers::PROTOCOL_VERSION);
        twice.append(name, HeaderValue::from_static("2026-07-28"));
        assert_eq!(version(&twice).unwrap_err().code, -32020);
        let of = |text: &str| is_modern(&parse(text.as_bytes()).unwrap());
        assert!(of(r#"{"jsonrpc":"2.0","id":1,"method":"ping",
            "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#));
        assert!(!of(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":1}}}"#));
    }
}
