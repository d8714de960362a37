//! A client's own key for a request, so that repeating it does no harm.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use outcrop_types::{ErrorCode, IdempotencyKey};

use crate::ApiError;

/// The header's name, as clients write it.
const NAME: &str = "Idempotency-Key";

/// What the header `Idempotency-Key` says, if it is there.
#[derive(Debug, Clone)]
pub struct Idempotent(pub Option<IdempotencyKey>);

impl FromRequest for Idempotent {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(value) = request.headers().get(NAME) else { return std::future::ready(Ok(Self(None))) };
        let key = value.to_str().ok().and_then(|text| text.parse().ok());
        std::future::ready(key.map(|key| Self(Some(key))).ok_or_else(|| {
            let message = format!("`{NAME}` must be 1 to 255 visible ASCII characters");
            ApiError::new(ErrorCode::InvalidRequest, message).with_param(NAME)
        }))
    }
}
