//! `POST /auth/logout`: ends the login of a token or cookie.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, SET_COOKIE};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, post, web};
use outcrop_http::{ApiError, CSRF_HEADER, csrf_matches};
use outcrop_ports::Refused;
use outcrop_types::{ErrorCode, PresentedKey, SecretKind, Session, SessionId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::secret::Secret;
use super::small_body::SmallBody;
use super::to_the_end;
use crate::AuthService;

/// Holds a secret: no `Debug`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogoutRequest {
    refresh_token: Option<Secret>,
}

/// Ends the login that is shown: by an access token, by a refresh token in the body, or else by the cookie. What is
/// no login, or none any more, is ended already.
#[post("/auth/logout", wrap = "from_fn(to_the_end::work)")]
pub(super) async fn logout(
    request: HttpRequest,
    auth: web::Data<AuthService>,
    body: SmallBody,
) -> Result<HttpResponse, ApiError> {
    let asked = match body.bytes.is_empty() {
        true => LogoutRequest::default(),
        false => outcrop_wire::json::parse(body.json()?)?,
    };
    let cookie = auth.session_cookie().read(request.headers());
    let mut answer = HttpResponse::NoContent();
    match (asked.refresh_token, bearer(request.headers())) {
        (Some(refresh), _) => by_refresh(&auth, &refresh.0).await?,
        (None, Some(token)) => by_token(&auth, token).await?,
        (None, None) => {
            if let Some(cookie) = &cookie {
                by_cookie(&auth, cookie, request.headers()).await?;
            }
            for line in auth.logout_cookies() {
                answer.append_header((SET_COOKIE, line));
            }
        }
    }
    Ok(answer.finish())
}

async fn by_refresh(auth: &AuthService, text: &SecretString) -> Result<(), ApiError> {
    let Ok(presented) = PresentedKey::parse_as(SecretKind::Refresh, text.expose_secret()) else {
        return Ok(());
    };
    let found = auth.session_of_refresh(&presented).await.map_err(ApiError::from_error)?;
    end(auth, found.map(|(_, session): (_, Session)| session.id)).await
}

async fn by_token(auth: &AuthService, token: &str) -> Result<(), ApiError> {
    match auth.verify_own(token).await {
        Ok(claims) => end(auth, claims.session).await,
        Err(Refused::Invalid { .. }) => Ok(()),
        Err(unknown) => Err(ApiError::from_error(unknown)),
    }
}

/// A cookie comes along whoever's page had the browser ask; the header only our own pages can send.
async fn by_cookie(auth: &AuthService, cookie: &PresentedKey, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(session) = auth.live_session_of(cookie).await.map_err(ApiError::from_error)? else {
        return Ok(());
    };
    let proof = headers.get(CSRF_HEADER).map_or(&[] as &[u8], |value| value.as_bytes());
    if !csrf_matches(cookie, proof) {
        let message = format!("the header `{CSRF_HEADER}` does not fit the cookie");
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    end(auth, Some(session.id)).await
}

async fn end(auth: &AuthService, session: Option<SessionId>) -> Result<(), ApiError> {
    match session {
        Some(session) => auth.end_session(session).await.map_err(ApiError::from_error),
        None => Ok(()),
    }
}

/// The token of an `Authorization: Bearer …`. The scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
