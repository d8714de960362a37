//! Browser login through an outside issuer: authorization code with PKCE (OpenID Connect Core 1.0, section 3.1; RFC
//! 7636; RFC 9700).
//!
//! Nothing is kept here between the two requests: what must be known again stands, encrypted, in a cookie of the
//! browser that began the login, so that nobody can be made to finish somebody else's.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use outcrop_ports::PortError;
use outcrop_token::Sealer;
use outcrop_types::LoginMethod;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::discovery::Endpoints;
use super::identity::shown;
use super::issuers::KnownIssuer;
use super::login_error::OidcLoginError;
use super::settings::Login;
use crate::sessions::NewLogin;
use crate::{Acting, AuthService};

/// How long somebody may take at the issuer.
pub(super) const PENDING_TTL: Duration = Duration::from_secs(10 * 60);

const PURPOSE: &str = "oidc login";

/// Longest path to come back to, characters.
const MAX_RETURN_TO: usize = 512;

/// Most of what an issuer says of a failure that is shown.
const MAX_SHOWN: usize = 200;

/// A login that was begun.
pub(crate) struct BegunLogin {
    /// Where to send the browser.
    pub(crate) location: String,
    /// What it brings back: encrypted, for a cookie.
    pub(crate) pending: String,
}

/// A login that succeeded.
pub(crate) struct FinishedLogin {
    /// The `Set-Cookie` headers of the session.
    pub(crate) cookies: [String; 2],
    /// The path to send the browser to.
    pub(crate) return_to: String,
}

/// What the issuer sent the browser back with.
#[derive(Default)]
pub(crate) struct Callback {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) error_description: Option<String>,
    /// Who answers (RFC 9207), if it says so.
    pub(crate) iss: Option<String>,
}

/// What must be known again when the browser comes back.
#[derive(Serialize, Deserialize)]
struct Pending {
    state: String,
    nonce: String,
    verifier: String,
    return_to: String,
    /// Seconds since 1970.
    expires_at: i64,
}

impl AuthService {
    /// Begins a login through the issuer of this name, after which the browser comes to the path `return_to`.
    pub(crate) async fn begin_oidc_login(
        &self,
        name: &str,
        return_to: Option<&str>,
    ) -> Result<BegunLogin, OidcLoginError> {
        let (issuer, login) = self.login_issuer(name)?;
        let endpoints = self.endpoints(issuer).await?;
        let now = self.ports().clock.now();
        let pending = Pending {
            state: self.random_text(),
            nonce: self.random_text(),
            verifier: self.random_text(),
            return_to: return_to.and_then(local_path).unwrap_or("/").to_owned(),
            expires_at: (now + TimeDelta::from_std(PENDING_TTL).unwrap_or_default()).timestamp(),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(pending.verifier.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &login.client_id)
            .append_pair("redirect_uri", &self.callback_url(name))
            .append_pair("scope", &login.scopes.join(" "))
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let separator = if endpoints.authorization.contains('?') { '&' } else { '?' };
        let location = format!("{}{separator}{query}", endpoints.authorization);
        Ok(BegunLogin { location, pending: self.seal_pending(&pending, name)? })
    }

    /// Finishes a login with what the browser came back with, and what it kept in its cookie.
    pub(crate) async fn finish_oidc_login(
        &self,
        acting: &Acting,
        name: &str,
        callback: Callback,
        kept: Option<&str>,
    ) -> Result<FinishedLogin, OidcLoginError> {
        let (issuer, login) = self.login_issuer(name)?;
        let pending = kept.ok_or_else(|| OidcLoginError::not_begun("the cookie of the login is missing"))?;
        let pending = self.open_pending(pending, name)?;
        let state = callback.state.as_deref().unwrap_or_default();
        if !bool::from(state.as_bytes().ct_eq(pending.state.as_bytes())) {
            return Err(OidcLoginError::not_begun("`state` is not that of the cookie"));
        }
        if pending.expires_at <= self.ports().clock.now().timestamp() {
            return Err(OidcLoginError::not_begun("the login took too long"));
        }
        if callback.iss.is_some_and(|iss| iss != issuer.settings.issuer) {
            return Err(OidcLoginError::not_begun("`iss` is another issuer"));
        }
        if let Some(error) = &callback.error {
            return Err(said(error, callback.error_description.as_deref()));
        }
        let code = callback.code.ok_or_else(|| OidcLoginError::not_begun("`code` is missing"))?;
        self.throttle_oidc(acting).await?;
        let endpoints = self.endpoints(issuer).await?;
        let redirect = self.callback_url(name);
        let token = self.exchange_code(&endpoints, login, &code, &redirect, &pending.verifier).await?;
        let claims = self.verify_id_token(issuer, login, &token, &pending.nonce).await?;
        let (principal, _) = self.outside_principal(issuer, &claims).await?;
        let new = NewLogin {
            subject: principal.subject,
            team: principal.team,
            // What the claims leave of the role that the session will have, where neither holds the other.
            scope: principal.scope().clone(),
            method: LoginMethod::Oidc,
        };
        let (session, cookie) = self.begin_browser_session(new).await?;
        let ttl = (session.expires_at - session.created_at).to_std().unwrap_or_default();
        Ok(FinishedLogin { cookies: self.login_cookies(&cookie, ttl), return_to: pending.return_to })
    }

    fn login_issuer(&self, name: &str) -> Result<(&KnownIssuer, &Login), OidcLoginError> {
        let issuer = self.issuers().by_name(name).ok_or(OidcLoginError::NoIssuer)?;
        let login = issuer.settings.login.as_ref().ok_or(OidcLoginError::NoIssuer)?;
        Ok((issuer, login))
    }

    async fn endpoints(&self, issuer: &KnownIssuer) -> Result<Endpoints, OidcLoginError> {
        let ports = self.ports();
        issuer.endpoints(&ports.outbound, &ports.clock).await?.ok_or(OidcLoginError::NoIssuer)
    }

    /// Where the issuer sends the browser back to; as it must be registered there.
    fn callback_url(&self, name: &str) -> String {
        format!("{}/auth/callback/{name}", self.options().public_url)
    }

    /// 256 bits that nobody guesses, as text.
    fn random_text(&self) -> String {
        let mut bytes = [0; 32];
        self.ports().ids.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn seal_pending(&self, pending: &Pending, name: &str) -> Result<String, PortError> {
        let broken = |error| PortError::broken("keep the state of a login", error);
        let mut nonce = [0; 12];
        self.ports().ids.fill(&mut nonce);
        let text = serde_json::to_vec(pending)
            .map_err(|error| PortError::broken("keep the state of a login", error))?;
        let sealed = self.pending_sealer()?.seal(nonce, &text, name.as_bytes()).map_err(broken)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open_pending(&self, kept: &str, name: &str) -> Result<Pending, OidcLoginError> {
        let unfit = || OidcLoginError::not_begun("the cookie of the login is not one of ours");
        let sealed = URL_SAFE_NO_PAD.decode(kept).map_err(|_| unfit())?;
        let text = self.pending_sealer()?.open(&sealed, name.as_bytes()).map_err(|_| unfit())?;
        serde_json::from_slice(&text).map_err(|_| unfit())
    }

    fn pending_sealer(&self) -> Result<Sealer, PortError> {
        Sealer::new(self.options().secret.expose_secret().as_bytes(), PURPOSE)
            .map_err(|error| PortError::broken("keep the state of a login", error))
    }
}

/// What an issuer says of a failure, as far as it may be shown: it came through the browser, from anybody.
fn said(error: &str, description: Option<&str>) -> OidcLoginError {
    let said = match description {
        Some(description) => format!("{error}: {description}"),
        None => error.to_owned(),
    };
    OidcLoginError::Said { said: shown(&said, MAX_SHOWN) }
}

/// A path of ours. Browsers read `//host` and `/\host` as another host, and pass over control characters.
fn local_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let plain = path.len() <= MAX_RETURN_TO && path.bytes().all(|it| it.is_ascii_graphic() && it != b'\\');
    (plain && !rest.starts_with('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in ["/", "/console/", "/console/?tab=keys&x=%2F%2Fhost", "/a//b", "/@host"] {
            assert_eq!(local_path(path), Some(path), "{path}");
        }
        for path in [
            "",
            "//host",
            "///host",
            "/\\host",
            "/a\\b",
            "\\host",
            "https://host",
            "host",
            "/\t/host",
            "/\n",
            "/ü",
            "/a b",
            &format!("/{}", "x".repeat(512)),
        ] {
            assert_eq!(local_path(path), None, "{path:?}");
        }
    }

    #[test]
    fn what_an_issuer_says_is_cut_and_cleaned() {
        let error = said("access_denied", Some("no\r\nSet-Cookie: x\u{202e}"));
        assert_eq!(error.to_string(), "the identity provider answered: access_denied: no  Set-Cookie: x");
        assert!(said(&"x".repeat(1_000), None).to_string().len() < 300);
    }
}
