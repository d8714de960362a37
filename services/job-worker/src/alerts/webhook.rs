//! The message that tells of an alert.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use outcrop_ports::OutboundRequest;
use outcrop_types::Alert;
use secrecy::{ExposeSecret, SecretString};

use crate::webhooks::signing::{Message, SigningKey};

/// From begin to end; within the lease under which alerts are told.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where alerts are sent, and what signs them.
pub struct Webhook {
    url: SecretString,
    key: SigningKey,
}

impl Webhook {
    /// `None` if the secret is not `whsec_` and 24 to 64 bytes in base64.
    pub(crate) fn new(url: SecretString, secret: &SecretString) -> Option<Self> {
        Some(Self { url, key: SigningKey::parse(secret)? })
    }

    /// The request that tells of an alert.
    pub(super) fn request(&self, alert: &Alert, now: DateTime<Utc>) -> OutboundRequest {
        let message = Message {
            url: self.url.expose_secret(),
            id: &alert.id.to_string(),
            body: Bytes::from(outcrop_wire::alert::event(alert).to_string()),
            timeout: TIMEOUT,
        };
        message.request([&self.key], now)
    }
}

impl fmt::Debug for Webhook {
    /// The address of a webhook is often a secret in itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook(…)")
    }
}
