//! One key for everybody, for the simplest deployments: whatever text the operator has set.
//!
//! It acts for the first admin's team, as a program of its own that no store knows; so no audit log tells one bearer
//! from another, and a team that needs that makes keys.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use outcrop_ports::{Authenticated, PortError, Refused};
use outcrop_types::{Limits, Principal, ServiceAccountId, Subject, TeamId};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::AuthService;

/// The id of the program that the bearer is: the same on every platform.
const NAME: [u8; 16] = *b"static key\0\0\0\0\0\0";

/// How long the first admin's team is remembered.
const FRESH: Duration = Duration::from_secs(60);

/// The team that the bearer acts for, and when, by the monotonic clock, it was looked up.
#[derive(Debug, Default)]
pub(crate) struct StaticTeam(Mutex<Option<(TeamId, Duration)>>);

impl AuthService {
    /// Who shows this text: whoever has the static key, if one is configured.
    pub(crate) async fn authenticate_static(&self, text: &SecretString) -> Result<Authenticated, Refused> {
        let Some((key, role)) = &self.options().static_key else {
            return Err(Refused::invalid("no static key is configured"));
        };
        if !bool::from(self.static_mark(text).ct_eq(&self.static_mark(key))) {
            return Err(Refused::invalid("the text is not the static key"));
        }
        let principal = Principal {
            subject: Subject::ServiceAccount(ServiceAccountId::new(Uuid::from_bytes(NAME))),
            team: self.first_team().await?,
            role: *role,
            key: None,
            limits: Limits::default(),
            scope: None,
        };
        Ok(Authenticated { principal, expires_at: None, session: None })
    }

    /// What is compared in place of a text: of one length whatever the text's, and nobody's to foresee.
    fn static_mark(&self, text: &SecretString) -> [u8; 32] {
        let secret = self.options().secret.expose_secret().as_bytes();
        // A key of any length will do for this hash, so that this never fails.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 32] };
        mac.update(b"outcrop static key v1\0");
        mac.update(text.expose_secret().as_bytes());
        mac.finalize().into_bytes().into()
    }

    async fn first_team(&self) -> Result<TeamId, Refused> {
        let now = self.ports().clock.monotonic();
        let known = *self.static_team().0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((team, at)) = known
            && now.saturating_sub(at) < FRESH
        {
            return Ok(team);
        }
        match (self.ports().users.first_admin().await, known) {
            (Ok(Some((_, team))), _) => {
                let mut held = self.static_team().0.lock().unwrap_or_else(PoisonError::into_inner);
                *held = Some((team.id, now));
                Ok(team.id)
            }
            (Ok(None), _) => {
                let source =
                    PortError::unavailable("find a team for the static key", "there is no admin yet");
                Err(Refused::Unknown { source })
            }
            // The store is away: the team has hardly changed.
            (Err(_), Some((team, _))) => Ok(team),
            (Err(source), None) => Err(Refused::Unknown { source }),
        }
    }
}
