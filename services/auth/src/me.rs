//! Who somebody is, in words for people and programs.

use outcrop_ports::PortError;
use outcrop_types::{KeyId, Permission, Principal, Role, Scope, Subject, TeamId};
use serde::Serialize;

use crate::AuthService;
use crate::grants::scope::permissions;

/// A team, named.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NamedTeam {
    /// Its id.
    pub(crate) id: TeamId,
    /// Its name; `None` if it is not there any more.
    pub(crate) name: Option<String>,
}

/// A team that somebody is in, and as what.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TeamOfMine {
    team: NamedTeam,
    role: Role,
}

/// The key that somebody came with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct KeyOfMine {
    id: KeyId,
    prefix: String,
}

/// Who somebody is, and what that one may.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Me {
    subject: Subject,
    /// The user's or service account's name; `None` for one that no store knows.
    name: Option<String>,
    team: NamedTeam,
    role: Role,
    /// What is left of the role within the scope.
    permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    memberships: Vec<TeamOfMine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<KeyOfMine>,
}

impl AuthService {
    /// Who this principal is.
    pub(crate) async fn describe(&self, principal: &Principal) -> Result<Me, PortError> {
        let team = self.ports().teams.lookup_team(principal.team).await?;
        let (name, memberships) = match principal.subject {
            Subject::User(user) => {
                let name = self.ports().users.lookup_user(user).await?.map(|user| user.name);
                (name, self.ports().teams.list_memberships(user).await?)
            }
            Subject::ServiceAccount(account) => {
                let account = self.ports().accounts.lookup_service_account(account).await?;
                (account.map(|account| account.name), Vec::new())
            }
        };
        // Keys are made by others than whom they act for: an admin of one team is not told of a member's other teams.
        // A login is that person's own.
        let own_only = principal.key.is_some();
        let memberships = memberships
            .into_iter()
            .filter(|(_, team)| team.disabled_at.is_none() && (!own_only || team.id == principal.team));
        Ok(Me {
            subject: principal.subject,
            name,
            team: NamedTeam { id: principal.team, name: team.map(|team| team.name) },
            role: principal.role,
            permissions: permissions(principal.role, principal.scope()),
            scope: principal.scope.as_deref().cloned(),
            memberships: memberships
                .map(|(membership, team)| TeamOfMine {
                    team: NamedTeam { id: team.id, name: Some(team.name) },
                    role: membership.role,
                })
                .collect(),
            key: principal.key.as_ref().map(|id| KeyOfMine { id: id.clone(), prefix: id.prefix() }),
        })
    }
}
