//! `/v1/webhooks`: the endpoints of a team, and what they were told.

use actix_web::{HttpResponse, routes, web};
use chrono::{DateTime, Utc};
use outcrop_http::{Allowed, ApiError, JsonBytes, permission};
use outcrop_ports::DeliveryFilter;
use outcrop_types::{DeliveryId, DeliveryState, ErrorCode, WebhookDelivery, WebhookEndpoint, WebhookId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::query::{self, Asked};
use crate::JobWorker;
use crate::webhooks::{NewEndpoint, PatchEndpoint, WebhookError};

const USUAL_PAGE: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateWebhook {
    url: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    events: Vec<String>,
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchWebhook {
    url: Option<String>,
    description: Option<String>,
    events: Option<Vec<String>>,
    enabled: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateSecret {
    overlap_s: Option<u64>,
}

#[derive(Debug, Serialize)]
struct WebhookView {
    id: WebhookId,
    object: &'static str,
    url: String,
    description: String,
    /// Empty is all.
    events: Vec<String>,
    enabled: bool,
    /// Until when an old secret signs beside the present one.
    rotating_until: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The only two answers in which the secret is.
#[derive(Serialize)]
struct WithSecret {
    #[serde(flatten)]
    webhook: WebhookView,
    secret: String,
}

#[derive(Debug, Serialize)]
struct DeliveryView {
    id: DeliveryId,
    object: &'static str,
    webhook_id: WebhookId,
    /// What the endpoint is told as `webhook-id`.
    event_id: String,
    #[serde(rename = "type")]
    name: String,
    state: DeliveryState,
    attempts: u32,
    next_attempt_at: Option<DateTime<Utc>>,
    last_status: Option<u16>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    delivered_at: Option<DateTime<Utc>>,
    payload: Box<RawValue>,
}

#[derive(Debug, Serialize)]
struct List<T> {
    object: &'static str,
    data: Vec<T>,
    has_more: bool,
}

/// Adds an endpoint; its secret is in this answer and in no other.
#[routes]
#[post("/v1/webhooks")]
#[post("/api/v1/webhooks")]
pub(super) async fn create(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let CreateWebhook { url, description, events, enabled } = outcrop_wire::json::parse(&body)?;
    let new = NewEndpoint { url, description, events, enabled: enabled.unwrap_or(true) };
    let (endpoint, secret) = worker.create_webhook(&caller.principal, new).await.map_err(refused)?;
    Ok(HttpResponse::Created().json(with_secret(endpoint, &secret)))
}

/// Lists the team's endpoints, oldest first.
#[routes]
#[get("/v1/webhooks")]
#[get("/api/v1/webhooks")]
pub(super) async fn list(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
) -> Result<HttpResponse, ApiError> {
    let endpoints = worker.list_webhooks(caller.principal.team).await.map_err(refused)?;
    let data = endpoints.into_iter().map(WebhookView::from).collect();
    Ok(HttpResponse::Ok().json(List::<WebhookView> { object: "list", data, has_more: false }))
}

/// Shows an endpoint.
#[routes]
#[get("/v1/webhooks/{webhook}")]
#[get("/api/v1/webhooks/{webhook}")]
pub(super) async fn get(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let endpoint = worker.get_webhook(caller.principal.team, webhook_id(&id)?).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(WebhookView::from(endpoint)))
}

/// Changes an endpoint: what is left out stays as it is.
#[routes]
#[patch("/v1/webhooks/{webhook}")]
#[patch("/api/v1/webhooks/{webhook}")]
pub(super) async fn update(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    let PatchWebhook { url, description, events, enabled } = outcrop_wire::json::parse(&body)?;
    let patch = PatchEndpoint { url, description, events, enabled };
    let changed = worker.update_webhook(&caller.principal, webhook_id(&id)?, patch).await;
    Ok(HttpResponse::Ok().json(WebhookView::from(changed.map_err(refused)?)))
}

/// Removes an endpoint, with its deliveries.
#[routes]
#[delete("/v1/webhooks/{webhook}")]
#[delete("/api/v1/webhooks/{webhook}")]
pub(super) async fn delete(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    worker.delete_webhook(&caller.principal, webhook_id(&id)?).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives an endpoint a new secret, which is in this answer and in no other; the old one signs beside it for a while, or for
/// as long as the body says.
#[routes]
#[post("/v1/webhooks/{webhook}/rotate")]
#[post("/api/v1/webhooks/{webhook}/rotate")]
pub(super) async fn rotate(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
    body: JsonBytes,
) -> Result<HttpResponse, ApiError> {
    // As before it could say anything, nothing is sent as well.
    let RotateSecret { overlap_s } =
        if body.is_empty() { RotateSecret::default() } else { outcrop_wire::json::parse(&body)? };
    let rotated = worker.rotate_webhook(&caller.principal, webhook_id(&id)?, overlap_s).await;
    let (endpoint, secret) = rotated.map_err(refused)?;
    Ok(HttpResponse::Ok().json(with_secret(endpoint, &secret)))
}

/// Has an endpoint told `webhook.test`, whatever events it wants.
#[routes]
#[post("/v1/webhooks/{webhook}/test")]
#[post("/api/v1/webhooks/{webhook}/test")]
pub(super) async fn send_test(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let delivery = worker.test_webhook(caller.principal.team, webhook_id(&id)?).await.map_err(refused)?;
    Ok(HttpResponse::Accepted().json(shown(delivery)?))
}

/// Lists what an endpoint was or shall be told, newest first.
#[routes]
#[get("/v1/webhooks/{webhook}/deliveries")]
#[get("/api/v1/webhooks/{webhook}/deliveries")]
pub(super) async fn list_deliveries(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    id: web::Path<String>,
    query: web::Query<query::Pairs>,
) -> Result<HttpResponse, ApiError> {
    let (filter, page) = asked(webhook_id(&id)?, &query)?;
    let page = worker.list_deliveries(caller.principal.team, filter, page.after, page.limit).await;
    let page = page.map_err(refused)?;
    let data = page.items.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(HttpResponse::Ok().json(List { object: "list", data, has_more: page.has_more }))
}

/// Shows one of them.
#[routes]
#[get("/v1/webhooks/{webhook}/deliveries/{delivery}")]
#[get("/api/v1/webhooks/{webhook}/deliveries/{delivery}")]
pub(super) async fn show_delivery(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    ids: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (webhook, id) = delivery_id(&ids)?;
    let delivery = worker.get_delivery(caller.principal.team, webhook, id).await.map_err(refused)?;
    Ok(HttpResponse::Ok().json(shown(delivery)?))
}

/// Has an endpoint told once more.
#[routes]
#[post("/v1/webhooks/{webhook}/deliveries/{delivery}/replay")]
#[post("/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay")]
pub(super) async fn replay(
    caller: Allowed<permission::ManageTeam>,
    worker: web::Data<JobWorker>,
    ids: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (webhook, id) = delivery_id(&ids)?;
    let delivery = worker.replay_delivery(caller.principal.team, webhook, id).await.map_err(refused)?;
    Ok(HttpResponse::Accepted().json(shown(delivery)?))
}

impl From<WebhookEndpoint> for WebhookView {
    fn from(endpoint: WebhookEndpoint) -> Self {
        let rotating_until = endpoint.secrets.iter().filter_map(|secret| secret.until).max();
        let WebhookEndpoint { id, url, description, events, enabled, created_at, updated_at, .. } = endpoint;
        let object = "webhook";
        Self { id, object, url, description, events, enabled, rotating_until, created_at, updated_at }
    }
}

fn with_secret(endpoint: WebhookEndpoint, secret: &SecretString) -> WithSecret {
    WithSecret { webhook: endpoint.into(), secret: secret.expose_secret().to_owned() }
}

fn shown(delivery: WebhookDelivery) -> Result<DeliveryView, ApiError> {
    let payload = RawValue::from_string(delivery.payload).map_err(|error| {
        let mut broken = ApiError::new(ErrorCode::Internal, "the delivery cannot be read");
        broken.source = Some(Box::new(error));
        broken
    })?;
    Ok(DeliveryView {
        id: delivery.id,
        object: "webhook.delivery",
        webhook_id: delivery.webhook,
        event_id: delivery.event,
        name: delivery.name,
        state: delivery.state,
        attempts: delivery.attempts,
        next_attempt_at: delivery.next_at,
        last_status: delivery.last_status,
        last_error: delivery.last_error,
        created_at: delivery.created_at,
        delivered_at: delivery.delivered_at,
        payload,
    })
}

fn asked(webhook: WebhookId, pairs: &query::Pairs) -> Result<(DeliveryFilter, Asked<DeliveryId>), ApiError> {
    let (mut filter, mut page) =
        (DeliveryFilter { webhook, state: None, name: None }, Asked::usual(USUAL_PAGE));
    query::read(pairs, |name, value| {
        if name != "state" {
            return page.take(name, value, "a delivery");
        }
        let words = || query::wrong(name, "`state` must be `pending`, `delivered` or `failed`");
        filter.state = Some(DeliveryState::parse(value).ok_or_else(words)?);
        Ok(())
    })?;
    Ok((filter, page))
}

fn webhook_id(text: &str) -> Result<WebhookId, ApiError> {
    text.parse().map_err(|_| refused(WebhookError::NoWebhook))
}

fn delivery_id((webhook, id): &(String, String)) -> Result<(WebhookId, DeliveryId), ApiError> {
    Ok((webhook_id(webhook)?, id.parse().map_err(|_| refused(WebhookError::NoDelivery))?))
}

fn refused(error: WebhookError) -> ApiError {
    let param = error.param();
    let mut error = ApiError::from_error(error);
    error.param = param.map(str::to_owned);
    error
}
