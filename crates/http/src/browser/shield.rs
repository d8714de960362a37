//! How little a browser may make of an answer.

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// Nothing is loaded by, and nothing frames, an answer of an API. A page of ours brings a policy of its own.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// A year. Subdomains are somebody else's decision.
const HTTPS_ONLY: &str = "max-age=31536000";

const ALWAYS: [(HeaderName, &str); 3] =
    [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer"), (X_FRAME_OPTIONS, "DENY")];

pub(super) fn mark(headers: &mut HeaderMap, https: bool) {
    // Inserted, not appended: what a service behind says itself is not said twice.
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
}
