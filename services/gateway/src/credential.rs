//! Where a request carries its credential.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use outcrop_http::{ApiError, Origins, SessionCookie};
use outcrop_ports::Credential;
use outcrop_types::{ErrorCode, PresentedKey};

use crate::page;

/// The headers that carry an API key, besides `Authorization`: Anthropic's SDKs use the first, Azure-style
/// clients the second.
pub(crate) const KEY_HEADERS: [&str; 2] = ["x-api-key", "api-key"];

/// Longest token looked at, bytes. Those of issuers that put all of a person's groups into them are long.
const MAX_TOKEN: usize = 16 * 1024;

/// Longest static key, bytes.
const MAX_STATIC: usize = 512;

/// What counts as a credential at this edge.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// Whether any other text may be the static key.
    pub(crate) accept_static: bool,
    /// The cookie of our own pages.
    pub(crate) cookie: SessionCookie,
    /// Whose pages may use it.
    pub(crate) origins: Origins,
}

impl Reader {
    /// The credential of a request: the first well-formed one in its headers, or, if these hold none at all, its
    /// session cookie, which a page of ours must have sent.
    ///
    /// SDKs may send several headers, of which one holds a leftover of another service; a header that holds
    /// nothing of ours is passed over while another does.
    pub(crate) fn read(&self, request: &ServiceRequest) -> Result<Credential, ApiError> {
        let given = given(request.headers());
        if given.iter().all(Option::is_none) {
            return self.read_cookie(request);
        }
        let given = given.into_iter().flatten();
        given
            .clone()
            .find_map(own)
            .or_else(|| given.clone().find_map(|text| self.fixed(text)))
            .ok_or_else(|| unauthenticated("the credential is neither a well-formed API key nor a token"))
    }

    /// Whether the headers for credentials hold anything at all.
    pub(crate) fn is_shown(headers: &HeaderMap) -> bool {
        given(headers).iter().any(Option::is_some)
    }

    fn read_cookie(&self, request: &ServiceRequest) -> Result<Credential, ApiError> {
        let Some(session) = self.cookie.read(request.headers()) else {
            return Err(unauthenticated(
                "no credential was given; send an API key as `Authorization: Bearer …`",
            ));
        };
        page::check_session(request, &session, &self.origins)?;
        Ok(Credential::Session(session))
    }

    fn fixed(&self, text: &str) -> Option<Credential> {
        let fits = self.accept_static && (1..=MAX_STATIC).contains(&text.len());
        fits.then(|| Credential::Static(text.into()))
    }
}

fn unauthenticated(message: &str) -> ApiError {
    ApiError::new(ErrorCode::Unauthenticated, message)
}

/// What stands where credentials stand, in the order in which it counts.
fn given(headers: &HeaderMap) -> [Option<&str>; 3] {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(strip_bearer);
    [bearer, text(KEY_HEADERS[0]), text(KEY_HEADERS[1])].map(|text| text.map(str::trim))
}

/// The scheme's case does not matter (RFC 9110, section 11.1).
fn strip_bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(rest)
}

/// A credential that is known by its shape.
fn own(text: &str) -> Option<Credential> {
    if let Ok(key) = PresentedKey::parse(text) {
        return Some(Credential::ApiKey(key));
    }
    is_token(text).then(|| Credential::Token(text.into()))
}

/// Whether this looks like a signed JSON Web Token (RFC 7515, section 7.1); whether it is one, the auth service says.
fn is_token(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    text.len() <= MAX_TOKEN && text.split('.').count() == 3 && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use outcrop_config::ServerConfig;
    use outcrop_types::SecretKind;

    use super::*;

    fn key(seed: u8) -> PresentedKey {
        PresentedKey::generate([seed; 16], [seed; 86])
    }

    fn read(accept_static: bool, headers: &[(&str, &str)]) -> String {
        let config = ServerConfig::default();
        let (cookie, origins) = (SessionCookie::of(&config), Origins::of(&config));
        let reader = Reader { accept_static, cookie, origins };
        let mut request = TestRequest::get().uri("/v1/models");
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        use secrecy::ExposeSecret as _;
        match reader.read(&request.to_srv_request()) {
            Ok(Credential::ApiKey(key)) => format!("key {}", key.expose()),
            Ok(Credential::Token(text)) => format!("token {}", text.expose_secret()),
            Ok(Credential::Session(key)) => format!("session {}", key.expose()),
            Ok(Credential::Static(text)) => format!("static {}", text.expose_secret()),
            Err(error) => format!("{} {}", error.code.status(), error.message),
        }
    }

    const MALFORMED: &str = "401 the credential is neither a well-formed API key nor a token";

    #[test]
    fn each_header_works_and_leftovers_are_passed_over() {
        let (one, other) = (key(1), key(2));
        let (bearer, own) = (format!("Bearer {}", one.expose()), format!("key {}", one.expose()));
        let spaced = format!("bearer  {}", one.expose());
        for headers in [
            &[("authorization", bearer.as_str())][..],
            &[("authorization", &spaced)],
            &[("x-api-key", one.expose())],
            &[("api-key", one.expose())],
            &[("authorization", "Bearer sk-other"), ("x-api-key", one.expose())],
            &[("authorization", &bearer), ("x-api-key", other.expose())],
        ] {
            for accept_static in [false, true] {
                assert_eq!(read(accept_static, headers), own, "{headers:?}");
            }
        }
    }

    #[test]
    fn a_token_is_known_by_its_shape() {
        assert_eq!(read(false, &[("authorization", "Bearer eyJ0.eyJz.c2ln-_")]), "token eyJ0.eyJz.c2ln-_");
        assert_eq!(read(false, &[("x-api-key", "a.b.c")]), "token a.b.c");
        for bad in ["a.b", "a.b.c.d", "a..c", "a.b.", ".b.c", "a.b.c=", "a.b c.d"] {
            assert_eq!(read(false, &[("authorization", &format!("Bearer {bad}"))]), MALFORMED, "{bad}");
        }
        let long = |length: usize| format!("a.b.{}", "c".repeat(length - 4));
        assert!(read(false, &[("x-api-key", &long(MAX_TOKEN))]).starts_with("token "));
        assert_eq!(read(false, &[("x-api-key", &long(MAX_TOKEN + 1))]), MALFORMED);
    }

    #[test]
    fn other_text_counts_only_where_a_static_key_is_configured() {
        let headers = [("authorization", "Bearer sk-other")];
        assert_eq!(read(false, &headers), MALFORMED);
        assert_eq!(read(true, &headers), "static sk-other");
        assert_eq!(read(true, &[("api-key", &"x".repeat(MAX_STATIC + 1))]), MALFORMED);
    }

    #[test]
    fn the_cookie_counts_where_no_header_does() {
        let session = PresentedKey::generate_as(SecretKind::Session, [3; 16], [3; 86]);
        let cookie = format!("outcrop_session={}", session.expose());
        let cookie = ("cookie", cookie.as_str());
        assert_eq!(read(false, &[cookie]), format!("session {}", session.expose()));
        assert_eq!(
            read(false, &[cookie, ("x-api-key", key(1).expose())]),
            format!("key {}", key(1).expose())
        );
        assert_eq!(read(false, &[cookie, ("x-api-key", "sk-other")]), MALFORMED);
        assert_eq!(read(false, &[("x-api-key", session.expose())]), MALFORMED, "a session is no key");
    }

    #[test]
    fn nothing_is_nothing() {
        let none = "401 no credential was given; send an API key as `Authorization: Bearer …`";
        assert_eq!(read(true, &[]), none);
        assert_eq!(read(true, &[("authorization", &format!("Basic {}", key(1).expose()))]), none);
        assert_eq!(read(true, &[("authorization", "Bearer")]), none);
        assert_eq!(read(false, &[("cookie", "outcrop_session=x")]), none);
    }
}
