//! The cookies that we set.
//!
//! Over https their names begin with `__Host-`: browsers then take them only from this very host, over https, for all
//! of its paths (RFC 6265bis, section 4.1.3.2), so that no neighbour can slip in one of its own.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap};
use outcrop_config::ServerConfig;
use outcrop_http::{Origins, SessionCookie, csrf_token};
use outcrop_types::PresentedKey;

use crate::AuthService;

/// The cookie from which our pages take the value of the header that must come beside the session's.
const CSRF: &str = "outcrop_csrf";

impl AuthService {
    /// The `Set-Cookie` headers that log a browser in for so long: the credential, and what its pages send beside it.
    pub(crate) fn login_cookies(&self, cookie: &PresentedKey, ttl: Duration) -> [String; 2] {
        let seconds = ttl.as_secs();
        [
            self.write(self.session_cookie().name, cookie.expose(), seconds, true),
            self.set_cookie(CSRF, &csrf_token(cookie), seconds, false),
        ]
    }

    /// The `Set-Cookie` headers that make a browser forget it.
    pub(crate) fn logout_cookies(&self) -> [String; 2] {
        [self.write(self.session_cookie().name, "", 0, true), self.set_cookie(CSRF, "", 0, false)]
    }

    /// The cookie that is a credential.
    pub(crate) fn session_cookie(&self) -> SessionCookie {
        SessionCookie::of(&self.as_browsers_see_it())
    }

    /// The `Set-Cookie` header of a cookie of ours. A hidden one is read by no script.
    pub(crate) fn set_cookie(&self, name: &str, value: &str, seconds: u64, hidden: bool) -> String {
        self.write(&self.full_name(name), value, seconds, hidden)
    }

    /// The values that a request has of a cookie of ours.
    pub(crate) fn cookies_named<'a>(
        &self,
        name: &str,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = &'a str> {
        let name = self.full_name(name).into_owned();
        headers
            .get_all(COOKIE)
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(move |(given, value)| (given == name).then_some(value))
    }

    /// Whether pages of this origin may log in.
    pub(crate) fn trusts_origin(&self, origin: &str) -> bool {
        Origins::of(&self.as_browsers_see_it()).trusts(origin)
    }

    fn write(&self, name: &str, value: &str, seconds: u64, hidden: bool) -> String {
        let secure = if self.session_cookie().secure { "; Secure" } else { "" };
        let hidden = if hidden { "; HttpOnly" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax{secure}{hidden}")
    }

    fn full_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.session_cookie().secure { format!("__Host-{name}").into() } else { name.into() }
    }

    fn as_browsers_see_it(&self) -> ServerConfig {
        ServerConfig {
            public_url: Some(self.options().public_url.clone()),
            cors_origins: Some(self.options().origins.join(",")),
            ..ServerConfig::default()
        }
    }
}
