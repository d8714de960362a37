//! Who may come from outside, and as what: read from the setting `auth.federation`, as TOML or JSON.

mod check;

use outcrop_token::OutsideAlgorithm;
use outcrop_types::{Pattern, Role, Scope};
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::claims::ClaimPath;

pub(super) use check::{is_local_url, is_url};

/// Outside issuers and AWS roles.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Federation {
    /// OIDC issuers whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// AWS identities that may log in; the first that fits counts.
    pub aws_roles: Vec<AwsRole>,
}

/// An OIDC issuer: one tenant of Okta, Entra ID, Cognito, Keycloak, …
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// What we call it: in addresses and in the names of its users.
    pub name: String,
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// For whom its tokens may be; one of these must be in `aud`.
    pub audiences: Vec<String>,
    /// What says for whom a token is that has no `aud`: `client_id` in Amazon Cognito's access tokens.
    pub audience_claim: Option<ClaimPath>,
    /// What may sign them.
    #[serde(default = "default_algorithms", deserialize_with = "algorithms")]
    pub algorithms: Vec<OutsideAlgorithm>,
    /// Where its keys are; by default as its discovery document says.
    pub jwks_uri: Option<String>,
    /// What a user is called by; by default the first of `preferred_username`, `email` and `sub` that is there.
    pub user_claim: Option<ClaimPath>,
    /// Who of its users is what; the first that fits counts, and whom none fits is refused.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Where browsers may log in through it.
    pub login: Option<Login>,
}

/// A rule: whoever has this claim is this in that team.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawGrant")]
pub struct Grant {
    /// Where to look in the claims.
    pub claim: ClaimPath,
    /// What must be there.
    pub value: Pattern,
    /// In which team.
    pub team: TeamSource,
    /// As what.
    pub role: Role,
}

/// Where a grant takes the name of its team from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TeamSource {
    /// This one.
    Named(String),
    /// A claim that holds it.
    Claim(ClaimPath),
}

/// Browser login by authorization code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// As what we are registered with the issuer.
    pub client_id: String,
    /// Our secret there, where it gave us one.
    pub client_secret: Option<SecretString>,
    /// What is asked for.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
}

/// An AWS identity that may log in with nothing but its AWS credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsRole {
    /// ARN of a role or user, without a role's path; stars only behind `role/` or `user/`.
    pub arn: Pattern,
    /// In which team, by name.
    pub team: String,
    /// As what.
    pub role: Role,
    /// What its tokens are good for, out of that.
    pub scope: Option<Scope>,
}

/// A federation file that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}")]
pub struct FederationError {
    /// What is wrong, naming the entry; it quotes no secret.
    pub line: String,
}

impl Federation {
    /// Reads it from JSON (a text that begins with `{`) or TOML, and checks that it makes sense.
    pub fn parse(text: &str) -> Result<Self, FederationError> {
        let text = text.trim();
        let fault = |line: String| FederationError { line };
        let read = if text.starts_with('{') {
            let mut json = serde_json::Deserializer::from_str(text);
            serde_path_to_error::deserialize(&mut json)
                .map_err(|error| located(error.path(), &error.inner().to_string()))
        } else {
            // The library's own text quotes the line, which may hold a secret.
            let toml = toml::Deserializer::parse(text)
                .map_err(|error| fault(format!("it is not TOML: {}", error.message())))?;
            serde_path_to_error::deserialize(toml)
                .map_err(|error| located(error.path(), error.inner().message()))
        };
        let federation: Self = read?;
        match check::problem(&federation) {
            None => Ok(federation),
            Some(line) => Err(fault(line)),
        }
    }

    /// Whether nobody may come.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.aws_roles.is_empty()
    }
}

/// What is wrong, and where. A value of the wrong type is not quoted: it may be a secret in a wrong place.
fn located(path: &serde_path_to_error::Path, what: &str) -> FederationError {
    let wrong = what.starts_with("invalid type") || what.starts_with("invalid value");
    let expected = what.rsplit_once(", expected ").filter(|_| wrong).map(|(_, expected)| expected);
    let what = expected.map_or_else(|| what.to_owned(), |expected| format!("it is not {expected}"));
    FederationError { line: format!("`{path}`: {what}") }
}

fn default_algorithms() -> Vec<OutsideAlgorithm> {
    vec![OutsideAlgorithm::Rs256, OutsideAlgorithm::Es256, OutsideAlgorithm::EdDsa]
}

fn algorithms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OutsideAlgorithm>, D::Error> {
    let read = |name: String| {
        OutsideAlgorithm::parse(&name).ok_or_else(|| {
            let known = OutsideAlgorithm::ALL.map(OutsideAlgorithm::name).join(", ");
            let name: String = name.chars().take(40).collect();
            D::Error::custom(format!("`{name}` is none of the algorithms {known}"))
        })
    };
    Vec::<String>::deserialize(deserializer)?.into_iter().map(read).collect()
}

fn default_scopes() -> Vec<String> {
    ["openid", "profile", "email"].map(str::to_owned).to_vec()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrant {
    claim: ClaimPath,
    value: Pattern,
    team: Option<String>,
    team_claim: Option<ClaimPath>,
    role: Role,
}

impl TryFrom<RawGrant> for Grant {
    type Error = &'static str;

    fn try_from(raw: RawGrant) -> Result<Self, Self::Error> {
        let team = match (raw.team, raw.team_claim) {
            (Some(name), None) => TeamSource::Named(name),
            (None, Some(claim)) => TeamSource::Claim(claim),
            _ => return Err("a grant names its team by `team` or by `team_claim`, and not by both"),
        };
        Ok(Self { claim: raw.claim, value: raw.value, team, role: raw.role })
    }
}

#[cfg(test)]
mod tests;
