//! The table `memberships`.

use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError};
use outcrop_types::{Membership, Page, Role, Team, TeamId, User, UserId};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};

use crate::change::one_row;
use crate::rows::{Row, one_more};
use crate::teams::{self, TeamRow};
use crate::users::{self, UserRow};
use crate::{PostgresStore, invitations, passwords};

/// Most teams of a user that are listed.
const MAX_TEAMS: i64 = 1000;

macro_rules! columns {
    () => {
        // By names of their own: teams and users also have been made at some time.
        "memberships.user_id, memberships.team_id, memberships.role, memberships.created_at AS member_since"
    };
}

/// Makes a change of what a user is in a team, and withdraws the user's invitation with it.
pub(crate) async fn change(
    connection: &mut PgConnection,
    user: UserId,
    query: Query<'_, Postgres, PgArguments>,
) -> Result<Changed, sqlx::Error> {
    let changed = one_row(connection, query).await?;
    if changed == Changed::Done {
        invitations::withdraw(connection, user).await?;
    }
    Ok(changed)
}

/// Adds a membership, or changes the role in one. Whoever becomes platform admin by it is logged out and has no
/// password any more: either may be in the hands of somebody who was to be let in as less than that.
pub(crate) async fn raise_or_set(
    connection: &mut PgConnection,
    membership: &Membership,
    now: DateTime<Utc>,
) -> Result<Changed, sqlx::Error> {
    let user = membership.user;
    let rises = membership.role == Role::PlatformAdmin && !is_admin(connection, user).await?;
    let changed = change(connection, user, set(membership)).await?;
    if changed == Changed::Done && rises {
        passwords::remove(connection, user, now).await?;
    }
    Ok(changed)
}

/// Whether a user is platform admin in any team, and be that disabled.
async fn is_admin(connection: &mut PgConnection, user: UserId) -> Result<bool, sqlx::Error> {
    let query = sqlx::query_as("SELECT EXISTS (SELECT 1 FROM memberships WHERE user_id = $1 AND role = $2)")
        .bind(user.to_string())
        .bind(Role::PlatformAdmin.name());
    let (found,) = query.fetch_one(connection).await?;
    Ok(found)
}

/// The statement that adds a membership, or changes the role in one.
pub(crate) fn set(membership: &Membership) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(
        "INSERT INTO memberships (user_id, team_id, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, team_id) DO UPDATE SET role = excluded.role",
    )
    .bind(membership.user.to_string())
    .bind(membership.team.to_string())
    .bind(membership.role.name())
    .bind(membership.created_at)
}

/// The statement that ends a membership.
pub(crate) fn remove<'q>(team: TeamId, user: UserId) -> Query<'q, Postgres, PgArguments> {
    sqlx::query("DELETE FROM memberships WHERE team_id = $1 AND user_id = $2")
        .bind(team.to_string())
        .bind(user.to_string())
}

/// The membership of a user in a team.
pub(crate) async fn lookup(
    store: &PostgresStore,
    team: TeamId,
    user: UserId,
) -> Result<Option<Membership>, PortError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM memberships WHERE team_id = $1 AND user_id = $2"
    ))
    .bind(team.to_string())
    .bind(user.to_string());
    let row = store.fetch_optional::<MembershipRow>("look up a membership", query).await?;
    row.map(|row| row.read()).transpose()
}

/// Members of a team, by id of user, newest first.
pub(crate) async fn list(
    store: &PostgresStore,
    team: TeamId,
    after: Option<UserId>,
    limit: usize,
) -> Result<Page<(Membership, User)>, PortError> {
    let mut query = QueryBuilder::new(concat!(
        "SELECT ",
        columns!(),
        ", ",
        users::columns!(),
        " FROM memberships JOIN users ON users.id = memberships.user_id WHERE memberships.team_id = "
    ));
    query.push_bind(team.to_string());
    if let Some(after) = after {
        query.push(" AND memberships.user_id < ").push_bind(after.to_string());
    }
    query.push(" ORDER BY memberships.user_id DESC LIMIT ").push_bind(one_more(limit));
    let rows: Vec<MemberRow> = store.fetch_all("list members", query.build_query_as()).await?;
    let members = rows.into_iter().map(|row| Ok((row.membership.read()?, row.user.read()?)));
    Ok(Page::from_one_too_many(members.collect::<Result<_, PortError>>()?, limit))
}

/// The teams a user is in, oldest membership first.
pub(crate) async fn list_teams_of(
    store: &PostgresStore,
    user: UserId,
) -> Result<Vec<(Membership, Team)>, PortError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        ", ",
        teams::columns!(),
        " FROM memberships JOIN teams ON teams.id = memberships.team_id
         WHERE memberships.user_id = $1
         ORDER BY memberships.created_at, memberships.team_id LIMIT $2"
    ))
    .bind(user.to_string())
    .bind(MAX_TEAMS);
    let rows: Vec<TeamOfRow> = store.fetch_all("list memberships", query).await?;
    rows.into_iter().map(|row| Ok((row.membership.read()?, row.team.read()?))).collect()
}

#[derive(FromRow)]
struct MembershipRow {
    user_id: String,
    team_id: String,
    role: String,
    member_since: DateTime<Utc>,
}

impl MembershipRow {
    fn read(&self) -> Result<Membership, PortError> {
        let row = Row { table: "memberships", id: &self.user_id };
        Ok(Membership {
            user: row.parse("user_id", &self.user_id)?,
            team: row.parse("team_id", &self.team_id)?,
            role: row.parse("role", &self.role)?,
            created_at: self.member_since,
        })
    }
}

#[derive(FromRow)]
struct MemberRow {
    #[sqlx(flatten)]
    membership: MembershipRow,
    #[sqlx(flatten)]
    user: UserRow,
}

#[derive(FromRow)]
struct TeamOfRow {
    #[sqlx(flatten)]
    membership: MembershipRow,
    #[sqlx(flatten)]
    team: TeamRow,
}
