//! The first start: a team, an admin and a key, made once.

use outcrop_ports::{Bootstrap, PortError};
use outcrop_types::{Limits, PresentedKey, Role, Subject, Team, TeamId, User, UserId};

use crate::{AuthService, NewKey};

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
    /// Makes the first team (`default`), admin (`admin`) and key on an empty platform; `None` on any other.
    pub async fn bootstrap_if_empty(&self) -> Result<Option<FirstKey>, BootstrapError> {
        let now = self.clock.now();
        let team = Team { id: TeamId::new(self.ids.uuid()), name: "default".into(), created_at: now };
        let admin = User { id: UserId::new(self.ids.uuid()), name: "admin".into(), created_at: now };
        let (presented, key) = self.mint(NewKey {
            name: "first key".into(),
            team: team.id,
            subject: Subject::User(admin.id),
            role: Role::PlatformAdmin,
            limits: Limits::default(),
            expires_at: None,
        });
        let first = Bootstrap { team, admin, key };
        let made = self.users.bootstrap(&first).await.map_err(|source| BootstrapError { source })?;
        Ok(made.then_some(FirstKey { key: presented, admin: first.admin, team: first.team }))
    }

    /// The first admin and its team: in whose name the operator's shell makes keys.
    pub async fn first_admin(&self) -> Result<Option<(User, Team)>, PortError> {
        self.users.first_admin().await
    }

    /// The team of this name.
    pub async fn lookup_team_by_name(&self, name: &str) -> Result<Option<Team>, PortError> {
        self.users.lookup_team_by_name(name).await
    }
}
