//! The tables `teams`, `users` and `memberships`.

use async_trait::async_trait;
use outcrop_ports::{Bootstrap, PortError, UserStore};
use outcrop_types::{Role, Team, TeamId, User};
use sqlx::{FromRow, SqliteConnection};

use crate::SqliteStore;
use crate::error::port_error;
use crate::rows::{Row, micros};

#[async_trait]
impl UserStore for SqliteStore {
    async fn bootstrap(&self, first: &Bootstrap) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "write the first team, admin and key";
        // From here on nobody else writes, in this process or another.
        let mut transaction = self.begin(ATTEMPTED).await?;
        let wrote =
            begin_platform(&mut transaction, first).await.map_err(|error| port_error(ATTEMPTED, error))?;
        transaction.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
        Ok(wrote)
    }

    async fn lookup_team(&self, id: TeamId) -> Result<Option<Team>, PortError> {
        let query =
            sqlx::query_as("SELECT id, name, created_at FROM teams WHERE id = $1").bind(id.to_string());
        self.read_optional::<TeamRow>("look up a team", query).await?.map(TeamRow::read).transpose()
    }

    async fn lookup_team_by_name(&self, name: &str) -> Result<Option<Team>, PortError> {
        let query = sqlx::query_as("SELECT id, name, created_at FROM teams WHERE name = $1").bind(name);
        self.read_optional::<TeamRow>("look up a team by name", query).await?.map(TeamRow::read).transpose()
    }

    async fn first_admin(&self) -> Result<Option<(User, Team)>, PortError> {
        let query = sqlx::query_as(
            "SELECT users.id AS user_id, users.name AS user_name, users.created_at AS user_created_at,
                    teams.id AS id, teams.name AS name, teams.created_at AS created_at
             FROM users
             JOIN memberships ON memberships.user_id = users.id
             JOIN teams ON teams.id = memberships.team_id
             WHERE memberships.role = $1
             ORDER BY users.created_at, users.id, memberships.created_at, teams.id
             LIMIT 1",
        )
        .bind(Role::PlatformAdmin.name());
        self.read_optional::<AdminRow>("look up the first admin", query)
            .await?
            .map(AdminRow::read)
            .transpose()
    }
}

async fn begin_platform(connection: &mut SqliteConnection, first: &Bootstrap) -> Result<bool, sqlx::Error> {
    let (users,): (i64,) = sqlx::query_as("SELECT count(*) FROM users").fetch_one(&mut *connection).await?;
    if users > 0 {
        return Ok(false);
    }
    let Bootstrap { team, admin, key } = first;
    sqlx::query("INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3)")
        .bind(team.id.to_string())
        .bind(&team.name)
        .bind(micros(team.created_at))
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO users (id, name, created_at) VALUES ($1, $2, $3)")
        .bind(admin.id.to_string())
        .bind(&admin.name)
        .bind(micros(admin.created_at))
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO memberships (user_id, team_id, role, created_at) VALUES ($1, $2, $3, $4)")
        .bind(admin.id.to_string())
        .bind(team.id.to_string())
        .bind(Role::PlatformAdmin.name())
        .bind(micros(admin.created_at))
        .execute(&mut *connection)
        .await?;
    crate::keys::insert(key).execute(&mut *connection).await?;
    Ok(true)
}

#[derive(FromRow)]
struct TeamRow {
    id: String,
    name: String,
    created_at: i64,
}

impl TeamRow {
    fn read(self) -> Result<Team, PortError> {
        let row = Row { table: "teams", id: &self.id };
        Ok(Team {
            id: row.parse("id", &self.id)?,
            created_at: row.time("created_at", self.created_at)?,
            name: self.name,
        })
    }
}

#[derive(FromRow)]
struct AdminRow {
    user_id: String,
    user_name: String,
    user_created_at: i64,
    #[sqlx(flatten)]
    team: TeamRow,
}

impl AdminRow {
    fn read(self) -> Result<(User, Team), PortError> {
        let row = Row { table: "users", id: &self.user_id };
        let user = User {
            id: row.parse("id", &self.user_id)?,
            created_at: row.time("created_at", self.user_created_at)?,
            name: self.user_name,
        };
        Ok((user, self.team.read()?))
    }
}
