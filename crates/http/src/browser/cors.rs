//! Which pages of other origins may call the API, as the Fetch standard has browsers ask and be told
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};

use super::Page;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// All of [`METHODS`].
const METHOD_LIST: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Headers that a page may send.
const HEADERS: [&str; 7] = [
    "authorization",
    "content-type",
    "x-api-key",
    "api-key",
    "idempotency-key",
    "x-request-id",
    "last-event-id",
];

/// Families of such headers: what the official SDKs send of themselves, and our own.
const FAMILIES: [&str; 5] = ["x-stainless-", "anthropic-", "openai-", "mcp-", "x-outcrop-"];

/// Headers that a page may read, besides the families below as far as an answer has them. There is no wildcard
/// within names, and none at all where credentials are allowed.
const EXPOSED: &str =
    "x-request-id, request-id, x-amzn-requestid, retry-after, mcp-session-id, www-authenticate";

const EXPOSED_FAMILIES: [&str; 2] = ["x-ratelimit-", "x-outcrop-"];

/// How long a browser remembers, seconds.
const MAX_AGE: &str = "600";

/// Answers a browser's question whether a page may ask, and says whether it may; `None` if this is no such
/// question. What goes with every answer to the page, for which there is leave if it `is_known`, is left to [`mark`].
pub(super) fn preflight(request: &ServiceRequest, is_known: bool) -> Option<(HttpResponse<BoxBody>, bool)> {
    if request.method() != Method::OPTIONS {
        return None;
    }
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let (_, method) = (text(ORIGIN)?, text(ACCESS_CONTROL_REQUEST_METHOD)?);
    let mut answer = HttpResponse::new(StatusCode::NO_CONTENT);
    let wanted = text(ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    let allowed = is_known && METHODS.contains(&method) && names(wanted).all(may_send);
    if allowed {
        let to = answer.headers_mut();
        to.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHOD_LIST));
        to.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        let echoed = names(wanted).collect::<Vec<_>>().join(", ");
        if let (false, Ok(echoed)) = (echoed.is_empty(), HeaderValue::from_str(&echoed)) {
            to.insert(ACCESS_CONTROL_ALLOW_HEADERS, echoed);
        }
    }
    Some((answer, allowed))
}

/// Says on an answer that this page, if one, may read it.
pub(super) fn mark(headers: &mut HeaderMap, page: Option<&Page>) {
    if !headers.get_all(VARY).any(|value| value.to_str().is_ok_and(|text| names(text).any(is_origin))) {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    let Some(page) = page else { return };
    let own = headers.keys().map(HeaderName::as_str);
    let exposed = own.filter(|name| EXPOSED_FAMILIES.iter().any(|family| name.starts_with(family)));
    let exposed = [EXPOSED].into_iter().chain(exposed).collect::<Vec<_>>().join(", ");
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page.origin.clone());
    if page.with_cookies {
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if let Ok(exposed) = HeaderValue::from_str(&exposed) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

fn may_send(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HEADERS.contains(&name.as_str()) || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn is_origin(name: &str) -> bool {
    name == "*" || name.eq_ignore_ascii_case("origin")
}

/// The names in a list of header names.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}
