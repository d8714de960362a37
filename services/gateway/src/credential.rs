//! Where a request carries its credential.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use outcrop_http::ApiError;
use outcrop_ports::Credential;
use outcrop_types::{ErrorCode, PresentedKey};

/// The headers that carry an API key, besides `Authorization`: Anthropic's SDKs use the first, Azure-style
/// clients the second.
pub(crate) const KEY_HEADERS: [&str; 2] = ["x-api-key", "api-key"];

/// The first well-formed credential of a request. SDKs may send several headers, of which one holds a
/// leftover of another service; a header that holds nothing of ours is passed over while another does.
pub(crate) fn read(headers: &HeaderMap) -> Result<Credential, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(strip_bearer);
    let mut given = [bearer, text(KEY_HEADERS[0]), text(KEY_HEADERS[1])].into_iter().flatten().peekable();
    if given.peek().is_none() {
        let message = "no credential was given; send an API key as `Authorization: Bearer …`";
        return Err(ApiError::new(ErrorCode::Unauthenticated, message));
    }
    given.find_map(|text| PresentedKey::parse(text.trim()).ok()).map(Credential::ApiKey).ok_or_else(|| {
        ApiError::new(ErrorCode::Unauthenticated, "the credential is not a well-formed API key")
    })
}

/// The scheme's case does not matter (RFC 9110, section 11.1).
fn strip_bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(rest)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn key(seed: u8) -> PresentedKey {
        PresentedKey::generate([seed; 16], [seed; 86])
    }

    fn id(headers: &[(&'static str, String)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        read(&map).ok().map(|Credential::ApiKey(key)| key.id().to_string())
    }

    #[test]
    fn each_header_works_and_leftovers_are_passed_over() {
        let (one, other) = (key(1), key(2));
        let own = |key: &PresentedKey| Some(key.id().to_string());
        assert_eq!(id(&[("authorization", format!("Bearer {}", one.expose()))]), own(&one));
        assert_eq!(id(&[("authorization", format!("bearer  {}", one.expose()))]), own(&one));
        assert_eq!(id(&[("x-api-key", one.expose().into())]), own(&one));
        assert_eq!(id(&[("api-key", one.expose().into())]), own(&one));
        let leftover = [("authorization", "Bearer sk-other".into()), ("x-api-key", one.expose().to_owned())];
        assert_eq!(id(&leftover), own(&one));
        let both =
            [("authorization", format!("Bearer {}", one.expose())), ("x-api-key", other.expose().to_owned())];
        assert_eq!(id(&both), own(&one), "the standard header comes first");
    }

    #[test]
    fn what_is_no_key_of_ours_is_none() {
        assert_eq!(id(&[]), None);
        assert_eq!(id(&[("authorization", format!("Basic {}", key(1).expose()))]), None);
        assert_eq!(id(&[("authorization", "Bearer".into())]), None);
        assert_eq!(id(&[("authorization", "Bearer sk-other".into())]), None);
    }
}
