//! Reading answers within bounds.

use bytes::{Bytes, BytesMut};
use outcrop_ports::PortError;
use reqwest::{Response, StatusCode};

/// Stands on a 401 that is about us and not about whoever we ask for (`outcrop_http::REFUSED_HEADER`).
const REFUSED_HEADER: &str = "x-outcrop-refused";

/// What is to be said of such an answer.
pub(crate) const REFUSED: &str = "it does not take this service's identity; is `internal.secret` the same everywhere, and do the clocks agree?";

/// Whether a service did not take our identity: nothing whoever we ask for could do anything about.
pub(crate) fn refuses_us(answer: &Response) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED && answer.headers().contains_key(REFUSED_HEADER)
}

/// Reads a body of at most `max` bytes.
pub(crate) async fn read(mut answer: Response, max: usize, attempted: &str) -> Result<Bytes, PortError> {
    let too_long = || PortError::broken(attempted, format!("the answer is longer than {max} bytes"));
    let announced = answer.content_length().unwrap_or(0);
    if announced > max as u64 {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| away(attempted, error))? {
        if body.len() + piece.len() > max {
            return Err(too_long());
        }
        if body.is_empty() && announced == piece.len() as u64 {
            return Ok(piece);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

/// A call that brought no answer. Its address may be a secret, as those of webhooks are, and is not told: `attempted` says
/// who was asked.
pub(crate) fn away(attempted: &str, error: reqwest::Error) -> PortError {
    PortError::unavailable(attempted, error.without_url())
}
