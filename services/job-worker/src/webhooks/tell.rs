//! One try to tell one endpoint.

use std::time::Duration;

use bytes::Bytes;
use outcrop_ports::{ClaimedDelivery, PortError};
use outcrop_telemetry::current::Current;
use outcrop_telemetry::trace::Span;
use outcrop_types::{DeliveryState, WebhookEndpoint};

use super::WebhookError;
use super::signing::Message;
use super::span;
use super::verdict::Tried;
use crate::JobWorker;

impl JobWorker {
    pub(super) async fn tell(&self, claimed: ClaimedDelivery) -> Result<(), PortError> {
        let span = self.delivering(&claimed.delivery).await;
        let current = Current::new(claimed.delivery.id.to_string(), span.context().clone());
        current.scope(self.tell_now(claimed, span)).await
    }

    async fn tell_now(&self, claimed: ClaimedDelivery, span: Span) -> Result<(), PortError> {
        let tried = self.try_to_tell(&claimed).await;
        let ClaimedDelivery { delivery, endpoint, lease } = claimed;
        let mut jitter = [0];
        self.ports.ids.fill(&mut jitter);
        let now = self.moment();
        let told = tried.told(delivery.attempts, jitter[0], now);
        span::end(span, &told);
        if told.state == DeliveryState::Failed {
            let error = told.error.as_deref().unwrap_or_default();
            tracing::warn!(webhook.id = %endpoint.id, delivery.id = %delivery.id, error, "a webhook could not be told, and is not tried again");
        }
        if tried.is_gone() {
            self.disable(&endpoint).await?;
        }
        self.ports.webhooks.delivery_told(delivery.id, lease, &told, now).await.map(drop)
    }

    async fn try_to_tell(&self, claimed: &ClaimedDelivery) -> Tried {
        let ClaimedDelivery { delivery, endpoint, .. } = claimed;
        let now = self.ports.clock.now();
        let Some(keys) = self.signing_keys(endpoint, now) else {
            tracing::error!(webhook.id = %endpoint.id, "the secret of a webhook cannot be read; was `auth.key_secret` changed?");
            return Tried::Untold("its secret cannot be read; rotate it".to_owned());
        };
        let message = Message {
            url: &endpoint.url,
            id: &delivery.event,
            body: Bytes::from(delivery.payload.clone()),
            timeout: self.telling_timeout(),
        };
        self.ports.outbound.send(message.request(&keys, now)).await.into()
    }

    pub(super) fn telling_timeout(&self) -> Duration {
        Duration::from_millis(self.options.webhooks.timeout_ms.max(1))
    }

    /// Tells an endpoint nothing any more, unless it is another by now.
    async fn disable(&self, endpoint: &WebhookEndpoint) -> Result<(), PortError> {
        let disabled = self.change_webhook(endpoint.team, endpoint.id, |is| {
            if is.url == endpoint.url {
                is.enabled = false;
            }
        });
        match disabled.await {
            Err(WebhookError::Port { source }) => Err(source),
            Err(error) => {
                tracing::warn!(webhook.id = %endpoint.id, %error, "a webhook that is gone was not disabled");
                Ok(())
            }
            Ok(_) => {
                tracing::info!(webhook.id = %endpoint.id, team.id = %endpoint.team, "a webhook is gone and was disabled");
                Ok(())
            }
        }
    }
}
