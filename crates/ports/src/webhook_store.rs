//! Where endpoints and what is told them are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use outcrop_types::{
    DeliveryId, DeliveryState, LeaseToken, Page, TeamId, WebhookDelivery, WebhookEndpoint, WebhookId,
};

use crate::{IdGen, PortError};

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To whom.
    pub webhook: WebhookId,
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
    /// Only those of this event, e.g. `webhook.test`.
    pub name: Option<&'static str>,
}

/// How deliveries are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryTerms {
    /// Now.
    pub now: DateTime<Utc>,
    /// Until when a claim holds.
    pub lease_until: DateTime<Utc>,
    /// Most that are taken.
    pub limit: usize,
    /// Most of one endpoint that are under way at once, over all workers.
    pub most_per_endpoint: usize,
}

/// A delivery to try, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// What to tell. This try is not among its attempts yet.
    pub delivery: WebhookDelivery,
    /// Whom.
    pub endpoint: WebhookEndpoint,
    /// What shows later that the claim still holds.
    pub lease: LeaseToken,
}

/// How a try to tell ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Delivered; pending with the time of the next try; or failed for good.
    pub state: DeliveryState,
    /// When it is tried next.
    pub next_at: Option<DateTime<Utc>>,
    /// The status of the answer.
    pub status: Option<u16>,
    /// What was wrong.
    pub error: Option<String>,
}

/// Records of endpoints and deliveries.
#[async_trait]
pub trait WebhookStore: Send + Sync + 'static {
    /// Adds an endpoint, unless the team has `most` already; whether it did.
    async fn insert_webhook(&self, endpoint: &WebhookEndpoint, most: usize) -> Result<bool, PortError>;

    /// The endpoint with this id.
    async fn lookup_webhook(&self, id: WebhookId) -> Result<Option<WebhookEndpoint>, PortError>;

    /// A team's endpoints, oldest first; there are few.
    async fn list_webhooks(&self, team: TeamId) -> Result<Vec<WebhookEndpoint>, PortError>;

    /// Puts an endpoint in the place of itself as it was at `unchanged_since`; `false` if it changed meanwhile or is gone.
    async fn update_webhook(
        &self,
        endpoint: &WebhookEndpoint,
        unchanged_since: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// Removes an endpoint with its deliveries; whether it was there.
    async fn remove_webhook(&self, id: WebhookId) -> Result<bool, PortError>;

    /// Makes deliveries of events of jobs that nobody was told of yet (those that end something: see
    /// [`JobStore`](crate::JobStore)), one for each endpoint of the team that wants them; how many events were looked at. An event is
    /// looked at once, whoever asks at the same time. The payload is `{"id":"evt_…","object":"event","created_at":…,
    /// "type":"batch.completed","data":{"id":"batch_…"}}`, as OpenAI's webhooks have it.
    async fn fan_out_events(
        &self,
        ids: &dyn IdGen,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<usize, PortError>;

    /// Adds a delivery of its own, unless its endpoint is gone; whether it did.
    async fn insert_delivery(&self, delivery: &WebhookDelivery) -> Result<bool, PortError>;

    /// Takes deliveries that are due at endpoints that are enabled, and keeps them from others while the lease holds. Those of
    /// endpoints that have the fewest under way go first, then the older: one that takes its time, or never answers,
    /// holds nobody else up, however much there is for it.
    async fn claim_deliveries(&self, terms: DeliveryTerms) -> Result<Vec<ClaimedDelivery>, PortError>;

    /// Notes how a try ended, which is one attempt more; `false` (and nothing changed) if another has it meanwhile.
    async fn delivery_told(
        &self,
        id: DeliveryId,
        lease: LeaseToken,
        told: &Told,
        now: DateTime<Utc>,
    ) -> Result<bool, PortError>;

    /// The delivery with this id.
    async fn lookup_delivery(&self, id: DeliveryId) -> Result<Option<WebhookDelivery>, PortError>;

    /// Deliveries, newest first. `after` is the last id of the page before.
    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page<WebhookDelivery>, PortError>;

    /// Makes a delivery due once more, as if it had never been tried; `None` if there is none. One that is under way stays so,
    /// and ends as it does.
    async fn replay_delivery(
        &self,
        id: DeliveryId,
        now: DateTime<Utc>,
    ) -> Result<Option<WebhookDelivery>, PortError>;

    /// Removes deliveries of events before this that ended, or whose endpoint is disabled or gone; how many.
    async fn forget_deliveries(&self, before: DateTime<Utc>, limit: usize) -> Result<usize, PortError>;
}
