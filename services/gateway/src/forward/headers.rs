//! Which headers go through, and which are added.
//!
//! actix-web sits on `http` 0.2 and reqwest on `http` 1: the same names and bytes in different types.

use actix_web::HttpRequest;
use actix_web::http::header::{
    HeaderMap as ActixHeaders, HeaderName as ActixName, HeaderValue as ActixValue,
};
use outcrop_http::{CLIENT_IP_HEADER, DEADLINE_HEADER, REFUSED_HEADER, REQUEST_ID_HEADER, RequestContext};
use outcrop_telemetry::trace::{TRACEPARENT, TRACESTATE, TraceContext, XRAY_HEADER};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

use crate::credential::KEY_HEADERS;
use crate::route::Owner;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// What concerns one connection only (RFC 9110, section 7.6.1), and `host`, which the client sets anew.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "host",
];

/// What ties traces together: the service goes on from our own span, and from nobody else's.
const OF_TRACES: [&str; 3] = [TRACEPARENT, TRACESTATE, XRAY_HEADER];

/// Fills in the headers of a request to a service, whose part of the trace is below `trace`.
pub(super) fn outgoing(
    to: &mut HeaderMap,
    request: &HttpRequest,
    owner: Owner,
    context: &RequestContext,
    identity: &str,
    trace: &TraceContext,
) {
    let named =
        named_by_connection(request.headers().get_all("connection").filter_map(|it| it.to_str().ok()));
    to.reserve(request.headers().len() + 5 + OF_TRACES.len());
    for (name, value) in request.headers() {
        let name = name.as_str();
        let dropped = HOP_BY_HOP.contains(&name)
            || named.iter().any(|it| it == name)
            || name == FORWARDED_FOR
            || OF_TRACES.contains(&name)
            // The service goes by the signed identity; only auth deals with credentials.
            || (owner != Owner::Auth && is_credential(name));
        if !dropped
            && let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes()))
        {
            to.append(name, value);
        }
    }
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            to.insert(HeaderName::from_static(name), value);
        }
    };
    set(outcrop_token::HEADER, identity);
    set(REQUEST_ID_HEADER, context.request_id.as_str());
    set(DEADLINE_HEADER, &context.remaining().as_millis().to_string());
    if let Some(client_ip) = context.client_ip {
        set(CLIENT_IP_HEADER, &client_ip.to_string());
    }
    if let Some(chain) = forwarded_for(request) {
        set(FORWARDED_FOR, &chain);
    }
    trace.inject(|name, value| set(name, &value));
}

fn is_credential(name: &str) -> bool {
    matches!(name, "authorization" | "cookie") || KEY_HEADERS.contains(&name)
}

/// Those who sent it on before us, and who sent it to us.
fn forwarded_for(request: &HttpRequest) -> Option<String> {
    let peer = request.peer_addr()?.ip();
    let before: Vec<&str> =
        request.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok()).collect();
    Some(if before.is_empty() { peer.to_string() } else { format!("{}, {peer}", before.join(", ")) })
}

/// Copies the headers of a service's answer. The length goes with the body, which knows it.
pub(super) fn incoming(to: &mut ActixHeaders, from: &HeaderMap) {
    let named = named_by_connection(from.get_all("connection").iter().filter_map(|it| it.to_str().ok()));
    for (name, value) in from {
        let text = name.as_str();
        let dropped = HOP_BY_HOP.contains(&text)
            || name == CONTENT_LENGTH
            // Between services only.
            || name == REFUSED_HEADER
            // Which pages may read it is said at the edge.
            || text.starts_with("access-control-")
            || named.iter().any(|it| it == text);
        if !dropped
            && let (Ok(name), Ok(value)) =
                (ActixName::from_bytes(text.as_bytes()), ActixValue::from_bytes(value.as_bytes()))
        {
            to.append(name, value);
        }
    }
}

/// Further headers that a `connection` header declares to concern this connection only.
fn named_by_connection<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}
