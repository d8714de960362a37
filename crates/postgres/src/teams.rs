//! The table `teams`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError, TeamFilter, TeamStore};
use outcrop_types::{AuditDraft, Membership, Page, Team, TeamId, User, UserId};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, Postgres, QueryBuilder};

use crate::change::one_row;
use crate::rows::{Row, one_more, storable};
use crate::{PostgresStore, keys, members, policies, sessions, webhooks};

macro_rules! columns {
    () => {
        "teams.id, teams.name, teams.created_at, teams.disabled_at, teams.revision"
    };
}
pub(crate) use columns;

#[async_trait]
impl TeamStore for PostgresStore {
    async fn insert_team(&self, team: &Team, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("insert a team", audit, async |connection| one_row(connection, insert(team)).await).await
    }

    async fn lookup_team(&self, id: TeamId) -> Result<Option<Team>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM teams WHERE id = $1"));
        self.fetch_optional::<TeamRow>("look up a team", query.bind(id.to_string()))
            .await?
            .map(TeamRow::read)
            .transpose()
    }

    async fn lookup_team_by_name(&self, name: &str) -> Result<Option<Team>, PortError> {
        if !storable(name) {
            return Ok(None);
        }
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM teams WHERE name = $1"));
        self.fetch_optional::<TeamRow>("look up a team by name", query.bind(name))
            .await?
            .map(TeamRow::read)
            .transpose()
    }

    async fn list_teams(
        &self,
        filter: &TeamFilter,
        after: Option<TeamId>,
        limit: usize,
    ) -> Result<Page<Team>, PortError> {
        if !filter.name_prefix.as_deref().is_none_or(storable) {
            return Ok(Page::from_one_too_many(Vec::new(), limit));
        }
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM teams WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<TeamRow> = self.fetch_all("list teams", query.build_query_as()).await?;
        let teams = rows.into_iter().map(TeamRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(teams, limit))
    }

    async fn update_team(&self, team: &Team, audit: &AuditDraft) -> Result<Changed, PortError> {
        let query = sqlx::query(
            "UPDATE teams SET name = $3, disabled_at = $4, revision = revision + 1
             WHERE id = $1 AND revision = $2",
        )
        .bind(team.id.to_string())
        .bind(i64::from(team.revision))
        .bind(&team.name)
        .bind(team.disabled_at);
        self.change_of_admins("change a team", audit, async |connection| one_row(connection, query).await)
            .await
    }

    async fn delete_team(
        &self,
        team: &Team,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change_of_admins("remove a team", audit, async |connection| {
            let query = sqlx::query("DELETE FROM teams WHERE id = $1 AND revision = $2")
                .bind(team.id.to_string())
                .bind(i64::from(team.revision));
            let changed = one_row(connection, query).await?;
            if changed == Changed::Done {
                sessions::remove_of_team(connection, team.id).await?;
                policies::remove_of_team(connection, team.id).await?;
                webhooks::remove_of_team(connection, team.id).await?;
                keys::revoke_of_team(connection, team.id, now).await?;
            }
            Ok(changed)
        })
        .await
    }

    async fn set_membership(
        &self,
        membership: &Membership,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change_of_admins("set a membership", audit, async |connection| {
            members::raise_or_set(connection, membership, audit.event().at).await
        })
        .await
    }

    async fn remove_membership(
        &self,
        team: TeamId,
        user: UserId,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change_of_admins("remove a membership", audit, async |connection| {
            members::change(connection, user, members::remove(team, user)).await
        })
        .await
    }

    async fn lookup_membership(&self, team: TeamId, user: UserId) -> Result<Option<Membership>, PortError> {
        members::lookup(self, team, user).await
    }

    async fn list_members(
        &self,
        team: TeamId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<(Membership, User)>, PortError> {
        members::list(self, team, after, limit).await
    }

    async fn list_memberships(&self, user: UserId) -> Result<Vec<(Membership, Team)>, PortError> {
        members::list_teams_of(self, user).await
    }
}

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &TeamFilter) {
    if let Some(id) = filter.id {
        query.push(" AND id = ").push_bind(id.to_string());
    }
    if let Some(member) = filter.member {
        query.push(" AND id IN (SELECT team_id FROM memberships WHERE user_id = ");
        query.push_bind(member.to_string()).push(")");
    }
    if let Some(prefix) = &filter.name_prefix {
        query.push(" AND name ^@ ").push_bind(prefix.clone());
    }
    if let Some(disabled) = filter.disabled {
        query.push(if disabled { " AND disabled_at IS NOT NULL" } else { " AND disabled_at IS NULL" });
    }
}

/// The statement that adds a team; `users` needs it too.
pub(crate) fn insert(team: &Team) -> Query<'_, Postgres, PgArguments> {
    sqlx::query("INSERT INTO teams (id, name, created_at, disabled_at, revision) VALUES ($1, $2, $3, $4, $5)")
        .bind(team.id.to_string())
        .bind(&team.name)
        .bind(team.created_at)
        .bind(team.disabled_at)
        .bind(i64::from(team.revision))
}

#[derive(FromRow)]
pub(crate) struct TeamRow {
    id: String,
    name: String,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    revision: i64,
}

impl TeamRow {
    pub(crate) fn read(self) -> Result<Team, PortError> {
        let row = Row { table: "teams", id: &self.id };
        Ok(Team {
            id: row.parse("id", &self.id)?,
            revision: row.number("revision", self.revision)?,
            created_at: self.created_at,
            disabled_at: self.disabled_at,
            name: self.name,
        })
    }
}
