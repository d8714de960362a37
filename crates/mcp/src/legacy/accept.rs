//! What a client says it can read.

use actix_web::http::header::{ACCEPT, HeaderMap};
use outcrop_wire::mcp::RpcError;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// Refuses a POST whose client cannot read both kinds of answers (2025-11-25, "Sending Messages to the Server").
pub(super) fn both(headers: &HeaderMap) -> Result<(), RpcError> {
    need(headers, &[JSON, EVENTS])
}

/// Refuses a GET whose client cannot read events.
pub(super) fn events(headers: &HeaderMap) -> Result<(), RpcError> {
    need(headers, &[EVENTS])
}

fn need(headers: &HeaderMap, types: &[&str]) -> Result<(), RpcError> {
    match types.iter().all(|it| takes(headers, it)) {
        true => Ok(()),
        false => {
            let words = format!("the header `accept` must list {}", types.join(" and "));
            Err(RpcError::new(406, words))
        }
    }
}

fn takes(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(ACCEPT).filter_map(|it| it.to_str().ok());
    values.flat_map(|it| it.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match range.strip_suffix('*') {
            Some("*/") => true,
            Some(kind) => kind.ends_with('/') && wanted.starts_with(kind),
            None => range == wanted,
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_client_must_take_both_kinds_of_answers() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            headers
        };
        for both_of in ["application/json, text/event-stream", "TEXT/event-stream;q=0.5,application/*", "*/*"]
        {
            assert_eq!(both(&of(both_of)), Ok(()), "{both_of}");
        }
        for too_little in ["application/json", "text/event-stream", "text/*", "*", ""] {
            assert_eq!(both(&of(too_little)).unwrap_err().status(), 406, "{too_little}");
        }
        assert_eq!(events(&of("text/event-stream")), Ok(()));
        assert!(events(&HeaderMap::new()).is_err());
    }
}
