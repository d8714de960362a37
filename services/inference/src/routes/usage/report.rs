//! `GET /admin/v1/usage`: sums, by whatever they are asked to be grouped by.

use std::time::Duration;

use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::stream;
use outcrop_http::permission::ReadUsage;
use outcrop_http::{Allowed, ApiError};
use outcrop_ports::{PortError, ReportQuery, ReportRow};
use outcrop_types::{ErrorCode, Page};
use tokio::sync::OwnedSemaphorePermit;

use super::team_or_all;
use crate::reports::{self, Params, Reports, Unfit, csv};

/// Rows of a file that are read at once: many, since the ledger adds up everything anew for each page.
const ROWS_AT_ONCE: usize = 50_000;
/// When to ask again for a file where as many as may be are being made.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// Most rows of a file: what spreadsheets take.
const MOST_ROWS: usize = 1_000_000;

/// One page as JSON; as CSV all rows, or as many as are asked for. Teams, people and keys go by their ids.
pub(crate) async fn report(
    allowed: Allowed<ReadUsage>,
    reports: web::Data<Reports>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let mut params = Params::parse(request.query_string())?;
    let rows = take_csv(&mut params, request.headers())?;
    let mut query = reports.take_question(&mut params)?;
    params.end()?;
    query.filter.team = team_or_all(&allowed.principal, query.filter.team)?;
    match rows {
        Some(rows) => file(reports.get_ref().clone(), query, rows).await,
        None => {
            let page = reports.page(&query).await.map_err(ApiError::from_error)?;
            Ok(HttpResponse::Ok().json(reports::page(&query, &page)))
        }
    }
}

/// How many rows a file is to have, if one is asked for: by `format`, or by the header `accept`.
fn take_csv(params: &mut Params, headers: &HeaderMap) -> Result<Option<usize>, Unfit> {
    let csv = match params.take("format").as_deref() {
        Some("csv") => true,
        Some("json") => false,
        Some(_) => return Err(Unfit::new("format", "must be `json` or `csv`")),
        None => {
            let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
            accept.split(',').any(|it| it.split(';').next().unwrap_or_default().trim() == "text/csv")
        }
    };
    if !csv {
        return Ok(None);
    }
    params.take_count("limit", MOST_ROWS, MOST_ROWS).map(Some)
}

/// What is left to write of a file.
struct Rest {
    reports: Reports,
    query: ReportQuery,
    /// Most rows from here on.
    rows: usize,
    /// The page to write next, if it was read already.
    page: Option<Page<ReportRow>>,
    /// Its place among those that are made at once.
    _place: OwnedSemaphorePermit,
}

/// The whole answer, read and sent page by page. The first page is read before anything is sent, so that a ledger that is
/// away is an error like any other; if it goes away later, the answer breaks off.
async fn file(reports: Reports, mut query: ReportQuery, rows: usize) -> Result<HttpResponse, ApiError> {
    let place = reports.begin_file().ok_or_else(|| {
        ApiError::new(ErrorCode::RateLimited, "other files are being made; try again when one has ended")
            .with_retry_after(TRY_AGAIN)
    })?;
    query.limit = rows.min(ROWS_AT_ONCE);
    let page = reports.page(&query).await.map_err(ApiError::from_error)?;
    let header = Bytes::from(csv::header(&query.group_by));
    let rest = Rest { reports, query, rows, page: Some(page), _place: place };
    let lines = stream::try_unfold(Some(rest), |rest| async move {
        match rest {
            None => Ok(None),
            Some(rest) => next_lines(rest).await.map(Some),
        }
    });
    let body = futures::StreamExt::chain(stream::iter([Ok::<_, PortError>(header)]), lines);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8; header=present"))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"usage.csv\""))
        .streaming(Box::pin(futures::TryStreamExt::inspect_err(body, |error| {
            tracing::warn!(error = error.chain(), "a report was cut short");
        }))))
}

async fn next_lines(mut rest: Rest) -> Result<(Bytes, Option<Rest>), PortError> {
    let page = match rest.page.take() {
        Some(page) => page,
        None => rest.reports.page(&rest.query).await?,
    };
    let lines: String = page.items.iter().map(csv::row).collect();
    rest.rows = rest.rows.saturating_sub(page.items.len());
    rest.query.limit = rest.rows.min(ROWS_AT_ONCE);
    rest.query.after = page.items.last().map(|row| row.group.clone());
    let more = page.has_more && rest.rows > 0 && rest.query.after.is_some();
    Ok((Bytes::from(lines), more.then_some(rest)))
}
