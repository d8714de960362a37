//! Tokens of outside issuers as credentials.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use outcrop_http::MCP_PATH;
use outcrop_ports::{Authenticated, Refused};
use outcrop_token::{OutsideVerifier, Peeked};
use outcrop_types::{Limits, Permission, Principal, Scope, Subject};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

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
        let (mut principal, outside) = self.outside_principal(issuer, &claims).await?;
        principal.scope = for_mcp_alone(issuer, &claims)?.map(Arc::new);
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

/// The claims in which issuers say what the client may do for the person (RFC 9068, section 2.2.3; Microsoft and Okta use the
/// second).
const SCOPES: [&str; 2] = ["scope", "scp"];

/// What a verified token is good for that is for our MCP server, and for none of the audiences that the settings name: a client
/// was given it for that server, so it opens nothing else. The words of its scope that are permissions of ours narrow it further;
/// where none is, the issuer knows nothing of them, and the role alone says what the person may.
fn for_mcp_alone(issuer: &KnownIssuer, claims: &Claims) -> Result<Option<Scope>, Refused> {
    if issuer.is_for_the_settings(claims) {
        return Ok(None);
    }
    let route = MCP_PATH.parse().map_err(|_| Refused::invalid("the path it is for is no pattern"))?;
    let words = SCOPES.iter().filter_map(|name| claims.get(*name)).flat_map(words);
    let mut permissions: Vec<Permission> = words.filter_map(|word| word.parse().ok()).collect();
    permissions.sort_by_key(|permission| permission.name());
    permissions.dedup();
    Ok(Some(Scope {
        permissions: (!permissions.is_empty()).then_some(permissions),
        routes: vec![route],
        ..Scope::default()
    }))
}

/// The words of a claim, which is one text or a list of them.
fn words(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(list) => {
            list.iter().filter_map(Value::as_str).flat_map(str::split_ascii_whitespace).collect()
        }
        _ => Vec::new(),
    }
}
