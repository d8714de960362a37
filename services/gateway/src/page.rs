//! Whether a page of ours asks, and not one of a stranger that a visitor of ours happens to look at.
//!
//! A browser sends the session cookie whichever page asks. What it also says cannot be forged by a page: where the
//! page is from (`Origin`, `Sec-Fetch-Site`); and a stranger's page cannot know the token that goes with the cookie.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, ORIGIN};
use outcrop_http::{ApiError, CSRF_HEADER, Origins, csrf_matches};
use outcrop_types::{ErrorCode, PresentedKey};

/// Where the page is from, seen from us (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>).
const FETCH_SITE: &str = "sec-fetch-site";

/// Refuses a request with this session cookie that no page of ours has sent.
pub(crate) fn check_session(
    request: &ServiceRequest,
    session: &PresentedKey,
    origins: &Origins,
) -> Result<(), ApiError> {
    if is_safe(request.method()) {
        return check_site(request.headers(), origins);
    }
    check_own(request, origins)?;
    let given = request.headers().get(CSRF_HEADER).map_or(&b""[..], |value| value.as_bytes());
    if csrf_matches(session, given) {
        return Ok(());
    }
    let message = format!("with a session cookie, this needs the header `{CSRF_HEADER}` that goes with it");
    Err(ApiError::new(ErrorCode::Forbidden, message))
}

/// Refuses a request of a stranger's page. What is asked by no page at all passes.
pub(crate) fn check_own(request: &ServiceRequest, origins: &Origins) -> Result<(), ApiError> {
    check_site(request.headers(), origins)?;
    if is_safe(request.method()) || origin(request.headers()).is_none_or(|origin| origins.trusts(origin)) {
        return Ok(());
    }
    Err(foreign(ORIGIN.as_str()))
}

fn check_site(headers: &HeaderMap, origins: &Origins) -> Result<(), ApiError> {
    let foreign_site = headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site");
    if foreign_site && !origin(headers).is_some_and(|origin| origins.lists(origin)) {
        return Err(foreign(FETCH_SITE));
    }
    Ok(())
}

/// The page's origin; one that does not read is none of ours.
fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(ORIGIN).map(|value| value.to_str().unwrap_or_default())
}

/// Whether nothing is changed by it (RFC 9110, section 9.2.1).
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn foreign(header: &str) -> ApiError {
    let message = format!(
        "the header `{header}` names a page that may not ask this; `server.public_url` and `server.cors_origins` \
         say which may"
    );
    ApiError::new(ErrorCode::Forbidden, message)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use outcrop_config::ServerConfig;
    use outcrop_http::csrf_token;
    use outcrop_types::SecretKind;

    use super::*;

    const OWN: &str = "https://ai.example.com";
    const LISTED: &str = "https://app.example.com";

    fn session(seed: u8) -> PresentedKey {
        PresentedKey::generate_as(SecretKind::Session, [seed; 16], [seed; 86])
    }

    /// What is said of a request with the session cookie: `Ok`, or the header that is named.
    fn says(method: Method, headers: &[(&str, &str)]) -> Result<(), String> {
        let mut request = TestRequest::default().method(method).uri("/auth/me");
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let config = ServerConfig {
            public_url: Some(OWN.into()),
            cors_origins: Some(LISTED.into()),
            ..ServerConfig::default()
        };
        check_session(&request.to_srv_request(), &session(1), &Origins::of(&config)).map_err(|error| {
            assert_eq!(error.code, ErrorCode::Forbidden);
            error.message.split('`').nth(1).unwrap().to_owned()
        })
    }

    #[test]
    fn a_change_needs_the_token_that_goes_with_the_cookie() {
        let (own, other) = (csrf_token(&session(1)), csrf_token(&session(2)));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(says(method.clone(), &[]), Err(CSRF_HEADER.into()));
            assert_eq!(says(method.clone(), &[(CSRF_HEADER, &other)]), Err(CSRF_HEADER.into()));
            assert_eq!(says(method, &[(CSRF_HEADER, &own)]), Ok(()));
        }
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            assert_eq!(says(method, &[]), Ok(()));
        }
    }

    #[test]
    fn a_change_is_asked_for_by_a_page_of_ours_or_a_listed_one() {
        let token = csrf_token(&session(1));
        for (origin, expected) in [
            (OWN, Ok(())),
            (LISTED, Ok(())),
            ("https://evil.example", Err("origin".to_owned())),
            ("http://ai.example.com", Err("origin".to_owned())),
            ("null", Err("origin".to_owned())),
            ("", Err("origin".to_owned())),
        ] {
            let headers = [(CSRF_HEADER, token.as_str()), ("origin", origin)];
            assert_eq!(says(Method::POST, &headers), expected, "{origin}");
        }
    }

    #[test]
    fn another_site_is_refused_unless_listed() {
        let token = csrf_token(&session(1));
        let token = (CSRF_HEADER, token.as_str());
        for method in [Method::GET, Method::POST] {
            let refused = Err(FETCH_SITE.to_owned());
            assert_eq!(says(method.clone(), &[token, (FETCH_SITE, "cross-site")]), refused);
            let own = [token, (FETCH_SITE, "cross-site"), ("origin", OWN)];
            assert_eq!(says(method.clone(), &own), refused, "our own pages are not across sites");
            let listed = [token, (FETCH_SITE, "cross-site"), ("origin", LISTED)];
            assert_eq!(says(method.clone(), &listed), Ok(()));
            for site in ["same-origin", "same-site", "none"] {
                assert_eq!(says(method.clone(), &[token, (FETCH_SITE, site)]), Ok(()), "{site}");
            }
        }
    }
}
