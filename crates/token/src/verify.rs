//! Verifying our own access tokens.

use chrono::{DateTime, Utc};

use crate::claims::Claims;
use crate::signing::ACCESS_TYPE;
use crate::unverified::Unverified;
use crate::{AccessClaims, Algorithm, Jwk, KeyError, TokenError, signature};

/// The public part of a [`SigningKey`](crate::SigningKey).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    kid: String,
    algorithm: Algorithm,
    key: Jwk,
}

impl VerifyingKey {
    pub(crate) const fn new(kid: String, algorithm: Algorithm, key: Jwk) -> Self {
        Self { kid, algorithm, key }
    }

    /// Takes a public key as it was stored: it must name itself and one of our algorithms.
    pub fn from_jwk(key: Jwk) -> Result<Self, KeyError> {
        let kid = key.kid().ok_or(KeyError::Name)?.to_owned();
        let algorithm = Algorithm::ALL
            .into_iter()
            .find(|ours| key.algorithm() == Some((*ours).into()))
            .ok_or(KeyError::Unusable { problem: "its `alg` is not one that we sign with" })?;
        Ok(Self { kid, algorithm, key })
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public part, to be published.
    #[must_use]
    pub const fn jwk(&self) -> &Jwk {
        &self.key
    }
}

/// Verifies access tokens that we have issued.
#[derive(Debug, Clone)]
pub struct AccessVerifier {
    issuer: String,
    audience: String,
}

impl AccessVerifier {
    /// How far the clocks of two replicas may be apart: for so long after its `exp` a token is still taken.
    pub const LEEWAY: chrono::Duration = chrono::Duration::seconds(5);

    /// Takes tokens of this issuer for this audience, both to the letter.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self { issuer: issuer.into(), audience: audience.into() }
    }

    /// What the token says, if one of these keys signed it and it is good at `now`, give or take 5 seconds.
    /// [`TokenError::UnknownKey`] where it names none of them: another replica may have made a new one.
    pub fn verify(
        &self,
        token: &str,
        keys: &[VerifyingKey],
        now: DateTime<Utc>,
    ) -> Result<AccessClaims, TokenError> {
        let token = Unverified::read(token)?;
        if token.typ.as_deref() != Some(ACCESS_TYPE) {
            return Err(TokenError::WrongType);
        }
        let algorithm = Algorithm::parse(&token.algorithm).ok_or(TokenError::WrongAlgorithm)?;
        let kid = token.kid.as_deref().ok_or(TokenError::Header { name: "kid", problem: "is missing" })?;
        let key = keys.iter().find(|key| key.kid == kid).ok_or(TokenError::UnknownKey)?;
        // The key settles the algorithm; the token only may not contradict it.
        if key.algorithm != algorithm {
            return Err(TokenError::WrongKey);
        }
        signature::check(&token, &key.key, key.algorithm.into())?;
        let claims = Claims(&token.claims);
        claims.check_issuer(&self.issuer)?;
        if claims.text("aud")? != self.audience {
            return Err(TokenError::WrongAudience);
        }
        claims.time("nbf")?;
        claims.time("iat")?;
        claims.check_time(now, Self::LEEWAY)?;
        AccessClaims::from_wire(&token.claims)
    }
}
