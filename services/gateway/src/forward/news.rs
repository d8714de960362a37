//! Streams for news: they tell what happens, and never come to an end by themselves.
//!
//! A stop of the gateway must not wait for them. They hold nothing that is lost: who listens comes back at another replica,
//! and hears there what it missed.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use outcrop_http::MCP_PATH;
use reqwest::header::CONTENT_TYPE;

/// In which MCP clients name the method of a message (2026-07-28, "Request Headers").
const METHOD_HEADER: &str = "mcp-method";

/// The method whose answer is a stream for news.
const LISTEN: &str = "subscriptions/listen";

/// Whether this answer is such a stream.
pub(super) fn is_of_news(request: &HttpRequest, answer: &reqwest::Response) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    asks_for_news(request.method(), request.path(), request.headers())
        && kind.starts_with("text/event-stream")
}

/// Whether a request asks for one.
pub(crate) fn asks_for_news(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let listens = || headers.get(METHOD_HEADER).is_some_and(|value| value == LISTEN);
    path == MCP_PATH && (method == Method::GET || method == Method::POST && listens())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_who_listens_asks_for_news() {
        let asks = |method: Method, path: &str, said: &'static str| {
            let request =
                TestRequest::default().method(method).uri(path).insert_header((METHOD_HEADER, said));
            let request = request.to_http_request();
            asks_for_news(request.method(), request.path(), request.headers())
        };
        assert!(asks(Method::GET, "/mcp", ""));
        assert!(asks(Method::POST, "/mcp", LISTEN));
        assert!(!asks(Method::POST, "/mcp", "tools/call"));
        assert!(!asks(Method::DELETE, "/mcp", LISTEN));
        assert!(!asks(Method::GET, "/v1/jobs/job_1/events", LISTEN));
        assert!(!asks(Method::POST, "/v1/responses", LISTEN));
    }
}
