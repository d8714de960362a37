//! Clearing away what is over.

use chrono::Duration;

use crate::AuthService;
use crate::signing::in_chrono;

/// How long a login is kept after its end, so that a reused refresh token is still known for what it is.
const KEEP_SESSIONS: Duration = Duration::hours(24);

/// How long a signing key is kept after its last token ended, for those who look back.
const KEEP_KEYS: Duration = Duration::hours(24);

/// How often one run asks the store for a further bounded number, of logins and of refresh tokens. What is left then
/// waits for the next run.
const ROUNDS: usize = 100;

impl AuthService {
    /// Clears away logins and signing keys that are over. What cannot be cleared now is so the next time.
    pub(crate) async fn maintain(&self) {
        let now = self.ports().clock.now();
        // Of logins, and of refresh tokens of logins that go on.
        let mut records = 0;
        for _ in 0..ROUNDS {
            match self.ports().sessions.prune_sessions(now - KEEP_SESSIONS).await {
                Ok(0) => break,
                Ok(count) => records += count,
                Err(error) => {
                    tracing::warn!(error = error.chain(), "could not clear away old logins");
                    break;
                }
            }
        }
        let unused_since = now - in_chrono(self.options().access_token_ttl) - KEEP_KEYS;
        match self.ports().signing_keys.prune_signing_keys(unused_since).await {
            Ok(keys) => {
                tracing::debug!(records, signing_keys = keys, "old logins and signing keys cleared away")
            }
            Err(error) => tracing::warn!(error = error.chain(), "could not clear away old signing keys"),
        }
    }
}
