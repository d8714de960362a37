//! The tables `policies` and `policies_version`.

use async_trait::async_trait;
use outcrop_ports::{Changed, MAX_POLICIES, PolicyFilter, PolicyStore, PortError};
use outcrop_types::{AuditDraft, KeyId, Level, Page, Pattern, Policy, PolicyId, Subject, Target, TeamId};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use crate::SqliteStore;
use crate::change::one_row;
use crate::error::port_error;
use crate::rows::{Row, json_text, micros, one_more};

macro_rules! columns {
    () => {
        "id, level, team_id, subject, key_id, target, model, rules, created_at, updated_at, revision"
    };
}

const VERSION: &str = "SELECT version FROM policies_version";

#[async_trait]
impl PolicyStore for SqliteStore {
    async fn insert_policy(&self, policy: &Policy, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("insert a policy", audit, async |connection| {
            let (count,): (i64,) =
                sqlx::query_as("SELECT count(*) FROM policies").fetch_one(&mut *connection).await?;
            if usize::try_from(count).is_ok_and(|count| count >= MAX_POLICIES) {
                return Ok(Changed::Taken);
            }
            let changed = one_row(connection, insert(policy)?).await?;
            next_version(connection).await?;
            Ok(changed)
        })
        .await
    }

    async fn lookup_policy(&self, id: PolicyId) -> Result<Option<Policy>, PortError> {
        let query = sqlx::query_as(concat!("SELECT ", columns!(), " FROM policies WHERE id = $1"));
        self.read_optional::<PolicyRow>("look up a policy", query.bind(id.to_string()))
            .await?
            .map(PolicyRow::read)
            .transpose()
    }

    async fn list_policies(
        &self,
        filter: &PolicyFilter,
        after: Option<PolicyId>,
        limit: usize,
    ) -> Result<Page<Policy>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM policies WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<PolicyRow> = self.read_all("list policies", query.build_query_as()).await?;
        Ok(Page::from_one_too_many(read_rows(rows)?, limit))
    }

    async fn update_policy(&self, policy: &Policy, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("change a policy", audit, async |connection| {
            let changed = one_row(connection, update(policy)?).await?;
            next_version(connection).await?;
            Ok(changed)
        })
        .await
    }

    async fn delete_policy(&self, policy: &Policy, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("remove a policy", audit, async |connection| {
            let query = sqlx::query("DELETE FROM policies WHERE id = $1 AND revision = $2")
                .bind(policy.id.to_string())
                .bind(i64::from(policy.revision));
            let changed = one_row(connection, query).await?;
            next_version(connection).await?;
            Ok(changed)
        })
        .await
    }

    async fn all_policies(&self) -> Result<(u64, Vec<Policy>), PortError> {
        const ATTEMPTED: &str = "read all policies";
        // Within one transaction, both are of the same moment.
        let mut reading = self.begin_reading(ATTEMPTED).await?;
        let version = sqlx::query_as(VERSION).fetch_one(&mut *reading).await;
        let (version,): (i64,) = version.map_err(|error| port_error(ATTEMPTED, error))?;
        let rows = sqlx::query_as(concat!("SELECT ", columns!(), " FROM policies ORDER BY id"))
            .fetch_all(&mut *reading)
            .await
            .map_err(|error| port_error(ATTEMPTED, error))?;
        reading.commit().await.map_err(|error| port_error(ATTEMPTED, error))?;
        Ok((read_version(version)?, read_rows(rows)?))
    }

    async fn policies_version(&self) -> Result<u64, PortError> {
        let row = self.read_optional::<(i64,)>("read the version of policies", sqlx::query_as(VERSION));
        read_version(row.await?.map_or(0, |(version,)| version))
    }
}

/// Removes what is a team's affair.
pub(crate) async fn remove_of_team(
    connection: &mut SqliteConnection,
    team: TeamId,
) -> Result<(), sqlx::Error> {
    remove(connection, sqlx::query("DELETE FROM policies WHERE team_id = $1").bind(team.to_string())).await
}

/// Removes what is for a person or program by name.
pub(crate) async fn remove_of_subject(
    connection: &mut SqliteConnection,
    subject: Subject,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query("DELETE FROM policies WHERE subject = $1").bind(subject.to_string());
    remove(connection, query).await
}

/// Writes what a key's successor takes along.
pub(crate) async fn pass_on(
    connection: &mut SqliteConnection,
    policies: &[Policy],
) -> Result<(), sqlx::Error> {
    for policy in policies {
        insert(policy)?.execute(&mut *connection).await?;
    }
    if !policies.is_empty() {
        next_version(connection).await?;
    }
    Ok(())
}

async fn remove(
    connection: &mut SqliteConnection,
    query: Query<'_, Sqlite, SqliteArguments>,
) -> Result<(), sqlx::Error> {
    if query.execute(&mut *connection).await?.rows_affected() > 0 {
        next_version(connection).await?;
    }
    Ok(())
}

async fn next_version(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE policies_version SET version = version + 1").execute(connection).await.map(drop)
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &PolicyFilter) {
    if let Some(team) = filter.team {
        query.push(" AND team_id = ").push_bind(team.to_string());
    }
    if let Some(level) = filter.level {
        query.push(" AND level = ").push_bind(level.name());
    }
    if let Some(subject) = filter.subject {
        query.push(" AND subject = ").push_bind(subject.to_string());
    }
    if let Some(key) = &filter.key {
        query.push(" AND key_id = ").push_bind(key.as_str().to_owned());
    }
    if let Some(target) = &filter.target {
        query.push(" AND target = ").push_bind(target.as_text());
    }
    if let Some(model) = &filter.model {
        query.push(" AND model = ").push_bind(model_text(model.as_ref()).to_owned());
    }
}

fn insert(policy: &Policy) -> Result<Query<'_, Sqlite, SqliteArguments>, sqlx::Error> {
    let (subject, key) = named(&policy.target);
    let query = sqlx::query(concat!(
        "INSERT INTO policies (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(policy.id.to_string())
    .bind(policy.target.level().name())
    .bind(policy.target.team().map(|it| it.to_string()))
    .bind(subject)
    .bind(key)
    .bind(policy.target.as_text())
    .bind(model_text(policy.model.as_ref()))
    .bind(json_text(&policy.rules)?)
    .bind(micros(policy.created_at))
    .bind(micros(policy.updated_at))
    .bind(i64::from(policy.revision));
    Ok(query)
}

fn update(policy: &Policy) -> Result<Query<'_, Sqlite, SqliteArguments>, sqlx::Error> {
    let query = sqlx::query(
        "UPDATE policies SET rules = $3, updated_at = $4, revision = revision + 1
         WHERE id = $1 AND revision = $2",
    )
    .bind(policy.id.to_string())
    .bind(i64::from(policy.revision))
    .bind(json_text(&policy.rules)?)
    .bind(micros(policy.updated_at));
    Ok(query)
}

/// The column `model`.
fn model_text(model: Option<&Pattern>) -> &str {
    model.map_or("", Pattern::as_str)
}

/// The columns `subject` and `key_id`.
fn named(target: &Target) -> (Option<String>, Option<&str>) {
    match target {
        Target::Platform | Target::Team { .. } => (None, None),
        Target::User { user, .. } => (user.map(|it| it.to_string()), None),
        Target::Key { key, .. } => (None, key.as_ref().map(KeyId::as_str)),
    }
}

fn read_rows(rows: Vec<PolicyRow>) -> Result<Vec<Policy>, PortError> {
    rows.into_iter().map(PolicyRow::read).collect()
}

fn read_version(version: i64) -> Result<u64, PortError> {
    Row { table: "policies_version", id: "1" }.number("version", version)
}

#[derive(FromRow)]
struct PolicyRow {
    id: String,
    level: String,
    team_id: Option<String>,
    subject: Option<String>,
    key_id: Option<String>,
    model: String,
    rules: String,
    created_at: i64,
    updated_at: i64,
    revision: i64,
}

impl PolicyRow {
    fn read(self) -> Result<Policy, PortError> {
        let row = Row { table: "policies", id: &self.id };
        let model = Some(self.model.as_str()).filter(|model| !model.is_empty());
        Ok(Policy {
            id: row.parse("id", &self.id)?,
            target: self.target(&row)?,
            model: row.parse_optional("model", model)?,
            rules: row.json("rules", &self.rules)?,
            created_at: row.time("created_at", self.created_at)?,
            updated_at: row.time("updated_at", self.updated_at)?,
            revision: row.number("revision", self.revision)?,
        })
    }

    fn target(&self, row: &Row<'_>) -> Result<Target, PortError> {
        let team = row.parse_optional("team_id", self.team_id.as_deref())?;
        let level = Level::ALL.into_iter().find(|level| level.name() == self.level);
        Ok(match row.known("level", level)? {
            Level::Platform => Target::Platform,
            Level::Team => Target::Team { team },
            Level::User => {
                let user = self.subject.as_deref().map(|text| row.subject("subject", text)).transpose()?;
                Target::User { user, team }
            }
            Level::Key => Target::Key { key: row.parse_optional("key_id", self.key_id.as_deref())?, team },
        })
    }
}
