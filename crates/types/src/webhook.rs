//! Endpoints that are told of a team's work, and what was told them.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{DeliveryId, TeamId, WebhookId};

/// The names of events that endpoints are told of: where work came to its end. Those of batches and responses are OpenAI's
/// (<https://platform.openai.com/docs/api-reference/webhook-events>).
pub const WEBHOOK_EVENTS: [&str; 11] = [
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.expired",
    "batch.completed",
    "batch.failed",
    "batch.cancelled",
    "batch.expired",
    "response.completed",
    "response.failed",
    "response.cancelled",
];

/// A secret that signs, encrypted.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// As `token::Sealer` made it.
    pub sealed: Vec<u8>,
    /// Until when it signs beside its successor; without an end it is the present one.
    pub until: Option<DateTime<Utc>>,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret").field("until", &self.until).finish_non_exhaustive()
    }
}

/// An endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookId,
    /// Whose work it is told of.
    pub team: TeamId,
    /// Where it is; often a secret in itself.
    pub url: String,
    /// What its owner says of it.
    pub description: String,
    /// The names of the events it wants; empty is all.
    pub events: Vec<String>,
    /// Whether it is told anything.
    pub enabled: bool,
    /// What signs: the present secret first, then those that still sign beside it.
    pub secrets: Vec<SealedSecret>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl fmt::Debug for WebhookEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEndpoint")
            .field("id", &self.id)
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

/// How telling an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be told, now or later.
    Pending,
    /// The endpoint answered that it knows.
    Delivered,
    /// Given up.
    Failed,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// What endpoints are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its id: `evt_…`.
    pub id: String,
    /// Its name, such as `batch.completed`.
    pub name: String,
    /// What it is about, by its id.
    pub subject: String,
    /// When it was.
    pub at: DateTime<Utc>,
}

impl WebhookEvent {
    /// An event under an id made of this UUID.
    #[must_use]
    pub fn new(uuid: Uuid, name: String, subject: String, at: DateTime<Utc>) -> Self {
        Self { id: format!("evt_{}", uuid.as_simple()), name, subject, at }
    }

    /// What is to be told an endpoint of it, at once. The body is as OpenAI's webhooks have it: which event, and of what,
    /// which can be asked for (<https://platform.openai.com/docs/api-reference/webhook-events>).
    #[must_use]
    pub fn delivery(&self, id: DeliveryId, webhook: WebhookId, team: TeamId) -> WebhookDelivery {
        let payload = json!({
            "id": self.id,
            "object": "event",
            "created_at": self.at.timestamp(),
            "type": self.name,
            "data": { "id": self.subject },
        });
        WebhookDelivery {
            id,
            webhook,
            team,
            event: self.id.clone(),
            name: self.name.clone(),
            payload: payload.to_string(),
            state: DeliveryState::Pending,
            attempts: 0,
            next_at: Some(self.at),
            last_status: None,
            last_error: None,
            created_at: self.at,
            delivered_at: None,
        }
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// Whose work.
    pub team: TeamId,
    /// The event's id, the same for all endpoints and all tries: `webhook-id`.
    pub event: String,
    /// Its name, such as `batch.completed`.
    pub name: String,
    /// The body as it is sent.
    pub payload: String,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<u16>,
    /// What was wrong the last time.
    pub last_error: Option<String>,
    /// When the event was.
    pub created_at: DateTime<Utc>,
    /// When the endpoint took it.
    pub delivered_at: Option<DateTime<Utc>>,
}
