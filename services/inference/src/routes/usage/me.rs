//! `GET /v1/usage/me`: what the caller itself used, and where its limits stand.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use outcrop_http::ApiError;
use outcrop_ports::{Kind, PortError, ReportQuery, UsageFilter};
use outcrop_types::{Budget, Calendar, ErrorCode, Money, Principal, TimeZone};
use serde::Serialize;
use serde_json::{Value, json};

use crate::InferenceService;
use crate::admission::LimitStanding;
use crate::reports::{Reports, Summary};

/// What the caller used, and where its limits stand.
#[derive(Serialize)]
pub(crate) struct Me {
    object: &'static str,
    team: String,
    subject: String,
    key: Option<String>,
    /// By this person or program, with any credential, in this team.
    by_subject: Used,
    /// With this key.
    by_key: Option<Used>,
    limits: Vec<Value>,
}

#[derive(Serialize)]
struct Used {
    today: Summary,
    this_month: Summary,
}

/// Open to everybody who is known: it tells nobody what others use who may not read it. Days and months are those of UTC.
pub(crate) async fn me(
    caller: Option<web::ReqData<Principal>>,
    service: web::Data<InferenceService>,
    reports: web::Data<Reports>,
) -> Result<HttpResponse, ApiError> {
    let caller =
        caller.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "no credential was given"))?;
    Ok(HttpResponse::Ok().json(of_caller(&service, &reports, &caller).await?))
}

/// What a caller itself used, and where its limits stand.
pub(crate) async fn of_caller(
    service: &InferenceService,
    reports: &Reports,
    caller: &Principal,
) -> Result<Me, ApiError> {
    let own =
        UsageFilter { team: Some(caller.team), subject: Some(caller.subject), ..UsageFilter::default() };
    let by_subject = used(reports, &own).await.map_err(ApiError::from_error)?;
    let by_key = match &caller.key {
        None => None,
        Some(key) => {
            let filter = UsageFilter { key: Some(key.clone()), ..own };
            Some(used(reports, &filter).await.map_err(ApiError::from_error)?)
        }
    };
    let limits = service.standing(caller).await.map_err(ApiError::from_error)?;
    Ok(Me {
        object: "usage.me",
        team: caller.team.to_string(),
        subject: caller.subject.to_string(),
        key: caller.key.as_ref().map(ToString::to_string),
        by_subject,
        by_key,
        limits: limits.iter().map(limit).collect(),
    })
}

async fn used(reports: &Reports, filter: &UsageFilter) -> Result<Used, PortError> {
    let now = reports.clock.now();
    let since = |calendar| TimeZone::UTC.around(now, calendar).0;
    let (today, month) = (since(Calendar::Day), since(Calendar::Month));
    let (today, this_month) = futures::try_join!(sum(reports, filter, today), sum(reports, filter, month))?;
    Ok(Used { today, this_month })
}

async fn sum(reports: &Reports, filter: &UsageFilter, from: DateTime<Utc>) -> Result<Summary, PortError> {
    let query = ReportQuery {
        from,
        until: reports.end_of_hour(),
        group_by: Vec::new(),
        filter: filter.clone(),
        time_zone: TimeZone::UTC,
        after: None,
        limit: 1,
    };
    let page = reports.page(&query).await?;
    Ok(page
        .items
        .first()
        .map_or_else(|| Summary::from(&Default::default()), |row| Summary::from(&row.totals)))
}

/// A limit as it is shown: a budget by what is written of its time in the policy, its money as text.
fn limit(it: &LimitStanding) -> Value {
    let amount = |number: u64| match it.kind {
        Kind::Money => json!(Money::from_nano_usd(number)),
        _ => json!(number),
    };
    let written = it.period.map(|period| json!(Budget { usd: Money::ZERO, period, alert_at: Vec::new() }));
    let of_time = |name: &str| written.as_ref().and_then(|it| it.get(name)).cloned().unwrap_or_default();
    json!({
        "level": it.level,
        "kind": it.kind,
        "period": of_time("period"),
        "time_zone": of_time("time_zone"),
        "days": of_time("days"),
        "model": it.model,
        "limit": amount(it.limit),
        "has_room": it.has_room,
        "used": it.figures.map(|figures| amount(figures.used)),
        "held": it.figures.map(|figures| amount(figures.held)),
        "remaining": it.figures.map(|figures| amount(figures.remaining)),
        "reset": it.reset,
        "policy": it.policy,
    })
}
