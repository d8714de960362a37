//! What an actor may do and give, as a result that an operation can pass on.

use outcrop_policy::{Decision, Reach, Resource, may_grant, reach};
use outcrop_types::{Permission, Role, TeamId};

use crate::{Acting, AdminError};

impl Acting {
    /// Passes if the actor may do this on a team's things. `what` is what is not there for whoever is of another
    /// team.
    pub(crate) fn check_team(
        &self,
        permission: Permission,
        team: TeamId,
        what: &'static str,
    ) -> Result<(), AdminError> {
        match self.decide(permission, Resource::Team(team)) {
            Decision::Allow => Ok(()),
            Decision::Deny => Err(AdminError::Denied { permission }),
            Decision::Hidden => Err(AdminError::not_found(what)),
        }
    }

    /// Passes if the actor may do this somewhere.
    pub(crate) fn check_own(&self, permission: Permission) -> Result<(), AdminError> {
        match self.decide(permission, Resource::OwnTeam) {
            Decision::Allow => Ok(()),
            Decision::Deny | Decision::Hidden => Err(AdminError::Denied { permission }),
        }
    }

    /// Passes if the actor may change the platform itself.
    pub(crate) fn check_platform(&self) -> Result<(), AdminError> {
        if self.runs_platform() {
            return Ok(());
        }
        Err(AdminError::Denied { permission: Permission::ManagePlatform })
    }

    /// Whether the actor may change the platform itself.
    pub(crate) fn runs_platform(&self) -> bool {
        self.reaches_everywhere(Permission::ManagePlatform)
    }

    /// Whether the actor may do this to every team.
    pub(crate) fn reaches_everywhere(&self, permission: Permission) -> bool {
        self.decide(permission, Resource::Platform) == Decision::Allow
    }

    /// The team that lists are of, for a permission: the one asked for, if the actor may look there; all of them
    /// (`None`) for whoever may look everywhere; else the actor's own.
    pub(crate) fn team_to_list(
        &self,
        permission: Permission,
        asked: Option<TeamId>,
    ) -> Result<Option<TeamId>, AdminError> {
        self.check_own(permission)?;
        if let Some(team) = asked {
            self.check_team(permission, team, "team").map_err(|error| error.named_by("team"))?;
            return Ok(Some(team));
        }
        if self.reaches_everywhere(permission) {
            return Ok(None);
        }
        Ok(self.who().map(|principal| principal.team))
    }

    /// The team that something new is for: the one asked for, else the actor's own.
    pub(crate) fn team_or_own(&self, asked: Option<TeamId>) -> Result<TeamId, AdminError> {
        asked
            .or_else(|| self.who().map(|principal| principal.team))
            .ok_or_else(|| AdminError::invalid("team", "`team` is required"))
    }

    /// Passes if the actor's role may give out this one.
    pub(crate) fn check_role(&self, role: Role) -> Result<(), AdminError> {
        match self.role() {
            Some(own) if may_grant(own, role) => Ok(()),
            Some(own) => Err(AdminError::beyond(
                "role",
                format!("the role `{own}` may not give out the role `{role}`"),
            )),
            None => Err(AdminError::Denied { permission: Permission::ManageTeam }),
        }
    }

    /// Passes if the actor may make somebody `role`, or decide about somebody who is.
    ///
    /// People and accounts are not narrowed by the scope of the credential that made them, so a credential gives
    /// out only roles whose every permission it has itself, for every route and model: else a narrow key would be
    /// the way to a wide login. From where it may be used says nothing about what it may do, and is left out.
    pub(crate) fn check_grant(&self, role: Role) -> Result<(), AdminError> {
        self.check_role(role)?;
        let Some(principal) = self.who() else { return Ok(()) };
        let scope = principal.scope();
        let holds = |permission| reach(role, permission) == Reach::None || scope.allows(permission);
        let whole = scope.routes.is_empty() && scope.models.is_empty();
        if whole && Permission::ALL.into_iter().all(holds) {
            return Ok(());
        }
        let message =
            format!("this credential is narrowed to less than the role `{role}`, so it cannot give it out");
        Err(AdminError::beyond("role", message))
    }
}
