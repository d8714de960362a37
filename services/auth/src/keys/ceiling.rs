//! The most that a key may be: the credential it is made or changed with.
//!
//! A key that is narrow, limited or ends must not be the way to one that is not. What is not said takes the
//! ceiling's; what is said and goes beyond is refused by name.

use chrono::{DateTime, Utc};
use outcrop_types::{ApiKey, Limits, Scope};

use crate::{Acting, AdminError, AuthService};

/// The caller's own credential, as a ceiling.
#[derive(Debug, Default)]
pub(crate) struct Ceiling {
    scope: Scope,
    limits: Limits,
    expires_at: Option<DateTime<Utc>>,
}

impl AuthService {
    /// The ceiling of what this caller makes. The platform's own hands have none; who came with a login, which can
    /// be prolonged, has none in time.
    pub(crate) async fn ceiling(&self, acting: &Acting) -> Result<Ceiling, AdminError> {
        let Some(principal) = acting.who() else { return Ok(Ceiling::default()) };
        let expires_at = match &principal.key {
            Some(id) => {
                let own = self.ports().keys.lookup_key(id).await;
                let own = own.map_err(AdminError::store("look up the key this is asked with"))?;
                let now = self.ports().clock.now();
                own.filter(|own| own.is_active(now)).ok_or(AdminError::CredentialEnded)?.expires_at
            }
            None => None,
        };
        Ok(Ceiling { scope: principal.scope().clone(), limits: principal.limits, expires_at })
    }
}

impl Ceiling {
    pub(crate) fn scope(&self, asked: Scope) -> Result<Scope, AdminError> {
        asked.within(&self.scope).map_err(|list| beyond(format!("scope.{list}")))
    }

    pub(crate) fn limits(&self, asked: Limits) -> Result<Limits, AdminError> {
        let requests_per_minute =
            lesser(asked.requests_per_minute, self.limits.requests_per_minute, "limits.requests_per_minute")?;
        Ok(Limits { requests_per_minute })
    }

    pub(crate) fn expires_at(
        &self,
        asked: Option<DateTime<Utc>>,
    ) -> Result<Option<DateTime<Utc>>, AdminError> {
        lesser(asked, self.expires_at, "expires_at")
    }

    /// The end that is asked for, or the ceiling's if that comes first.
    pub(crate) fn earlier(&self, asked: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        [asked, self.expires_at].into_iter().flatten().min()
    }

    /// Passes if a whole key is no more than the ceiling allows, its end included.
    pub(crate) fn holds_with_its_end(&self, key: &ApiKey) -> Result<(), AdminError> {
        self.holds(key)?;
        if self.expires_at(key.expires_at)? != key.expires_at {
            return Err(beyond("expires_at".to_owned()));
        }
        Ok(())
    }

    /// Passes if a key is already no more than the ceiling allows, its end aside.
    pub(crate) fn holds(&self, key: &ApiKey) -> Result<(), AdminError> {
        if self.scope(key.scope.clone())? != key.scope {
            return Err(beyond("scope".to_owned()));
        }
        if self.limits(key.limits)? != key.limits {
            return Err(beyond("limits".to_owned()));
        }
        Ok(())
    }
}

/// What was asked for if it is within the ceiling, the ceiling if nothing was.
fn lesser<T: Ord>(
    asked: Option<T>,
    ceiling: Option<T>,
    field: &'static str,
) -> Result<Option<T>, AdminError> {
    match (asked, ceiling) {
        (Some(asked), Some(ceiling)) if asked > ceiling => Err(beyond(field.to_owned())),
        (Some(asked), _) => Ok(Some(asked)),
        (None, ceiling) => Ok(ceiling),
    }
}

fn beyond(field: String) -> AdminError {
    let message = format!("`{field}` may not exceed that of the credential this is asked with");
    AdminError::beyond(field, message)
}
