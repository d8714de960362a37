//! The cookie of a login that is under way.

use actix_web::http::header::HeaderMap;

use super::login::PENDING_TTL;
use crate::AuthService;

const NAME: &str = "outcrop_login";

impl AuthService {
    /// The `Set-Cookie` header that keeps what must be known again.
    pub(crate) fn pending_cookie(&self, pending: &str) -> String {
        self.set_cookie(NAME, pending, PENDING_TTL.as_secs(), true)
    }

    /// The `Set-Cookie` header that forgets it.
    pub(crate) fn forget_pending_cookie(&self) -> String {
        self.set_cookie(NAME, "", 0, true)
    }

    /// What a request kept.
    pub(crate) fn kept_pending<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.cookies_named(NAME, headers).next()
    }
}
