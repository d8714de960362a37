//! What a team can look at and have sent again.

use outcrop_ports::DeliveryFilter;
use outcrop_types::{
    DeliveryId, DeliveryState, Page, TeamId, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookId,
};

use super::WebhookError;
use super::error::MAX_TESTS;
use crate::JobWorker;

/// What tells an endpoint nothing but that it is told.
const TEST_EVENT: &str = "webhook.test";

impl JobWorker {
    /// Has an endpoint told an event that says nothing.
    pub(crate) async fn test_webhook(
        &self,
        team: TeamId,
        id: WebhookId,
    ) -> Result<WebhookDelivery, WebhookError> {
        let endpoint = self.enabled(team, id).await?;
        // An endpoint that does not answer is not tested for ever: what the team's work tells it comes after.
        let waiting =
            DeliveryFilter { webhook: id, state: Some(DeliveryState::Pending), name: Some(TEST_EVENT) };
        if self.ports.webhooks.list_deliveries(&waiting, None, MAX_TESTS).await?.items.len() >= MAX_TESTS {
            return Err(WebhookError::TooManyTests);
        }
        let (ids, now) = (&self.ports.ids, self.moment());
        let event = WebhookEvent::new(ids.uuid(), TEST_EVENT.to_owned(), endpoint.id.to_string(), now);
        let delivery = event.delivery(DeliveryId::new(ids.uuid()), id, team);
        if !self.ports.webhooks.insert_delivery(&delivery).await? {
            return Err(WebhookError::NoWebhook);
        }
        Ok(delivery)
    }

    /// What an endpoint was or shall be told, newest first.
    pub(crate) async fn list_deliveries(
        &self,
        team: TeamId,
        filter: DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Page<WebhookDelivery>, WebhookError> {
        self.get_webhook(team, filter.webhook).await?;
        Ok(self.ports.webhooks.list_deliveries(&filter, after, limit).await?)
    }

    /// One of them.
    pub(crate) async fn get_delivery(
        &self,
        team: TeamId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<WebhookDelivery, WebhookError> {
        let found = self.ports.webhooks.lookup_delivery(id).await?;
        let own = found.filter(|it| it.team == team && it.webhook == webhook);
        own.ok_or(WebhookError::NoDelivery)
    }

    /// Has an endpoint told once more, whatever it said before.
    pub(crate) async fn replay_delivery(
        &self,
        team: TeamId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<WebhookDelivery, WebhookError> {
        self.get_delivery(team, webhook, id).await?;
        self.enabled(team, webhook).await?;
        let replayed = self.ports.webhooks.replay_delivery(id, self.moment()).await?;
        replayed.ok_or(WebhookError::NoDelivery)
    }

    async fn enabled(&self, team: TeamId, id: WebhookId) -> Result<WebhookEndpoint, WebhookError> {
        let endpoint = self.get_webhook(team, id).await?;
        if endpoint.enabled { Ok(endpoint) } else { Err(WebhookError::Disabled) }
    }
}
