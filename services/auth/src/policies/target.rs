//! For whom policies are: that it is there, and whose affair it is.

use outcrop_types::{KeyId, Permission, Subject, Target, TeamId};

use crate::{Acting, AdminError, AuthService};

const TEAM: &str = "target.team";
const USER: &str = "target.user";
const KEY: &str = "target.key";

impl Acting {
    /// Passes if the actor may know of what is for this target. What is no single team's affair is the platform's.
    pub(super) fn check_may_know(&self, target: &Target) -> Result<(), AdminError> {
        match target.team() {
            Some(team) => self.check_team(Permission::ManageTeam, team, "policy"),
            None if self.reaches_everywhere(Permission::ManageTeam) => Ok(()),
            None => Err(AdminError::not_found("policy")),
        }
    }

    /// Passes if the actor may say how much this target uses.
    pub(super) fn check_may_limit(&self, target: &Target) -> Result<(), AdminError> {
        let of_a_team = match target {
            Target::Platform | Target::Team { .. } => None,
            Target::User { team, .. } | Target::Key { team, .. } => *team,
        };
        match of_a_team {
            Some(team) => {
                let may = self.check_team(Permission::ManageTeam, team, "team");
                may.map_err(|error| error.named_by(TEAM))
            }
            None if self.runs_platform() => Ok(()),
            None => Err(beyond(target)),
        }
    }
}

impl AuthService {
    /// The target as it is kept: each that it names is there, for this caller too. What somebody says who does not run
    /// the platform is of its team, and says so; what the platform says of a key or a service account names a team only
    /// where that was asked for.
    pub(super) async fn existing_target(
        &self,
        acting: &Acting,
        target: Target,
    ) -> Result<Target, AdminError> {
        if let Some(team) = target.team() {
            self.team_to_staff(acting, team).await.map_err(|error| error.named_by(TEAM))?;
        }
        Ok(match target {
            Target::User { user: Some(Subject::User(id)), team } => {
                let found = match team {
                    Some(team) if !acting.runs_platform() => self.membership(team, id).await?.map(drop),
                    None if !acting.runs_platform() => return Err(beyond(&target)),
                    _ => self.existing_user(id).await.map(drop).map(Some).or_else(absent)?,
                };
                found.ok_or_else(|| AdminError::not_found("user").named_by(USER))?;
                target
            }
            Target::User { user: Some(Subject::ServiceAccount(id)), team } => {
                let of = self.get_service_account(acting, id).await.map(|account| account.team);
                let of = of.map_err(|error| error.named_by(USER))?;
                let team = limiting(acting, team, same(team, of, "service account", USER)?);
                Target::User { user: Some(Subject::ServiceAccount(id)), team }
            }
            Target::Key { key: Some(id), team } => {
                let of = self.team_of_key(acting, &id).await?;
                Target::Key { team: limiting(acting, team, same(team, of, "key", KEY)?), key: Some(id) }
            }
            target => target,
        })
    }

    /// The team of a key whose bearer the caller may limit: whoever manages the team, be its keys another's to make.
    async fn team_of_key(&self, acting: &Acting, id: &KeyId) -> Result<TeamId, AdminError> {
        let found = self.ports().keys.lookup_key(id).await.map_err(AdminError::store("look up the key"))?;
        let key = found.ok_or_else(|| AdminError::not_found("key").named_by(KEY))?;
        let may = acting.check_team(Permission::ManageTeam, key.team, "key");
        may.map_err(|error| error.named_by(KEY))?;
        Ok(key.team)
    }
}

/// The team that something is of, unless another one was named.
fn same(
    named: Option<TeamId>,
    of: TeamId,
    what: &'static str,
    field: &'static str,
) -> Result<TeamId, AdminError> {
    if named.is_none_or(|team| team == of) {
        Ok(of)
    } else {
        Err(AdminError::not_found(what).named_by(field))
    }
}

/// The team that a policy is of. One without a team is the platform's own, whose like no team can put aside.
fn limiting(acting: &Acting, named: Option<TeamId>, of: TeamId) -> Option<TeamId> {
    if acting.runs_platform() { named } else { Some(of) }
}

fn absent(error: AdminError) -> Result<Option<()>, AdminError> {
    if matches!(error, AdminError::NotFound { .. }) { Ok(None) } else { Err(error) }
}

/// Why somebody who does not run the platform may not limit this.
fn beyond(target: &Target) -> AdminError {
    match target {
        Target::Platform | Target::Team { .. } => {
            let message = "only those who run the platform say how much it, or a team, may use";
            AdminError::beyond("target.level", message)
        }
        Target::User { .. } | Target::Key { .. } => {
            let message =
                "`target.team` must name your team: only those who run the platform limit those of all";
            AdminError::beyond(TEAM, message)
        }
    }
}
