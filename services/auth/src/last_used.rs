//! When keys were last used, kept in memory and written now and then.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use outcrop_types::KeyId;

use crate::AuthService;

/// Most keys remembered between two writes; uses of further ones are not noted.
const MAX_KEYS: usize = 100_000;

/// Uses that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct LastUsed(Mutex<HashMap<KeyId, DateTime<Utc>>>);

impl LastUsed {
    /// Notes a use; only in memory.
    pub(crate) fn note(&self, key: &KeyId, now: DateTime<Utc>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = noted.get_mut(key) {
            *at = now.max(*at);
        } else if noted.len() < MAX_KEYS {
            noted.insert(key.clone(), now);
        }
    }

    fn take(&self) -> Vec<(KeyId, DateTime<Utc>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

impl AuthService {
    /// Writes the uses noted so far. What cannot be written now is kept for the next time.
    pub(crate) async fn write_last_used(&self) {
        let used = self.last_used().take();
        if used.is_empty() {
            return;
        }
        if let Err(error) = self.ports().keys.touch_keys(&used).await {
            tracing::warn!(error = error.chain(), "could not write when keys were last used");
            for (key, at) in used {
                self.last_used().note(&key, at);
            }
        }
    }
}
