//! Making, reading, changing and removing teams.

use outcrop_ports::{Changed, PortError, TeamFilter};
use outcrop_types::{Change, Page, Permission, Team, TeamId};
use serde_json::{Value, json};

use crate::change_loop::ChangeLoop;
use crate::names::name;
use crate::{Acting, AdminError, AuthService};

/// What is announced when a team is disabled, enabled or removed: whoever is platform admin through it is so in every
/// other team too.
const EVERYBODY: Change = Change::Everything;

/// What shall change of a team; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct TeamPatch {
    /// Its name.
    pub name: Option<String>,
    /// Whether nobody may act for it.
    pub disabled: Option<bool>,
    /// The revision that the caller has seen, if only that one is to be changed.
    pub revision: Option<u32>,
}

impl AuthService {
    /// Makes a team. For those who run the platform.
    pub async fn create_team(&self, acting: &Acting, called: &str) -> Result<Team, AdminError> {
        acting.check_platform()?;
        let team = Team {
            id: TeamId::new(self.ports().ids.uuid()),
            name: name("name", called)?,
            created_at: self.ports().clock.now(),
            disabled_at: None,
            revision: 0,
        };
        let mut event = self.event(acting, "team.create", team.id, Some(team.id));
        event.after = Some(audited(&team));
        let made = self.ports().teams.insert_team(&team, &self.draft(event)).await;
        match made.map_err(AdminError::store("create the team"))? {
            Changed::Done => Ok(team),
            Changed::Stale | Changed::Taken | Changed::LastAdmin => Err(AdminError::Taken { what: "team" }),
        }
    }

    /// Teams, newest first: all of them for those who may manage all, else the caller's own.
    pub async fn list_teams(
        &self,
        acting: &Acting,
        mut filter: TeamFilter,
        after: Option<TeamId>,
        limit: usize,
    ) -> Result<Page<Team>, AdminError> {
        filter.id = acting.team_to_list(Permission::ManageTeam, filter.id)?;
        let listed = self.ports().teams.list_teams(&filter, after, limit).await;
        listed.map_err(AdminError::store("list the teams"))
    }

    /// The team with this id, if the caller may manage it.
    pub async fn get_team(&self, acting: &Acting, id: TeamId) -> Result<Team, AdminError> {
        acting.check_team(Permission::ManageTeam, id, "team")?;
        self.existing_team(id).await
    }

    /// The team of this name.
    pub async fn lookup_team_by_name(&self, name: &str) -> Result<Option<Team>, PortError> {
        self.ports().teams.lookup_team_by_name(name).await
    }

    /// Changes a team. For those who run the platform.
    pub async fn update_team(
        &self,
        acting: &Acting,
        id: TeamId,
        patch: TeamPatch,
    ) -> Result<Team, AdminError> {
        let mut change = ChangeLoop::new("team", patch.revision);
        loop {
            let team = self.team_to_change(acting, id).await?;
            change.read(team.revision)?;
            let after = self.patched_team(&team, &patch)?;
            if after == team {
                return Ok(team);
            }
            let mut event = self.event(acting, "team.update", id, Some(id));
            event.before = Some(audited(&team));
            event.after = Some(audited(&after));
            let written = self.ports().teams.update_team(&after, &self.draft(event)).await;
            match written.map_err(AdminError::store("change the team"))? {
                Changed::Done => {
                    if after.disabled_at != team.disabled_at {
                        self.announce(EVERYBODY).await;
                    }
                    return Ok(Team { revision: after.revision + 1, ..after });
                }
                Changed::Stale => change.met_another()?,
                Changed::Taken => return Err(AdminError::Taken { what: "team" }),
                Changed::LastAdmin => return Err(AdminError::LastAdmin),
            }
        }
    }

    /// Removes a team, its memberships and accounts, and revokes its keys. For those who run the platform.
    pub async fn delete_team(&self, acting: &Acting, id: TeamId) -> Result<(), AdminError> {
        let mut change = ChangeLoop::new("team", None);
        loop {
            let team = self.team_to_change(acting, id).await?;
            let mut event = self.event(acting, "team.delete", id, Some(id));
            event.before = Some(audited(&team));
            let now = self.ports().clock.now();
            let removed = self.ports().teams.delete_team(&team, now, &self.draft(event)).await;
            match removed.map_err(AdminError::store("remove the team"))? {
                Changed::Done => {
                    self.announce(EVERYBODY).await;
                    return Ok(());
                }
                Changed::Stale | Changed::Taken => change.met_another()?,
                Changed::LastAdmin => return Err(AdminError::LastAdmin),
            }
        }
    }

    /// The team with this id, whoever asks.
    pub(crate) async fn existing_team(&self, id: TeamId) -> Result<Team, AdminError> {
        let found =
            self.ports().teams.lookup_team(id).await.map_err(AdminError::store("look up the team"))?;
        found.ok_or(AdminError::not_found("team"))
    }

    /// A team that the caller may know of, and as one who runs the platform may change.
    async fn team_to_change(&self, acting: &Acting, id: TeamId) -> Result<Team, AdminError> {
        acting.check_team(Permission::ManageTeam, id, "team")?;
        acting.check_platform()?;
        self.existing_team(id).await
    }

    fn patched_team(&self, team: &Team, patch: &TeamPatch) -> Result<Team, AdminError> {
        let mut after = team.clone();
        if let Some(text) = &patch.name {
            after.name = name("name", text)?;
        }
        match patch.disabled {
            Some(true) if team.disabled_at.is_none() => after.disabled_at = Some(self.ports().clock.now()),
            Some(false) => after.disabled_at = None,
            _ => {}
        }
        Ok(after)
    }
}

/// A team as the audit log tells of it.
fn audited(team: &Team) -> Value {
    json!({ "name": team.name, "disabled_at": team.disabled_at })
}
