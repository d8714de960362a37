//! Tokens of outside issuers as credentials.

use chrono::{DateTime, Utc};
use outcrop_ports::{Authenticated, Refused};
use outcrop_token::{OutsideVerifier, Peeked};
use outcrop_types::{Limits, Principal, Subject};
use secrecy::{ExposeSecret, SecretString};

use super::identity::{self, OutsideUser};
use super::issuers::{Claims, KnownIssuer};
use crate::AuthService;

impl AuthService {
    /// Who shows the token of an outside issuer: the person whom its claims name, made at the first visit, in the role
    /// that the settings give for them, as far as its membership goes.
    pub(crate) async fn authenticate_outside(
        &self,
        peeked: &Peeked,
        token: &SecretString,
    ) -> Result<Authenticated, Refused> {
        let issuer = peeked.issuer.as_deref().and_then(|url| self.issuers().by_url(url));
        let issuer = issuer.ok_or_else(|| Refused::invalid("its issuer is not one of those configured"))?;
        let ports = self.ports();
        let claims =
            issuer.verify(&issuer.tokens, token.expose_secret(), &ports.outbound, &ports.clock).await?;
        let (principal, outside) = self.outside_principal(issuer, &claims).await?;
        let expires_at = DateTime::<Utc>::from_timestamp(outside.expires_at, 0);
        let expires_at = expires_at.ok_or_else(|| Refused::invalid("its `exp` is no time"))?;
        // Whoever caches the answer takes the token as long as we do.
        let expires_at = expires_at + OutsideVerifier::LEEWAY;
        Ok(Authenticated { principal, expires_at: Some(expires_at), session: None })
    }

    /// Whom verified claims are about: what they say, and never more than the person is here now.
    pub(super) async fn outside_principal(
        &self,
        issuer: &KnownIssuer,
        claims: &Claims,
    ) -> Result<(Principal, OutsideUser), Refused> {
        let outside = identity::of(&issuer.settings, claims)?;
        let team = self.provision(issuer, &outside).await?;
        let principal = Principal {
            subject: Subject::User(outside.id),
            team,
            role: outside.role,
            key: None,
            limits: Limits::default(),
            scope: None,
        };
        Ok((self.with_standing(principal).await?, outside))
    }
}
