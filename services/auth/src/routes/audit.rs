//! `/admin/v1/audit`: who did what, and what was refused.

use actix_web::{get, web};
use chrono::{DateTime, Datelike as _, Utc};
use outcrop_http::ApiError;
use outcrop_ports::AuditFilter;
use outcrop_types::{AuditEvent, AuditOutcome, AuditRow, AuditSealer, ErrorCode, TeamId};
use serde::{Deserialize, Serialize};

use super::acting::By;
use super::list::List;
use super::query::{Limit, Number, Query, Time};
use crate::AuthService;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ListAudit {
    team: Option<TeamId>,
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    outcome: Option<AuditOutcome>,
    since: Option<Time>,
    until: Option<Time>,
    after: Option<Number>,
    limit: Limit,
}

/// A row as it is shown: the event, or, where the row is not as it was written, what is wrong with it.
#[derive(Debug, Serialize)]
pub(super) struct RowView {
    seq: u64,
    hash: String,
    #[serde(flatten)]
    event: Option<AuditEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// Lists the audit log, newest first: of the caller's team, or, for a platform admin, of any or all.
#[get("/audit")]
pub(super) async fn list(
    By(acting): By,
    auth: web::Data<AuthService>,
    Query(query): Query<ListAudit>,
) -> Result<web::Json<List<RowView>>, ApiError> {
    let filter = AuditFilter {
        team: query.team,
        actor: query.actor,
        action: query.action,
        target: query.target,
        outcome: query.outcome,
        since: storable("since", query.since)?,
        until: storable("until", query.until)?,
    };
    let page = auth.list_audit(&acting, filter, query.after.map(|it| it.0), query.limit.0).await?;
    let sealer = auth.audit_sealer();
    Ok(List::of(page, |row| row.seq, |row| view(&row, sealer)))
}

/// A time that every store can compare with: databases do not reach as far as the notation does.
fn storable(field: &str, time: Option<Time>) -> Result<Option<DateTime<Utc>>, ApiError> {
    let time = time.map(|it| it.0);
    if time.is_none_or(|it| (1..=9_999).contains(&it.year())) {
        return Ok(time);
    }
    let message = format!("`{field}` must be a time of the years 1 to 9999");
    Err(ApiError::new(ErrorCode::InvalidRequest, message).with_param(field))
}

fn view(row: &AuditRow, sealer: &AuditSealer) -> RowView {
    let (event, fault) = match row.read(sealer) {
        Ok(event) => (Some(event), None),
        Err(fault) => (None, Some(fault.to_string())),
    };
    RowView { seq: row.seq, hash: row.hash.to_string(), event, fault }
}
