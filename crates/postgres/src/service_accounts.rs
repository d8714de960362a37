//! The table `service_accounts`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError, ServiceAccountFilter, ServiceAccountStore};
use outcrop_types::{AuditDraft, Page, ServiceAccount, ServiceAccountId, Subject};
use sqlx::{FromRow, Postgres, QueryBuilder};

use crate::change::one_row;
use crate::rows::{Row, one_more, storable};
use crate::{PostgresStore, keys, policies, sessions};

macro_rules! columns {
    () => {
        "id, team_id, name, role, created_at, disabled_at, revision"
    };
}

#[async_trait]
impl ServiceAccountStore for PostgresStore {
    async fn insert_service_account(
        &self,
        account: &ServiceAccount,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        let query = sqlx::query(concat!(
            "INSERT INTO service_accounts (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
        ))
        .bind(account.id.to_string())
        .bind(account.team.to_string())
        .bind(&account.name)
        .bind(account.role.name())
        .bind(account.created_at)
        .bind(account.disabled_at)
        .bind(i64::from(account.revision));
        self.change("insert a service account", audit, async |connection| one_row(connection, query).await)
            .await
    }

    async fn lookup_service_account(
        &self,
        id: ServiceAccountId,
    ) -> Result<Option<ServiceAccount>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM service_accounts WHERE id = $1"));
        self.fetch_optional::<AccountRow>("look up a service account", query.bind(id.to_string()))
            .await?
            .map(AccountRow::read)
            .transpose()
    }

    async fn list_service_accounts(
        &self,
        filter: &ServiceAccountFilter,
        after: Option<ServiceAccountId>,
        limit: usize,
    ) -> Result<Page<ServiceAccount>, PortError> {
        if !filter.name_prefix.as_deref().is_none_or(storable) {
            return Ok(Page::from_one_too_many(Vec::new(), limit));
        }
        let mut query =
            QueryBuilder::new(concat!("SELECT ", columns!(), " FROM service_accounts WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<AccountRow> = self.fetch_all("list service accounts", query.build_query_as()).await?;
        let accounts = rows.into_iter().map(AccountRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(accounts, limit))
    }

    async fn update_service_account(
        &self,
        account: &ServiceAccount,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        let query = sqlx::query(
            "UPDATE service_accounts SET name = $3, role = $4, disabled_at = $5, revision = revision + 1
             WHERE id = $1 AND revision = $2",
        )
        .bind(account.id.to_string())
        .bind(i64::from(account.revision))
        .bind(&account.name)
        .bind(account.role.name())
        .bind(account.disabled_at);
        self.change("change a service account", audit, async |connection| one_row(connection, query).await)
            .await
    }

    async fn delete_service_account(
        &self,
        account: &ServiceAccount,
        now: DateTime<Utc>,
        audit: &AuditDraft,
    ) -> Result<Changed, PortError> {
        self.change("remove a service account", audit, async |connection| {
            let query = sqlx::query("DELETE FROM service_accounts WHERE id = $1 AND revision = $2")
                .bind(account.id.to_string())
                .bind(i64::from(account.revision));
            let changed = one_row(connection, query).await?;
            if changed == Changed::Done {
                let subject = Subject::ServiceAccount(account.id);
                sessions::remove_of_subject(connection, subject).await?;
                policies::remove_of_subject(connection, subject).await?;
                keys::revoke_of_subject(connection, subject, now).await?;
            }
            Ok(changed)
        })
        .await
    }
}

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &ServiceAccountFilter) {
    if let Some(team) = filter.team {
        query.push(" AND team_id = ").push_bind(team.to_string());
    }
    if let Some(prefix) = &filter.name_prefix {
        query.push(" AND name ^@ ").push_bind(prefix.clone());
    }
    if let Some(disabled) = filter.disabled {
        query.push(if disabled { " AND disabled_at IS NOT NULL" } else { " AND disabled_at IS NULL" });
    }
}

#[derive(FromRow)]
struct AccountRow {
    id: String,
    team_id: String,
    name: String,
    role: String,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
    revision: i64,
}

impl AccountRow {
    fn read(self) -> Result<ServiceAccount, PortError> {
        let row = Row { table: "service_accounts", id: &self.id };
        Ok(ServiceAccount {
            id: row.parse("id", &self.id)?,
            team: row.parse("team_id", &self.team_id)?,
            role: row.parse("role", &self.role)?,
            revision: row.number("revision", self.revision)?,
            created_at: self.created_at,
            disabled_at: self.disabled_at,
            name: self.name,
        })
    }
}
