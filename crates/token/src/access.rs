//! What our access tokens say.

use chrono::{DateTime, Utc};
use outcrop_types::{
    KeyId, Limits, Network, Pattern, Permission, Principal, Role, Scope, SessionId, Subject, TeamId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::TokenError;
use crate::claims::Claims;

/// The claim that holds what no registered claim has a word for.
const OWN: &str = "outcrop";

/// The claims of an access token of ours: who acts for which team, and how narrowly.
///
/// On the wire they are `iss`, `aud`, `sub`, `iat`, `nbf` (the same), `exp`, `jti`, `team`, `role`; `scope` (RFC 8693,
/// section 4.2), the permissions, with no name in it where none is left; and an object `outcrop` for the rest, where
/// there is any. Its member `all` says that `scope` narrows nothing: it lists what the role allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who issued it: our public address.
    pub issuer: String,
    /// For whom it is.
    pub audience: String,
    /// Who acts.
    pub subject: Subject,
    /// The team that is acted for.
    pub team: TeamId,
    /// The role in that team, when the token was issued.
    pub role: Role,
    /// What it is good for, out of what the role allows. One that narrows nothing is read back as `None`.
    pub scope: Option<Scope>,
    /// What the role allowed when the token was issued, for those who read tokens themselves. It narrows nothing, and
    /// travels only where `scope` has no list of permissions.
    pub granted: Vec<Permission>,
    /// Limits of the credential it was issued for.
    pub limits: Limits,
    /// The key it was issued for, if it was for one.
    pub key: Option<KeyId>,
    /// The login it belongs to, if to one.
    pub session: Option<SessionId>,
    /// Its own id (`jti`).
    pub id: Uuid,
    /// When it was issued; whole seconds travel.
    pub issued_at: DateTime<Utc>,
    /// When it ends; whole seconds travel.
    pub expires_at: DateTime<Utc>,
}

impl AccessClaims {
    /// Who acts, as it was when the token was issued. What still holds, the stores know.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal {
            subject: self.subject,
            team: self.team,
            role: self.role,
            key: self.key.clone(),
            limits: self.limits,
            scope: self.scope.clone().map(Into::into),
        }
    }

    pub(crate) fn to_wire(&self) -> impl Serialize {
        let scope = self.scope.clone().unwrap_or_default();
        let all = scope.permissions.is_none() && !self.granted.is_empty();
        let listed = if all { Some(self.granted.as_slice()) } else { scope.permissions.as_deref() };
        let own = Own {
            routes: scope.routes,
            models: scope.models,
            networks: scope.networks,
            limits: self.limits,
            key: self.key.clone(),
            sid: self.session,
            all,
        };
        Wire {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: self.subject.to_string(),
            iat: self.issued_at.timestamp(),
            nbf: self.issued_at.timestamp(),
            exp: self.expires_at.timestamp(),
            jti: self.id,
            team: self.team,
            role: self.role,
            scope: listed.map(spell),
            outcrop: (own != Own::default()).then_some(own),
        }
    }

    /// Reads claims whose signature, issuer, audience and times have been checked.
    pub(crate) fn from_wire(members: &Map<String, Value>) -> Result<Self, TokenError> {
        let claims = Claims(members);
        let own = own(members)?;
        let listed = claims.optional_text("scope")?.map(permissions).transpose()?;
        let (permissions, granted) =
            if own.all { (None, listed.unwrap_or_default()) } else { (listed, Vec::new()) };
        let scope = Scope { permissions, routes: own.routes, models: own.models, networks: own.networks };
        Ok(Self {
            issuer: claims.text("iss")?.to_owned(),
            audience: claims.text("aud")?.to_owned(),
            subject: claims.parsed("sub")?,
            team: claims.parsed("team")?,
            role: claims.parsed("role")?,
            scope: (!scope.is_empty()).then_some(scope),
            granted,
            limits: own.limits,
            key: own.key,
            session: own.sid,
            id: claims.parsed("jti")?,
            issued_at: claims.time("iat")?,
            expires_at: claims.time("exp")?,
        })
    }
}

#[derive(Serialize)]
struct Wire {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    team: TeamId,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcrop: Option<Own>,
}

/// Unknown members are refused: one that a newer server wrote may narrow what the token is good for.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    models: Vec<Pattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<Network>,
    #[serde(skip_serializing_if = "Limits::is_empty")]
    limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<SessionId>,
    /// That the permissions in `scope` are all that the role allowed, and no narrowing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    all: bool,
}

fn own(members: &Map<String, Value>) -> Result<Own, TokenError> {
    match members.get(OWN) {
        None => Ok(Own::default()),
        Some(value @ Value::Object(_)) => Own::deserialize(value)
            .map_err(|_| TokenError::Claim { name: OWN, problem: "holds what is not known here" }),
        Some(_) => Err(TokenError::Claim { name: OWN, problem: "is not an object" }),
    }
}

fn spell(permissions: &[Permission]) -> String {
    permissions.iter().map(|it| it.name()).collect::<Vec<_>>().join(" ")
}

fn permissions(text: &str) -> Result<Vec<Permission>, TokenError> {
    let names = text.split(' ').filter(|name| !name.is_empty());
    names
        .map(|name| {
            name.parse()
                .map_err(|_| TokenError::Claim { name: "scope", problem: "has a permission that is none" })
        })
        .collect()
}
