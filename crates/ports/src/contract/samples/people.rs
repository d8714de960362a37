//! Teams, people and programs.

use outcrop_types::{ApiKey, Membership, Role, ServiceAccount, Team, TeamId, User};

use super::{at, key, service_account_id, team_id, user_id};
use crate::Bootstrap;

/// A team, made at second `number`, with nothing optional set.
#[must_use]
pub fn team(number: u32) -> Team {
    Team {
        id: team_id(number),
        name: format!("team {number}"),
        created_at: at(number.into()),
        disabled_at: None,
        revision: 0,
    }
}

/// A person, made at second `number`, with nothing optional set.
#[must_use]
pub fn user(number: u32) -> User {
    User {
        id: user_id(number),
        name: format!("user {number}"),
        email: None,
        created_at: at(number.into()),
        disabled_at: None,
        revision: 0,
    }
}

/// What person `user` is in team `team`, since second `user`.
#[must_use]
pub fn membership(user: u32, team: u32, role: Role) -> Membership {
    Membership { user: user_id(user), team: team_id(team), role, created_at: at(user.into()) }
}

/// A program's account in a team, made at second `number`, with nothing optional set.
#[must_use]
pub fn service_account(number: u32, team: TeamId) -> ServiceAccount {
    ServiceAccount {
        id: service_account_id(number),
        team,
        name: format!("program {number}"),
        role: Role::Service,
        created_at: at(number.into()),
        disabled_at: None,
        revision: 0,
    }
}

/// The first team, its admin and that person's key.
#[must_use]
pub fn first(number: u32) -> Bootstrap {
    Bootstrap {
        team: team(number),
        admin: user(number),
        key: ApiKey { role: Role::PlatformAdmin, ..key(number, team_id(number)) },
    }
}
