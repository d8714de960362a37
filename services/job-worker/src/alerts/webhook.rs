//! The webhook's message, as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use outcrop_ports::{OutboundMethod, OutboundRequest};
use outcrop_types::Alert;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// From begin to end; within the lease under which alerts are told.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Nobody reads the answer.
const MOST_ANSWER: usize = 64 * 1024;

/// Where alerts are sent, and what signs them.
pub struct Webhook {
    url: SecretString,
    key: Hmac<Sha256>,
}

impl Webhook {
    /// `None` if the secret is not `whsec_` and 24 to 64 bytes in base64.
    pub(crate) fn new(url: SecretString, secret: &SecretString) -> Option<Self> {
        let secret = STANDARD.decode(secret.expose_secret().strip_prefix("whsec_")?).ok()?;
        if !(24..=64).contains(&secret.len()) {
            return None;
        }
        Some(Self { url, key: Hmac::new_from_slice(&secret).ok()? })
    }

    /// The request that tells of an alert. Its id stays the same however often it is sent, so that the receiver can leave
    /// out what it knows.
    pub(super) fn request(&self, alert: &Alert, now: DateTime<Utc>) -> OutboundRequest {
        let body = Bytes::from(outcrop_wire::alert::event(alert).to_string());
        let (id, timestamp) = (alert.id.to_string(), now.timestamp().to_string());
        let mut mac = self.key.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body] {
            mac.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let header = |name: &str, value: String| (name.to_owned(), value);
        OutboundRequest {
            method: OutboundMethod::Post,
            url: self.url.expose_secret().to_owned(),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("user-agent", concat!("outcrop/", env!("CARGO_PKG_VERSION")).to_owned()),
                header("webhook-id", id),
                header("webhook-timestamp", timestamp),
                header("webhook-signature", signature),
            ],
            body,
            timeout: TIMEOUT,
            max_answer: MOST_ANSWER,
        }
    }
}

impl fmt::Debug for Webhook {
    /// The address of a webhook is often a secret in itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook(…)")
    }
}
