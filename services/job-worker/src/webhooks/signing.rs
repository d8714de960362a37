//! Messages as Standard Webhooks has them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use outcrop_ports::{OutboundMethod, OutboundRequest};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Nobody reads the answer.
const MOST_ANSWER: usize = 64 * 1024;

/// What signs messages.
#[derive(Clone)]
pub(crate) struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Reads `whsec_` and 24 to 64 bytes in base64; `None` if it is not that.
    pub(crate) fn parse(secret: &SecretString) -> Option<Self> {
        let secret = STANDARD.decode(secret.expose_secret().strip_prefix(PREFIX)?).ok()?;
        if !(24..=64).contains(&secret.len()) {
            return None;
        }
        Self::new(&secret)
    }

    /// Takes the bytes themselves.
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    /// Of the id of the message, the time and the body: `v1,` and HMAC-SHA256 in base64.
    fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A secret as its owner is shown it.
pub(crate) fn written(secret: &[u8]) -> SecretString {
    format!("{PREFIX}{}", STANDARD.encode(secret)).into()
}

/// What is told, and where.
pub(crate) struct Message<'a> {
    pub(crate) url: &'a str,
    /// The same however often it is sent, so that the receiver can leave out what it knows.
    pub(crate) id: &'a str,
    pub(crate) body: Bytes,
    /// From begin to end.
    pub(crate) timeout: Duration,
}

impl Message<'_> {
    /// The request, signed by each of these keys: a receiver is content with one of them that it knows.
    pub(crate) fn request<'k>(
        self,
        keys: impl IntoIterator<Item = &'k SigningKey>,
        now: DateTime<Utc>,
    ) -> OutboundRequest {
        let timestamp = now.timestamp().to_string();
        let signatures: Vec<String> =
            keys.into_iter().map(|key| key.signature(self.id, &timestamp, &self.body)).collect();
        let header = |name: &str, value: String| (name.to_owned(), value);
        OutboundRequest {
            method: OutboundMethod::Post,
            url: self.url.to_owned(),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("user-agent", concat!("outcrop/", env!("CARGO_PKG_VERSION")).to_owned()),
                header("webhook-id", self.id.to_owned()),
                header("webhook-timestamp", timestamp),
                header("webhook-signature", signatures.join(" ")),
            ],
            body: self.body,
            timeout: self.timeout,
            max_answer: MOST_ANSWER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the reference libraries are tested with.
    #[test]
    fn signatures_are_those_of_the_reference() {
        let key = SigningKey::parse(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signature =
            key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn other_secrets_are_refused() {
        for secret in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_no base64!"] {
            assert!(SigningKey::parse(&secret.into()).is_none(), "{secret}");
        }
    }
}
