//! Who the claims of a verified token are about, and what the settings make of them.

use outcrop_ports::Refused;
use outcrop_types::{Role, UserId};

use super::claims::ClaimPath;
use super::derived;
use super::issuers::Claims;
use super::settings::{Issuer, TeamSource};
use crate::names;

/// Longest name of a user, characters: as long as any user's name may be, of which the claim gets at most 80.
const MAX_NAME: usize = 100;
const MAX_CLAIM: usize = 80;

/// Longest `sub`, bytes (OpenID Connect Core, section 2).
const MAX_SUBJECT: usize = 255;

const PURPOSE: &str = "outcrop oidc";

/// A person as an issuer and the settings describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutsideUser {
    /// Made of issuer and `sub`, so that it stays whatever else changes.
    pub(super) id: UserId,
    /// What to call it, and what if somebody else is called so.
    pub(super) names: [String; 2],
    /// Where to write to, if the issuer knows.
    pub(super) email: Option<String>,
    /// The name of its team.
    pub(super) team: String,
    /// What it is there.
    pub(super) role: Role,
    /// When the token was made, seconds since 1970.
    pub(super) issued_at: Option<i64>,
    /// When it ends, seconds since 1970.
    pub(super) expires_at: i64,
}

/// Reads the claims of a verified token. Whoever no grant fits is refused.
pub(super) fn of(issuer: &Issuer, claims: &Claims) -> Result<OutsideUser, Refused> {
    let subject = claims.get("sub").and_then(|it| it.as_str()).unwrap_or_default();
    if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.contains('\0') {
        return Err(Refused::invalid("its `sub` is missing, empty or longer than 255 bytes"));
    }
    let (team, role) = granted(issuer, claims)?;
    let parts = [issuer.issuer.as_str(), subject];
    let called = |text: &str| text.chars().take(MAX_NAME).collect::<String>();
    Ok(OutsideUser {
        id: UserId::new(derived::id(PURPOSE, &parts)),
        names: [
            called(&format!("{}:{}", issuer.name, shown(&user_name(issuer, claims, subject), MAX_CLAIM))),
            called(&format!("{}:{}", issuer.name, derived::mark(PURPOSE, &parts))),
        ],
        email: claims.get("email").and_then(|it| it.as_str()).and_then(|it| names::email(it).ok()),
        team,
        role,
        issued_at: seconds(claims, "iat"),
        expires_at: seconds(claims, "exp").ok_or_else(|| Refused::invalid("its `exp` is missing"))?,
    })
}

/// The first grant that fits.
fn granted(issuer: &Issuer, claims: &Claims) -> Result<(String, Role), Refused> {
    let grant = issuer.grants.iter().find(|grant| grant.claim.fits(claims, &grant.value));
    let grant = grant.ok_or_else(|| {
        Refused::invalid(format!("no grant of the issuer `{}` fits its claims", issuer.name))
    })?;
    let team = match &grant.team {
        TeamSource::Named(name) => name.as_str(),
        TeamSource::Claim(claim) => claim
            .text(claims)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Refused::invalid(format!("its claim `{claim}` names no team")))?,
    };
    Ok((team.to_owned(), grant.role))
}

fn user_name(issuer: &Issuer, claims: &Claims, subject: &str) -> String {
    let text = |path: &ClaimPath| path.text(claims).filter(|it| !it.trim().is_empty()).map(str::to_owned);
    let usual = || {
        let known = ["preferred_username", "email"].map(|name| claims.get(name).and_then(|it| it.as_str()));
        known.into_iter().flatten().find(|it| !it.trim().is_empty()).map(str::to_owned)
    };
    issuer.user_claim.as_ref().map_or_else(usual, text).unwrap_or_else(|| subject.to_owned())
}

/// As much of somebody else's text as may be kept and shown: nothing in it is invisible.
pub(super) fn shown(text: &str, most: usize) -> String {
    let plain = text.chars().map(|it| if names::is_hidden(it) { ' ' } else { it });
    plain.take(most).collect::<String>().trim().to_owned()
}

/// A time in claims that were verified: whole seconds, which some issuers write as `1.7e9`.
fn seconds(claims: &Claims, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest number there is")]
    value.as_i64().or_else(|| value.as_f64().map(|it| it as i64))
}
