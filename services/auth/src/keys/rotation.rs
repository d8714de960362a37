//! Rotation: a new key in the place of an old one, and a time in which both are good.

use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use outcrop_ports::Changed;
use outcrop_types::{ApiKey, Change, KeyId, PresentedKey};
use serde_json::json;

use crate::change_loop::ChangeLoop;
use crate::keys::ceiling::Ceiling;
use crate::keys::changes::check_active;
use crate::keys::minting::KeyTerms;
use crate::keys::terms::MAX_YEAR;
use crate::keys::{audited, id_taken};
use crate::{Acting, AdminError, AuthService};

/// Longest time in which both keys are good.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A key that took another's place. The presented form exists only in this answer.
#[derive(Debug)]
pub struct RotatedKey {
    /// The new key, whole.
    pub presented: PresentedKey,
    /// Its record.
    pub key: ApiKey,
    /// The record of the one it replaces.
    pub replaced: ApiKey,
}

impl AuthService {
    /// Makes a key like this one in all but its secret, and lets this one end after `overlap`, or when it would have
    /// anyway. The new one is good for as long as the old one was made for, but not beyond the credential this is
    /// asked with. A key is rotated once: the next rotation is that of its successor.
    pub async fn rotate_key(
        &self,
        acting: &Acting,
        id: &KeyId,
        overlap: Duration,
    ) -> Result<RotatedKey, AdminError> {
        if overlap > MAX_OVERLAP {
            return Err(too_long());
        }
        let overlap = TimeDelta::from_std(overlap).map_err(|_| too_long())?;
        let mut change = ChangeLoop::new("key", None);
        loop {
            let (old, ceiling) = self.key_to_rotate(acting, id).await?;
            let now = self.ports().clock.now();
            let (presented, next) = self.successor(&old, &ceiling, now);
            let ended = ended(&old, next.id.clone(), now + overlap);
            let mut event = self.event(acting, "key.rotate", &old.id, Some(old.team));
            event.before = Some(audited(&old));
            event.after = Some(json!({ "old": audited(&ended), "new": audited(&next) }));
            let written = self.ports().keys.replace_key(&ended, &next, &self.draft(event)).await;
            match written.map_err(AdminError::store("rotate the key"))? {
                Changed::Done => {
                    tracing::info!(api_key.prefix = next.id.prefix(), team.id = %next.team, replaces = ended.id.prefix(), "API key rotated");
                    self.announce(Change::Key(ended.id.clone())).await;
                    let replaced = ApiKey { revision: ended.revision + 1, ..ended };
                    return Ok(RotatedKey { presented, key: next, replaced });
                }
                Changed::Taken => return Err(id_taken()),
                Changed::Stale | Changed::LastAdmin => change.met_another()?,
            }
        }
    }

    /// The key, if it may be rotated by this caller, and what the new one may at most be: who is shown the new secret
    /// must be allowed all that it is good for.
    async fn key_to_rotate(&self, acting: &Acting, id: &KeyId) -> Result<(ApiKey, Ceiling), AdminError> {
        let key = self.get_key(acting, id).await?;
        acting.check_role(key.role)?;
        if let Some(next) = &key.replaced_by {
            return Err(AdminError::Replaced { by: next.clone() });
        }
        check_active(&key, self.ports().clock.now())?;
        let ceiling = self.ceiling(acting).await?;
        ceiling.holds(&key)?;
        match self.standing_to_give(acting, key.subject, key.team).await {
            Ok(_) => Ok((key, ceiling)),
            Err(AdminError::NotFound { .. }) => {
                let message = "the key's owner may not act for its team any more".to_owned();
                Err(AdminError::State { message })
            }
            Err(error) => Err(error),
        }
    }

    fn successor(&self, old: &ApiKey, ceiling: &Ceiling, now: DateTime<Utc>) -> (PresentedKey, ApiKey) {
        self.mint(KeyTerms {
            name: old.name.clone(),
            limits: old.limits,
            scope: old.scope.clone(),
            tags: old.tags.clone(),
            expires_at: ceiling.earlier(old.expires_at.map(|end| renewed(old, end, now))),
            ..KeyTerms::whole(old.team, old.subject, old.role)
        })
    }
}

/// The end of a key that takes the place of one with this `end`. Where it would be later than any may be, it is the
/// same.
fn renewed(old: &ApiKey, end: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let renewed = now.checked_add_signed(end - old.created_at);
    renewed.filter(|at| at.year() <= MAX_YEAR).unwrap_or(end)
}

/// The old key with its end and its successor.
fn ended(old: &ApiKey, next: KeyId, overlap_ends: DateTime<Utc>) -> ApiKey {
    let end = old.expires_at.map_or(overlap_ends, |end| end.min(overlap_ends));
    ApiKey { expires_at: Some(end), replaced_by: Some(next), ..old.clone() }
}

fn too_long() -> AdminError {
    let most = MAX_OVERLAP.as_secs();
    AdminError::invalid("overlap_s", format!("`overlap_s` must be 0 to {most} seconds"))
}
