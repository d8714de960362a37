//! The configured issuers at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use outcrop_ports::{Clock, Outbound, PortError, Refused};
use outcrop_token::{OutsideIssuer, OutsideVerifier, TokenError};
use serde_json::{Map, Value};

use super::discovery::Endpoints;
use super::key_cache::KeyCache;
use super::newest::NewestTokens;
use super::settings::{Federation, Issuer};

/// The claims of a token that was verified.
pub(super) type Claims = Map<String, Value>;

/// All of them.
pub(crate) struct Issuers {
    list: Vec<KnownIssuer>,
    /// Which of a person's tokens says what the person is.
    pub(super) newest: NewestTokens,
}

/// One issuer.
pub(super) struct KnownIssuer {
    pub(super) settings: Issuer,
    /// For tokens that come as credentials.
    pub(super) tokens: OutsideVerifier,
    /// For the identity tokens of browser logins, if there are any.
    pub(super) logins: Option<OutsideVerifier>,
    keys: Arc<KeyCache>,
    told: AtomicBool,
}

impl Issuers {
    /// Those of the settings. Their tokens may be for the audiences that are set there, or for `ours`.
    pub(crate) fn new(federation: &Federation, ours: Option<&str>) -> Self {
        let list = federation.issuers.iter().map(|issuer| KnownIssuer::new(issuer, ours)).collect();
        Self { list, newest: NewestTokens::default() }
    }

    /// The one whose tokens say so.
    pub(super) fn by_url(&self, url: &str) -> Option<&KnownIssuer> {
        self.list.iter().find(|issuer| issuer.settings.issuer == url)
    }

    /// The one we call so.
    pub(super) fn by_name(&self, name: &str) -> Option<&KnownIssuer> {
        self.list.iter().find(|issuer| issuer.settings.name == name)
    }
}

impl KnownIssuer {
    fn new(settings: &Issuer, ours: Option<&str>) -> Self {
        let audiences: Vec<String> =
            settings.audiences.iter().map(String::as_str).chain(ours).map(str::to_owned).collect();
        let verifier = |audiences: &[String]| {
            OutsideVerifier::new(OutsideIssuer {
                issuer: settings.issuer.clone(),
                audiences: audiences.to_vec(),
                algorithms: settings.algorithms.clone(),
            })
        };
        Self {
            tokens: verifier(&audiences)
                .with_audience_in(settings.audience_claim.as_ref().map(ToString::to_string)),
            logins: settings.login.as_ref().map(|login| verifier(std::slice::from_ref(&login.client_id))),
            keys: Arc::new(KeyCache::new(settings.clone())),
            told: AtomicBool::new(false),
            settings: settings.clone(),
        }
    }

    /// The claims of a token, if one of the issuer's keys signed it and `verifier` takes it.
    pub(super) async fn verify(
        &self,
        verifier: &OutsideVerifier,
        token: &str,
        outbound: &Arc<dyn Outbound>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Claims, Refused> {
        let unknown = |source: PortError| Refused::Unknown { source };
        let invalid = |error: TokenError| Refused::invalid(error.to_string());
        let now: DateTime<Utc> = clock.now();
        let known = self.keys.current(outbound, clock).await.map_err(unknown)?;
        match verifier.verify(token, &known.keys, now) {
            Err(error @ TokenError::UnknownKey) => {
                let newer = self.keys.newer(&known, outbound, clock).await.map_err(unknown)?;
                let newer = newer.ok_or_else(|| invalid(error))?;
                verifier.verify(token, &newer.keys, now).map_err(invalid)
            }
            other => other.map_err(invalid),
        }
    }

    /// Whether a verified token is for one of the audiences that the settings name.
    pub(super) fn is_for_the_settings(&self, claims: &Claims) -> bool {
        let in_place = || self.settings.audience_claim.as_ref().and_then(|it| claims.get(&it.to_string()));
        let is_named = |value: &Value| {
            value.as_str().is_some_and(|it| self.settings.audiences.iter().any(|own| own == it))
        };
        match claims.get("aud").or_else(in_place) {
            Some(Value::Array(list)) => list.iter().any(is_named),
            Some(one) => is_named(one),
            None => false,
        }
    }

    /// Where browsers log in.
    pub(super) async fn endpoints(
        &self,
        outbound: &Arc<dyn Outbound>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Endpoints>, PortError> {
        Ok(self.keys.current(outbound, clock).await?.endpoints.clone())
    }

    /// Says something about this issuer in the log, once.
    pub(super) fn tell_once(&self, say: impl FnOnce()) {
        if !self.told.swap(true, Ordering::Relaxed) {
            say();
        }
    }
}
