//! One key for everybody, for the simplest deployments: whatever text the operator has set.
//!
//! Its bearer is a service account in the first admin's team, made when it first comes: it is listed, can be
//! disabled, and owns its jobs. No audit log tells one bearer from another; a team that needs that makes keys.

use hmac::{Hmac, KeyInit, Mac};
use outcrop_ports::{Authenticated, Changed, PortError, Refused};
use outcrop_types::{Change, Limits, Principal, Role, ServiceAccount, ServiceAccountId, Subject, TeamId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{Acting, AuthService};

/// The id of the account: the same on every platform.
const ID: [u8; 16] = *b"static key\0\0\0\0\0\0";

/// What the account is called, and what if another one of the team is called so: no name that is chosen here may hold
/// a `:`.
const NAMES: [&str; 2] = ["static key (settings)", "settings:static key"];

/// How often a change that meets another is made anew.
const TRIES: usize = 3;

impl AuthService {
    /// Who shows this text: whoever has the static key, if one is configured.
    pub(crate) async fn authenticate_static(&self, text: &SecretString) -> Result<Authenticated, Refused> {
        let Some((key, role)) = &self.options().static_key else {
            return Err(Refused::invalid("no static key is configured"));
        };
        if !bool::from(self.static_mark(text).ct_eq(&self.static_mark(key))) {
            return Err(Refused::invalid("the text is not the static key"));
        }
        let account = self.static_account(*role).await?;
        let principal = Principal {
            subject: Subject::ServiceAccount(account.id),
            team: account.team,
            role: *role,
            key: None,
            limits: Limits::default(),
            scope: None,
        };
        let principal = self.with_standing(principal).await?;
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

    /// The account that the bearer acts as, in the role that the settings give it.
    async fn static_account(&self, role: Role) -> Result<ServiceAccount, Refused> {
        let id = ServiceAccountId::new(Uuid::from_bytes(ID));
        for _ in 0..TRIES {
            let found = self.ports().accounts.lookup_service_account(id).await.map_err(unknown)?;
            let changed = match found {
                Some(account) if account.role == role => return Ok(account),
                Some(account) => self.set_static_role(account, role).await?,
                None => self.insert_static_account(id, role).await?,
            };
            if changed == Changed::Taken {
                break;
            }
        }
        Err(unknown(PortError::conflict("make the account of the static key")))
    }

    async fn insert_static_account(&self, id: ServiceAccountId, role: Role) -> Result<Changed, Refused> {
        let team = self.first_team().await?;
        for name in NAMES {
            let account = ServiceAccount {
                id,
                team,
                name: name.into(),
                role,
                created_at: self.ports().clock.now(),
                disabled_at: None,
                revision: 0,
            };
            let mut event = self.event(&Acting::system(), "service_account.provision", id, Some(team));
            event.after = Some(json!({ "name": account.name, "role": role }));
            let draft = self.draft(event);
            let made =
                self.ports().accounts.insert_service_account(&account, &draft).await.map_err(unknown)?;
            if made != Changed::Taken {
                return Ok(made);
            }
            // Another replica may have been faster; that is as good. Else somebody has the name.
            if self.ports().accounts.lookup_service_account(id).await.map_err(unknown)?.is_some() {
                return Ok(Changed::Done);
            }
        }
        Ok(Changed::Taken)
    }

    async fn set_static_role(&self, account: ServiceAccount, role: Role) -> Result<Changed, Refused> {
        let mut event =
            self.event(&Acting::system(), "service_account.update", account.id, Some(account.team));
        event.before = Some(json!({ "role": account.role }));
        event.after = Some(json!({ "role": role }));
        let (id, after) = (account.id, ServiceAccount { role, ..account });
        let draft = self.draft(event);
        let changed = self.ports().accounts.update_service_account(&after, &draft).await.map_err(unknown)?;
        self.announce(Change::Subject(Subject::ServiceAccount(id))).await;
        Ok(changed)
    }

    async fn first_team(&self) -> Result<TeamId, Refused> {
        let found = self.ports().users.first_admin().await.map_err(unknown)?;
        let none = || PortError::unavailable("find a team for the static key", "there is no admin yet");
        found.map(|(_, team)| team.id).ok_or_else(|| unknown(none()))
    }
}

fn unknown(source: PortError) -> Refused {
    Refused::Unknown { source }
}
