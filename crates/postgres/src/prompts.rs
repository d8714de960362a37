//! The tables `prompts` and `prompt_versions`.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_ports::{Changed, PortError, PromptFilter, PromptStore};
use outcrop_types::{AuditDraft, MAX_PROMPTS, Page, Prompt, PromptId, PromptOutline, PromptVersion, TeamId};
use serde::de::DeserializeOwned;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};

use crate::PostgresStore;
use crate::change::one_row;
use crate::rows::{Row, json_text, one_more};

/// Prompts, each with the version that is served, or else the newest: all that it says (`template`), or its `outline`.
macro_rules! select {
    ($what:literal) => {
        concat!(
            "SELECT prompts.id, prompts.team_id, prompts.name, prompts.current, prompts.last, prompts.latest, \
             prompts.created_at, prompts.updated_at, prompts.revision, versions.number, versions.",
            $what,
            " AS says, versions.created_at AS version_at, versions.created_by, versions.served_after \
             FROM prompts JOIN prompt_versions AS versions \
             ON versions.prompt_id = prompts.id AND versions.number = coalesce(prompts.current, prompts.latest) "
        )
    };
}

macro_rules! select_version {
    ($what:literal) => {
        concat!(
            "SELECT prompt_id, number, ",
            $what,
            " AS says, created_at, created_by, served_after FROM prompt_versions WHERE prompt_id = $1 "
        )
    };
}

#[async_trait]
impl PromptStore for PostgresStore {
    async fn insert_prompt(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("insert a prompt", audit, async |connection| {
            let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM prompts WHERE team_id = $1")
                .bind(prompt.team.to_string())
                .fetch_one(&mut *connection)
                .await?;
            if usize::try_from(count).is_ok_and(|count| count >= MAX_PROMPTS) {
                return Ok(Changed::Taken);
            }
            match one_row(connection, insert(prompt)).await? {
                Changed::Done => insert_version(connection, prompt).await,
                other => Ok(other),
            }
        })
        .await
    }

    async fn lookup_prompt(&self, id: PromptId) -> Result<Option<Prompt>, PortError> {
        let query =
            sqlx::query_as(concat!(select!("template"), "WHERE prompts.id = $1")).bind(id.to_string());
        let row = self.fetch_optional::<PromptRow>("look up a prompt", query).await?;
        row.map(PromptRow::read).transpose()
    }

    async fn list_prompts(
        &self,
        filter: &PromptFilter,
        after: Option<PromptId>,
        limit: usize,
    ) -> Result<Page<Prompt<PromptOutline>>, PortError> {
        let mut query = QueryBuilder::new(concat!(select!("outline"), "WHERE TRUE"));
        narrow(&mut query, filter);
        if let Some(after) = after {
            query.push(" AND prompts.id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY prompts.id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<PromptRow> = self.fetch_all("list prompts", query.build_query_as()).await?;
        let prompts = rows.into_iter().map(PromptRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(prompts, limit))
    }

    async fn lookup_prompt_version(
        &self,
        id: PromptId,
        number: u32,
    ) -> Result<Option<PromptVersion>, PortError> {
        let query = sqlx::query_as(concat!(select_version!("template"), "AND number = $2"))
            .bind(id.to_string())
            .bind(i64::from(number));
        let row = self.fetch_optional::<VersionRow>("look up a version of a prompt", query).await?;
        row.map(VersionRow::read).transpose()
    }

    async fn list_prompt_versions(
        &self,
        id: PromptId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<Page<PromptVersion<PromptOutline>>, PortError> {
        let query = sqlx::query_as(concat!(
            select_version!("outline"),
            "AND number < $2 ORDER BY number DESC LIMIT $3"
        ))
        .bind(id.to_string())
        .bind(after.map_or(i64::MAX, i64::from))
        .bind(one_more(limit));
        let rows: Vec<VersionRow> = self.fetch_all("list the versions of a prompt", query).await?;
        let versions = rows.into_iter().map(VersionRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(versions, limit))
    }

    async fn add_prompt_version(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("add a version of a prompt", audit, async |connection| {
            match one_row(connection, update(prompt)).await? {
                Changed::Done => insert_version(connection, prompt).await,
                other => Ok(other),
            }
        })
        .await
    }

    async fn update_prompt(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("change a prompt", audit, async |connection| {
            match one_row(connection, update(prompt)).await? {
                Changed::Done => mark_served(connection, prompt).await,
                other => Ok(other),
            }
        })
        .await
    }

    async fn delete_prompt(&self, prompt: &Prompt, audit: &AuditDraft) -> Result<Changed, PortError> {
        self.change("remove a prompt", audit, async |connection| {
            // Its versions go with it.
            let query = sqlx::query("DELETE FROM prompts WHERE id = $1 AND revision = $2")
                .bind(prompt.id.to_string())
                .bind(i64::from(prompt.revision));
            one_row(connection, query).await
        })
        .await
    }

    async fn served_prompts(&self, team: TeamId) -> Result<Vec<Prompt<PromptOutline>>, PortError> {
        let query = sqlx::query_as(concat!(
            select!("outline"),
            "WHERE prompts.team_id = $1 AND prompts.current IS NOT NULL ORDER BY prompts.name"
        ));
        let rows: Vec<PromptRow> =
            self.fetch_all("read the prompts of a team", query.bind(team.to_string())).await?;
        rows.into_iter().map(PromptRow::read).collect()
    }
}

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &PromptFilter) {
    if let Some(team) = filter.team {
        query.push(" AND prompts.team_id = ").push_bind(team.to_string());
    }
    if let Some(name) = &filter.name {
        query.push(" AND prompts.name = ").push_bind(name.clone());
    }
    if let Some(archived) = filter.archived {
        query.push(if archived { " AND current IS NULL" } else { " AND current IS NOT NULL" });
    }
}

fn insert(prompt: &Prompt) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(
        "INSERT INTO prompts (id, team_id, name, current, last, latest, created_at, updated_at, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(prompt.id.to_string())
    .bind(prompt.team.to_string())
    .bind(&prompt.name)
    .bind(prompt.current.map(i64::from))
    .bind(i64::from(prompt.last))
    .bind(i64::from(prompt.latest))
    .bind(prompt.created_at)
    .bind(prompt.updated_at)
    .bind(i64::from(prompt.revision))
}

async fn insert_version(connection: &mut PgConnection, prompt: &Prompt) -> Result<Changed, sqlx::Error> {
    let version = &prompt.version;
    let query = sqlx::query(
        "INSERT INTO prompt_versions (prompt_id, number, created_at, created_by, served_after, outline, template)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(prompt.id.to_string())
    .bind(i64::from(version.number))
    .bind(version.created_at)
    .bind(&version.created_by)
    .bind(version.served_after.map(i64::from))
    .bind(json_text(&PromptOutline::from(&version.template))?)
    .bind(json_text(&version.template)?);
    one_row(connection, query).await
}

/// The version that is served now is none that never was.
async fn mark_served(connection: &mut PgConnection, prompt: &Prompt) -> Result<Changed, sqlx::Error> {
    sqlx::query(
        "UPDATE prompt_versions SET served_after = $3
         WHERE prompt_id = $1 AND number = $2 AND served_after IS NULL",
    )
    .bind(prompt.id.to_string())
    .bind(i64::from(prompt.version.number))
    .bind(prompt.version.served_after.map(i64::from))
    .execute(connection)
    .await?;
    Ok(Changed::Done)
}

fn update(prompt: &Prompt) -> Query<'_, Postgres, PgArguments> {
    sqlx::query(
        "UPDATE prompts SET current = $3, last = $4, latest = $5, updated_at = $6, revision = revision + 1
         WHERE id = $1 AND revision = $2",
    )
    .bind(prompt.id.to_string())
    .bind(i64::from(prompt.revision))
    .bind(prompt.current.map(i64::from))
    .bind(i64::from(prompt.last))
    .bind(i64::from(prompt.latest))
    .bind(prompt.updated_at)
}

#[derive(FromRow)]
struct PromptRow {
    id: String,
    team_id: String,
    name: String,
    current: Option<i64>,
    last: i64,
    latest: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    revision: i64,
    number: i64,
    says: String,
    version_at: DateTime<Utc>,
    created_by: String,
    served_after: Option<i64>,
}

impl PromptRow {
    fn read<T: DeserializeOwned>(self) -> Result<Prompt<T>, PortError> {
        let row = Row { table: "prompts", id: &self.id };
        let prompt = Prompt {
            id: row.parse("id", &self.id)?,
            team: row.parse("team_id", &self.team_id)?,
            name: self.name,
            current: row.number_optional("current", self.current)?,
            last: row.number("last", self.last)?,
            latest: row.number("latest", self.latest)?,
            version: PromptVersion {
                number: row.number("number", self.number)?,
                template: row.json("template", &self.says)?,
                created_at: self.version_at,
                created_by: self.created_by,
                served_after: row.number_optional("served_after", self.served_after)?,
            },
            created_at: self.created_at,
            updated_at: self.updated_at,
            revision: row.number("revision", self.revision)?,
        };
        Ok(prompt)
    }
}

#[derive(FromRow)]
struct VersionRow {
    prompt_id: String,
    number: i64,
    says: String,
    created_at: DateTime<Utc>,
    created_by: String,
    served_after: Option<i64>,
}

impl VersionRow {
    fn read<T: DeserializeOwned>(self) -> Result<PromptVersion<T>, PortError> {
        let row = Row { table: "prompt_versions", id: &self.prompt_id };
        Ok(PromptVersion {
            number: row.number("number", self.number)?,
            template: row.json("template", &self.says)?,
            created_at: self.created_at,
            created_by: self.created_by,
            served_after: row.number_optional("served_after", self.served_after)?,
        })
    }
}
