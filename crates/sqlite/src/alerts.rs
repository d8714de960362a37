//! The table `alerts`.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use outcrop_ports::{AlertFilter, AlertStore, PortError};
use outcrop_types::{Alert, AlertId, Level, Money, Page};
use sqlx::{FromRow, QueryBuilder};

use crate::SqliteStore;
use crate::rows::{Row, json_text, micros, one_more};

macro_rules! columns {
    () => {
        "id, at, policy_id, level, holder, team_id, model, budget_nano_usd, period, period_start, per_cent, \
         spent_nano_usd"
    };
}

#[async_trait]
impl AlertStore for SqliteStore {
    async fn raise_alert(&self, alert: &Alert) -> Result<bool, PortError> {
        const ATTEMPTED: &str = "raise an alert";
        let period = json_text(&alert.period).map_err(|error| PortError::broken(ATTEMPTED, error))?;
        let query = sqlx::query(concat!(
            "INSERT INTO alerts (",
            columns!(),
            ", next_at, attempts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?2, 0)
             ON CONFLICT DO NOTHING"
        ))
        .bind(alert.id.to_string())
        .bind(micros(alert.at))
        .bind(alert.policy.to_string())
        .bind(alert.level.name())
        .bind(&alert.holder)
        .bind(alert.team.map(|team| team.to_string()))
        .bind(&alert.model)
        .bind(nano(alert.budget))
        .bind(period)
        .bind(micros(alert.period_start))
        .bind(i64::from(alert.per_cent))
        .bind(nano(alert.spent));
        Ok(self.write(ATTEMPTED, query).await? == 1)
    }

    async fn claim_alerts(
        &self,
        now: DateTime<Utc>,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<(Alert, u32)>, PortError> {
        let until = TimeDelta::from_std(lease).ok().and_then(|lease| now.checked_add_signed(lease));
        let query = sqlx::query_as(concat!(
            "UPDATE alerts SET next_at = ?1, attempts = attempts + 1
             WHERE id IN (SELECT id FROM alerts WHERE next_at <= ?2 ORDER BY id LIMIT ?3)
             RETURNING ",
            columns!(),
            ", attempts"
        ))
        .bind(micros(until.unwrap_or(DateTime::<Utc>::MAX_UTC)))
        .bind(micros(now))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<ClaimedRow> = self.write_all("claim alerts", query).await?;
        let mut claimed = rows.into_iter().map(ClaimedRow::read).collect::<Result<Vec<_>, _>>()?;
        claimed.sort_unstable_by_key(|(alert, _)| alert.id);
        Ok(claimed)
    }

    async fn alert_told(&self, id: AlertId, at: Option<DateTime<Utc>>) -> Result<(), PortError> {
        let query = sqlx::query("UPDATE alerts SET next_at = NULL, told_at = ?2 WHERE id = ?1");
        self.write("note that an alert was told", query.bind(id.to_string()).bind(at.map(micros)))
            .await
            .map(drop)
    }

    async fn alert_failed(&self, id: AlertId, next: DateTime<Utc>) -> Result<(), PortError> {
        let query = sqlx::query("UPDATE alerts SET next_at = ?2 WHERE id = ?1 AND next_at IS NOT NULL");
        self.write("put an alert off", query.bind(id.to_string()).bind(micros(next))).await.map(drop)
    }

    async fn list_alerts(
        &self,
        filter: &AlertFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Page<Alert>, PortError> {
        let mut query = QueryBuilder::new(concat!("SELECT ", columns!(), " FROM alerts WHERE TRUE"));
        if let Some(team) = filter.team {
            query.push(" AND team_id = ").push_bind(team.to_string());
        }
        if let Some(after) = after {
            query.push(" AND id < ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(one_more(limit));
        let rows: Vec<AlertRow> = self.read_all("list alerts", query.build_query_as()).await?;
        let alerts = rows.into_iter().map(AlertRow::read).collect::<Result<_, _>>()?;
        Ok(Page::from_one_too_many(alerts, limit))
    }
}

fn nano(money: Money) -> i64 {
    i64::try_from(money.nano_usd()).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
struct AlertRow {
    id: String,
    at: i64,
    policy_id: String,
    level: String,
    holder: String,
    team_id: Option<String>,
    model: Option<String>,
    budget_nano_usd: i64,
    period: String,
    period_start: i64,
    per_cent: i64,
    spent_nano_usd: i64,
}

#[derive(FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    alert: AlertRow,
    attempts: i64,
}

impl ClaimedRow {
    fn read(self) -> Result<(Alert, u32), PortError> {
        // This claim is the last of them.
        let before = u32::try_from(self.attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        Ok((self.alert.read()?, before))
    }
}

impl AlertRow {
    fn read(self) -> Result<Alert, PortError> {
        let row = Row { table: "alerts", id: &self.id };
        Ok(Alert {
            id: row.parse("id", &self.id)?,
            at: row.time("at", self.at)?,
            policy: row.parse("policy_id", &self.policy_id)?,
            level: row.known("level", Level::ALL.into_iter().find(|it| it.name() == self.level))?,
            team: row.parse_optional("team_id", self.team_id.as_deref())?,
            budget: Money::from_nano_usd(row.number("budget_nano_usd", self.budget_nano_usd)?),
            period: row.json("period", &self.period)?,
            period_start: row.time("period_start", self.period_start)?,
            per_cent: row.number("per_cent", self.per_cent)?,
            spent: Money::from_nano_usd(row.number("spent_nano_usd", self.spent_nano_usd)?),
            holder: self.holder,
            model: self.model,
        })
    }
}
