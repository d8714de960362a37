//! The first start: a team, an admin and a key, made once.

use outcrop_ports::{Bootstrap, PortError};
use outcrop_types::{PresentedKey, Role, Subject, Team, TeamId, User, UserId};
use serde_json::json;

use crate::keys::minting::KeyTerms;
use crate::{Acting, AuthService};

/// What the first start made, to be shown once.
#[derive(Debug)]
pub struct FirstKey {
    /// The admin's key.
    pub key: PresentedKey,
    /// The admin.
    pub admin: User,
    /// The admin's team.
    pub team: Team,
}

/// The first start failed.
#[derive(Debug, thiserror::Error)]
#[error("could not set up the first admin")]
pub struct BootstrapError {
    /// How.
    #[source]
    pub source: PortError,
}

impl AuthService {
    /// Makes the first team (`default`), admin (`admin`) and key on an empty platform; `None` on any other. Whoever
    /// starts the platform does it: nobody can ask for it from outside.
    pub async fn bootstrap_if_empty(&self, acting: &Acting) -> Result<Option<FirstKey>, BootstrapError> {
        let now = self.ports().clock.now();
        let team = Team {
            id: TeamId::new(self.ports().ids.uuid()),
            name: "default".into(),
            created_at: now,
            disabled_at: None,
            revision: 0,
        };
        let admin = User {
            id: UserId::new(self.ports().ids.uuid()),
            name: "admin".into(),
            email: None,
            created_at: now,
            disabled_at: None,
            revision: 0,
        };
        let (presented, key) = self.mint(KeyTerms {
            name: "first key".into(),
            ..KeyTerms::whole(team.id, Subject::User(admin.id), Role::PlatformAdmin)
        });
        let mut event = self.event(acting, "platform.bootstrap", team.id, Some(team.id));
        event.after = Some(json!({ "team": team.name, "admin": admin.id, "key": key.id }));
        let first = Bootstrap { team, admin, key };
        let made = self.ports().users.bootstrap(&first, &self.draft(event)).await;
        let made = made.map_err(|source| BootstrapError { source })?;
        Ok(made.then_some(FirstKey { key: presented, admin: first.admin, team: first.team }))
    }

    /// The first admin and its team: in whose name the operator's shell makes keys.
    pub async fn first_admin(&self) -> Result<Option<(User, Team)>, PortError> {
        self.ports().users.first_admin().await
    }
}
