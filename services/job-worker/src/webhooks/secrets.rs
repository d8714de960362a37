//! Secrets of endpoints: made here, kept encrypted, shown once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outcrop_types::{SealedSecret, WebhookEndpoint, WebhookId};
use secrecy::SecretString;

use super::WebhookError;
use super::signing::{SigningKey, written};
use crate::JobWorker;

/// Most secrets that sign at once: with more rotations within the overlap, the oldest sign no more.
const MOST: usize = 4;

impl JobWorker {
    /// A new secret: as it is shown, and as it is kept.
    pub(super) fn new_secret(&self, id: WebhookId) -> Result<(SecretString, SealedSecret), WebhookError> {
        let (mut secret, mut nonce) = ([0; 32], [0; 12]);
        self.ports.ids.fill(&mut secret);
        self.ports.ids.fill(&mut nonce);
        let sealed = self.ports.sealer.seal(nonce, &secret, id.to_string().as_bytes());
        let sealed = sealed.map_err(|source| WebhookError::Seal { source })?;
        Ok((written(&secret), SealedSecret { sealed, until: None }))
    }

    /// What signs for an endpoint now; `None` if not all of it can be read.
    pub(super) fn signing_keys(
        &self,
        endpoint: &WebhookEndpoint,
        now: DateTime<Utc>,
    ) -> Option<Vec<SigningKey>> {
        let aad = endpoint.id.to_string();
        let signing = endpoint.secrets.iter().filter(|secret| signs(secret, now));
        let opened = signing.map(|secret| {
            let opened = self.ports.sealer.open(&secret.sealed, aad.as_bytes()).ok()?;
            SigningKey::new(&opened)
        });
        opened.collect::<Option<Vec<_>>>().filter(|keys| !keys.is_empty())
    }
}

/// The secrets of an endpoint with a new one before them; what was present signs for this much longer.
pub(super) fn rotated(
    secrets: &[SealedSecret],
    new: SealedSecret,
    now: DateTime<Utc>,
    overlap: Duration,
) -> Vec<SealedSecret> {
    let overlap = chrono::Duration::from_std(overlap).unwrap_or(chrono::Duration::MAX);
    let until = now.checked_add_signed(overlap).unwrap_or(DateTime::<Utc>::MAX_UTC);
    let old = secrets.iter().map(|secret| SealedSecret {
        sealed: secret.sealed.clone(),
        until: Some(secret.until.map_or(until, |before| before.min(until))),
    });
    let still = old.filter(|secret| signs(secret, now));
    std::iter::once(new).chain(still).take(MOST).collect()
}

fn signs(secret: &SealedSecret, now: DateTime<Utc>) -> bool {
    secret.until.is_none_or(|until| now < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8, until: Option<i64>) -> SealedSecret {
        SealedSecret { sealed: vec![byte], until: until.map(at) }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_secret_signs_beside_its_successor_until_the_overlap_is_over() {
        let first = rotated(&[secret(1, None)], secret(2, None), at(100), Duration::from_secs(50));
        assert_eq!(first, [secret(2, None), secret(1, Some(150))]);
        let second = rotated(&first, secret(3, None), at(120), Duration::from_secs(50));
        assert_eq!(second, [secret(3, None), secret(2, Some(170)), secret(1, Some(150))]);
        let third = rotated(&second, secret(4, None), at(160), Duration::ZERO);
        assert_eq!(third, [secret(4, None)], "without an overlap the others end at once");
    }

    #[test]
    fn there_are_never_many() {
        let mut secrets = vec![secret(0, None)];
        for number in 1..=9 {
            secrets = rotated(&secrets, secret(number, None), at(0), Duration::from_secs(50));
        }
        assert_eq!(secrets.iter().map(|it| it.sealed[0]).collect::<Vec<_>>(), [9, 8, 7, 6]);
    }
}
