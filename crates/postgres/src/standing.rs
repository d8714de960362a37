//! What people and programs are now, out of the tables `users`, `service_accounts`, `memberships` and `teams`.

use chrono::{DateTime, Utc};
use outcrop_ports::PortError;
use outcrop_types::{Role, Subject, Team, TeamId, User};
use sqlx::FromRow;

use crate::PostgresStore;
use crate::rows::Row;
use crate::teams::{self, TeamRow};

/// The role of a subject in a team, or platform admin where it is so anywhere.
pub(crate) async fn lookup(
    store: &PostgresStore,
    subject: Subject,
    team: TeamId,
) -> Result<Option<Role>, PortError> {
    let (table, statement) = match subject {
        Subject::User(_) => (
            "memberships",
            "SELECT memberships.role FROM memberships
             JOIN users ON users.id = memberships.user_id AND users.disabled_at IS NULL
             JOIN teams ON teams.id = memberships.team_id AND teams.disabled_at IS NULL
             WHERE memberships.user_id = $1 AND (memberships.team_id = $2 OR memberships.role = $3)
               AND EXISTS (SELECT 1 FROM teams WHERE id = $2 AND disabled_at IS NULL)
             ORDER BY memberships.role = $3 DESC LIMIT 1",
        ),
        Subject::ServiceAccount(_) => (
            "service_accounts",
            "SELECT service_accounts.role FROM service_accounts
             JOIN teams ON teams.id = service_accounts.team_id AND teams.disabled_at IS NULL
             WHERE service_accounts.id = $1 AND service_accounts.disabled_at IS NULL
               AND (service_accounts.team_id = $2 OR service_accounts.role = $3)
               AND EXISTS (SELECT 1 FROM teams WHERE id = $2 AND disabled_at IS NULL)",
        ),
    };
    let subject = subject.to_string();
    let query =
        sqlx::query_as(statement).bind(&subject).bind(team.to_string()).bind(Role::PlatformAdmin.name());
    let found = store.fetch_optional::<(String,)>("look up what somebody may do", query).await?;
    found.map(|(role,)| Row { table, id: &subject }.parse("role", &role)).transpose()
}

/// The longest-standing platform admin who can act, and the team through which.
pub(crate) async fn first_admin(store: &PostgresStore) -> Result<Option<(User, Team)>, PortError> {
    let query = sqlx::query_as(concat!(
        "SELECT users.id AS user_id, users.name AS user_name, users.email AS user_email,
                users.created_at AS user_created_at, users.revision AS user_revision, ",
        teams::columns!(),
        " FROM users
         JOIN memberships ON memberships.user_id = users.id
         JOIN teams ON teams.id = memberships.team_id
         WHERE memberships.role = $1 AND users.disabled_at IS NULL AND teams.disabled_at IS NULL
         ORDER BY users.created_at, users.id, memberships.created_at, teams.id
         LIMIT 1"
    ))
    .bind(Role::PlatformAdmin.name());
    let row = store.fetch_optional::<AdminRow>("look up the first admin", query).await?;
    row.map(AdminRow::read).transpose()
}

#[derive(FromRow)]
struct AdminRow {
    user_id: String,
    user_name: String,
    user_email: Option<String>,
    user_created_at: DateTime<Utc>,
    user_revision: i64,
    #[sqlx(flatten)]
    team: TeamRow,
}

impl AdminRow {
    fn read(self) -> Result<(User, Team), PortError> {
        let row = Row { table: "users", id: &self.user_id };
        let user = User {
            id: row.parse("id", &self.user_id)?,
            revision: row.number("revision", self.user_revision)?,
            created_at: self.user_created_at,
            disabled_at: None,
            name: self.user_name,
            email: self.user_email,
        };
        Ok((user, self.team.read()?))
    }
}
