//! Reading claims, and the checks that all tokens share.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::TokenError;

/// The last second of the year 9999: what is later is no time.
const LAST_SECOND: i64 = 253_402_300_799;

/// The payload of a token.
#[derive(Clone, Copy)]
pub(crate) struct Claims<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Claims<'a> {
    pub(crate) fn text(self, name: &'static str) -> Result<&'a str, TokenError> {
        self.optional_text(name)?.ok_or(missing(name))
    }

    pub(crate) fn optional_text(self, name: &'static str) -> Result<Option<&'a str>, TokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::Claim { name, problem: "is not a text" }),
        }
    }

    /// A claim that reads as one of our types.
    pub(crate) fn parsed<T: std::str::FromStr>(self, name: &'static str) -> Result<T, TokenError> {
        self.text(name)?.parse().map_err(|_| TokenError::Claim { name, problem: "does not read" })
    }

    pub(crate) fn time(self, name: &'static str) -> Result<DateTime<Utc>, TokenError> {
        self.optional_time(name)?.ok_or(missing(name))
    }

    /// A NumericDate (RFC 7519, section 2): seconds since 1970, for some issuers with a fraction, which is cut off.
    pub(crate) fn optional_time(self, name: &'static str) -> Result<Option<DateTime<Utc>>, TokenError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = match value.as_f64() {
            // What is in this range, an f64 holds to the second.
            Some(number) if (0.0..=LAST_SECOND as f64).contains(&number) => number as i64,
            _ => return Err(TokenError::Claim { name, problem: "is not a time in seconds since 1970" }),
        };
        DateTime::from_timestamp(seconds, 0)
            .map(Some)
            .ok_or(TokenError::Claim { name, problem: "is not a time in seconds since 1970" })
    }

    /// That `iss` is this one, to the letter.
    pub(crate) fn check_issuer(self, issuer: &str) -> Result<(), TokenError> {
        if self.text("iss")? == issuer { Ok(()) } else { Err(TokenError::WrongIssuer) }
    }

    /// That `exp` is there and has not come, and that what there is of `nbf` and `iat` has.
    pub(crate) fn check_time(self, now: DateTime<Utc>, leeway: chrono::Duration) -> Result<(), TokenError> {
        if self.time("exp")? + leeway <= now {
            return Err(TokenError::Expired);
        }
        if self.optional_time("nbf")?.is_some_and(|it| it > now + leeway) {
            return Err(TokenError::NotYetValid);
        }
        if self.optional_time("iat")?.is_some_and(|it| it > now + leeway) {
            return Err(TokenError::FromTheFuture);
        }
        Ok(())
    }
}

const fn missing(name: &'static str) -> TokenError {
    TokenError::Claim { name, problem: "is missing" }
}
