//! Keys that stand in the settings, for the simplest deployments: one for everybody, and those with names.
//!
//! The bearer of the one key is a service account in the first admin's team; that of a key with a name is one of the
//! name in the team that the key says, which is made if there is none. Both are made when they first come: they are
//! listed, can be disabled, and own their jobs. Ids follow from the names, so that processes which share no store write
//! usage of one bearer under one id. Of the one key no audit log tells one bearer from another.

use hmac::{Hmac, KeyInit, Mac};
use outcrop_config::StaticKey;
use outcrop_ports::{Authenticated, Changed, PortError, Refused};
use outcrop_types::{
    Change, Limits, Principal, Role, ServiceAccount, ServiceAccountId, Subject, Team, TeamId,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::{Builder, Uuid};

use crate::{Acting, AuthOptions, AuthService};

/// The id of the account: the same on every platform.
const ID: [u8; 16] = *b"static key\0\0\0\0\0\0";

/// What the account is called, and what if another one of the team is called so: no name that is chosen here may hold
/// a `:`.
const NAMES: [&str; 2] = ["static key (settings)", "settings:static key"];

/// How often a change that meets another is made anew.
const TRIES: usize = 3;

/// The account that a bearer acts as.
struct Bearer<'a> {
    id: ServiceAccountId,
    names: [String; 2],
    role: Role,
    /// The name of the team; the first admin's without one.
    team: Option<&'a str>,
}

/// What is compared in place of a text: of one length whatever the text's, and nobody's to foresee.
type Mark = [u8; 32];

/// The marks of the keys in the settings, made once: each text that is shown is held against all of them.
pub(crate) struct StaticMarks {
    one: Option<Mark>,
    /// In the order of the settings.
    named: Vec<Mark>,
}

impl StaticMarks {
    pub(crate) fn of(options: &AuthOptions) -> Self {
        let of = |key: &SecretString| mark(&options.secret, key);
        Self {
            one: options.static_key.as_ref().map(|(key, _)| of(key)),
            named: options.static_keys.iter().map(|it| of(&it.key)).collect(),
        }
    }
}

fn mark(secret: &SecretString, text: &SecretString) -> Mark {
    // A key of any length will do for this hash, so that this never fails.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return [0; 32];
    };
    mac.update(b"outcrop static key v1\0");
    mac.update(text.expose_secret().as_bytes());
    mac.finalize().into_bytes().into()
}

impl AuthService {
    /// Who shows this text: whoever has the static key, if one is configured.
    pub(crate) async fn authenticate_static(&self, text: &SecretString) -> Result<Authenticated, Refused> {
        let Some(bearer) = self.bearer(text) else {
            return Err(Refused::invalid("the text is no static key"));
        };
        let account = self.static_account(&bearer).await?;
        let role = bearer.role;
        let principal = Principal {
            subject: Subject::ServiceAccount(account.id),
            team: account.team,
            role,
            key: None,
            limits: Limits::default(),
            scope: None,
        };
        let principal = self.with_standing(principal).await?;
        Ok(Authenticated { principal, expires_at: None, session: None })
    }

    /// Whose key it is. All keys are looked at, whichever it is.
    fn bearer(&self, text: &SecretString) -> Option<Bearer<'_>> {
        let options = self.options();
        let shown = mark(&options.secret, text);
        let is = |mark: &Mark| bool::from(mark.ct_eq(&shown));
        let marks = self.static_marks();
        let mut found = None;
        if let (Some((_, role)), Some(key)) = (&options.static_key, &marks.one)
            && is(key)
        {
            let id = ServiceAccountId::new(Uuid::from_bytes(ID));
            found = Some(Bearer { id, names: NAMES.map(str::to_owned), role: *role, team: None });
        }
        for (StaticKey { name, team, role, .. }, key) in options.static_keys.iter().zip(&marks.named) {
            if is(key) {
                let id = ServiceAccountId::new(derived("account", &[team, name]));
                let (names, role) =
                    ([name.clone(), format!("settings:{name}")], role.unwrap_or(options.static_role));
                found = Some(Bearer { id, names, role, team: Some(team) });
            }
        }
        found
    }

    /// The account that the bearer acts as, in the role that the settings give it.
    async fn static_account(&self, bearer: &Bearer<'_>) -> Result<ServiceAccount, Refused> {
        for _ in 0..TRIES {
            let found = self.ports().accounts.lookup_service_account(bearer.id).await.map_err(unknown)?;
            let changed = match found {
                Some(account) if account.role == bearer.role => return Ok(account),
                Some(account) => self.set_static_role(account, bearer.role).await?,
                None => self.insert_static_account(bearer).await?,
            };
            if changed == Changed::Taken {
                break;
            }
        }
        Err(unknown(PortError::conflict("make the account of a static key")))
    }

    async fn insert_static_account(&self, bearer: &Bearer<'_>) -> Result<Changed, Refused> {
        let team = match bearer.team {
            Some(name) => self.static_team(name).await?,
            None => self.first_team().await?,
        };
        let (id, role) = (bearer.id, bearer.role);
        for name in &bearer.names {
            let account = ServiceAccount {
                id,
                team,
                name: name.clone(),
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

    /// The team of this name, which is made if there is none.
    async fn static_team(&self, name: &str) -> Result<TeamId, Refused> {
        for _ in 0..TRIES {
            if let Some(team) = self.ports().teams.lookup_team_by_name(name).await.map_err(unknown)? {
                return Ok(team.id);
            }
            let team = Team {
                id: TeamId::new(derived("team", &[name])),
                name: name.to_owned(),
                created_at: self.ports().clock.now(),
                disabled_at: None,
                revision: 0,
            };
            let mut event = self.event(&Acting::system(), "team.provision", team.id, Some(team.id));
            event.after = Some(json!({ "name": name }));
            let made = self.ports().teams.insert_team(&team, &self.draft(event)).await.map_err(unknown)?;
            if made == Changed::Done {
                return Ok(team.id);
            }
        }
        Err(unknown(PortError::conflict("make the team of a static key")))
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

/// The id of what has this name, in every process the same.
fn derived(kind: &str, names: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"outcrop static keys v1");
    for part in [kind].iter().chain(names) {
        hash.update([0]);
        hash.update(part.as_bytes());
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    Builder::from_custom_bytes(id).into_uuid()
}

fn unknown(source: PortError) -> Refused {
    Refused::Unknown { source }
}
