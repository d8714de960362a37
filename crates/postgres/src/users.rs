//! The table `users`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Bootstrap, Changed, PortError, UserFilter, UserStore};
use outcrop_types::{
    AuditDraft, Invitation, KeyId, Membership, Page, Role, Subject, Team, TeamId, User, UserId,
};
use secrecy::SecretString;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};

use crate::change::one_row;
use crate::rows::{Row, one_more, storable};
use crate::{PostgresStore, invitations, keys, members, passwords, policies, sessions, standing, teams};

macro_rules! columns {
    () => {
        "users.id, users.name, users.email, users.created_at, users.disabled_at, users.revision"
    };
}
pub(crate) use columns;

#[async_trait]
impl UserStore for PostgresStore {
    async fn bootstrap(&self, first: &Bootstrap, audit: &AuditDraft) -> Result<bool, PortError> {
        self.audited(
            "write the first team, admin and key",
            audit,
            |wrote| *wrote,
            async |connection| begin_platform(connection, first).await,
        )
        .await
    }

    async fn first_admin(&self) -> Result<Option<(User, Team)>, PortError> {
        standing::first_admin(self).await
    }

    async fn insert_user(
        &self,
        user: &User,
        membership: Option<&Membership>,
        invitation: Option<&Invitation>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change("insert a user", audit, async |connection| {
            insert(user).execute(&mut *connection).await?;
            if let Some(membership) = membership {
                members::set(membership).execute(&mut *connection).await?;
            }
            if let Some(invitation) = invitation {
                invitations::insert(invitation).execute(&mut *connection).await?;
            }
            Ok(Changed::Done)
        })
        .await
    }

    async fn lookup_user(&self, id: UserId) -> Result<Option<User>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"));
        self.fetch_optional::<UserRow>("look up a user", query.bind(id.to_string()))
            .await?
            .map(UserRow::read)
            .transpose()
    }

    async fn lookup_user_by_name(&self, name: &str) -> Result<Option<User>, PortError> {
        if !storable(name) {
            return Ok(None);
        }
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM users WHERE name = $1"));
        self.fetch_optional::<UserRow>("look up a user by name", query.bind(name))
            .await?
            .map(UserRow::read)
            .transpose()
    }

    async fn list_users(
        &self,
        filter: &UserFilter,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Page<User>, PortError> {
        if !filter.name_prefix.as_deref().is_none_or(storable) {
            return Ok(Page::from_one_too_many(Vec::new(), limit));
        }
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM users WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<UserRow> = self.fetch_all("list users", query.build_query_as()).await?;
        let users = rows.into_iter().map(UserRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(users, limit))
    }

    async fn update_user(
        &self,
        user: &User,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change_of_admins("change a user", audit, async |connection| {
            let changed = one_row(connection, update(user)).await?;
            if changed == Changed::Done && user.disabled_at.is_some() {
                sessions::end_of_subject(connection, Subject::User(user.id), now).await?;
            }
            Ok(changed)
        })
        .await
    }

    async fn delete_user(
        &self,
        user: &User,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change_of_admins("remove a user", audit, async |connection| {
            let query = sqlx::query("DELETE FROM users WHERE id = $1 AND revision = $2")
                .bind(user.id.to_string())
                .bind(i64::from(user.revision));
            let changed = one_row(connection, query).await?;
            if changed == Changed::Done {
                let subject = Subject::User(user.id);
                sessions::remove_of_subject(connection, subject).await?;
                policies::remove_of_subject(connection, subject).await?;
                keys::revoke_of_subject(connection, subject, now).await?;
            }
            Ok(changed)
        })
        .await
    }

    async fn lookup_password(&self, name: &str) -> Result<Option<(User, Option<SecretString>)>, PortError> {
        passwords::lookup(self, name).await
    }

    async fn set_password(
        &self,
        user: UserId,
        password: &SecretString,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change("set a password", audit, async |connection| {
            passwords::set(connection, user, password, now).await
        })
        .await
    }

    async fn rehash_password(
        &self,
        user: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<bool, PortError> {
        passwords::rehash(self, user, old, new).await
    }

    async fn insert_invitation(
        &self,
        invitation: &Invitation,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change("insert an invitation", audit, async |connection| {
            invitations::withdraw(connection, invitation.user).await?;
            one_row(connection, invitations::insert(invitation)).await
        })
        .await
    }

    async fn lookup_invitation(&self, id: &KeyId) -> Result<Option<Invitation>, PortError> {
        invitations::lookup(self, id).await
    }

    async fn redeem_invitation(
        &self,
        id: &KeyId,
        password: &SecretString,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change("redeem an invitation", audit, async |connection| {
            match invitations::take(connection, id).await? {
                Some(user) => passwords::set(connection, user, password, now).await,
                None => Ok(Changed::Stale),
            }
        })
        .await
    }

    async fn lookup_standing(&self, subject: Subject, team: TeamId) -> Result<Option<Role>, PortError> {
        standing::lookup(self, subject, team).await
    }
}

/// Writes what a platform begins with, if there is no user.
async fn begin_platform(connection: &mut PgConnection, first: &Bootstrap) -> Result<bool, sqlx::Error> {
    let (begun,): (bool,) =
        sqlx::query_as("SELECT EXISTS (SELECT 1 FROM users)").fetch_one(&mut *connection).await?;
    if begun {
        return Ok(false);
    }
    let Bootstrap { team, admin, key } = first;
    teams::insert(team).execute(&mut *connection).await?;
    insert(admin).execute(&mut *connection).await?;
    let membership =
        Membership { user: admin.id, team: team.id, role: Role::PlatformAdmin, created_at: admin.created_at };
    members::set(&membership).execute(&mut *connection).await?;
    keys::insert(key)?.execute(&mut *connection).await?;
    Ok(true)
}

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &UserFilter) {
    if let Some(team) = filter.team {
        query.push(" AND id IN (SELECT user_id FROM memberships WHERE team_id = ");
        query.push_bind(team.to_string()).push(")");
    }
    if let Some(prefix) = &filter.name_prefix {
        query.push(" AND name ^@ ").push_bind(prefix.clone());
    }
    if let Some(disabled) = filter.disabled {
        query.push(if disabled { " AND disabled_at IS NOT NULL" } else { " AND disabled_at IS NULL" });
    }
}

fn insert(user: &User) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(
        "INSERT INTO users (id, name, email, created_at, disabled_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(user.id.to_string())
    .bind(&user.name)
    .bind(&user.email)
    .bind(user.created_at)
    .bind(user.disabled_at)
    .bind(i64::from(user.revision))
}

fn update(user: &User) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(
        "UPDATE users SET name = $3, email = $4, disabled_at = $5, revision = revision + 1
         WHERE id = $1 AND revision = $2",
    )
    .bind(user.id.to_string())
    .bind(i64::from(user.revision))
    .bind(&user.name)
    .bind(&user.email)
    .bind(user.disabled_at)
}

#[derive(FromRow)]
pub(crate) struct UserRow {
    id: String,
    name: String,
    email: Option<String>,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    revision: i64,
}

impl UserRow {
    pub(crate) fn read(self) -> Result<User, PortError> {
        let row = Row { table: "users", id: &self.id };
        Ok(User {
            id: row.parse("id", &self.id)?,
            revision: row.number("revision", self.revision)?,
            created_at: self.created_at,
            disabled_at: self.disabled_at,
            name: self.name,
            email: self.email,
        })
    }
}
