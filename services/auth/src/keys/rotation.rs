//! Rotation: a new key in the place of an old one, and a time in which both are good.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use outcrop_ports::{Changed, KeyFilter, PolicyFilter};
use outcrop_types::{ApiKey, Change, KeyId, PresentedKey};
use serde_json::json;

use crate::change_loop::ChangeLoop;
use crate::keys::ceiling::Ceiling;
use crate::keys::changes::check_active;
use crate::keys::minting::KeyTerms;
use crate::keys::terms::MAX_YEAR;
use crate::keys::{audited, id_taken};
use crate::{Acting, AdminError, AuthService, policies};

/// Longest time in which both keys are good.
const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How far back ended keys of a chain are looked for whose policies are still there: each rotation looks.
const MOST_LOOKED_BACK: usize = 32;
/// How many of an owner's keys are looked at for that, and how many at once.
const MOST_PAGES: usize = 20;
const PAGE: usize = 200;

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
            let policies = self.policies_passed_on(&old.id, &next).await?;
            let mut event = self.event(acting, "key.rotate", &old.id, Some(old.team));
            event.before = Some(audited(&old));
            let ids: Vec<_> = policies.iter().map(|policy| policy.id).collect();
            event.after = Some(json!({ "old": audited(&ended), "new": audited(&next), "policies": ids }));
            let draft = self.draft(event);
            let written = self.ports().keys.replace_key(&ended, &next, &policies, &draft).await;
            match written.map_err(AdminError::store("rotate the key"))? {
                Changed::Done => {
                    tracing::info!(api_key.prefix = next.id.prefix(), team.id = %next.team, replaces = ended.id.prefix(), "API key rotated");
                    self.announce(Change::Key(ended.id.clone())).await;
                    if !policies.is_empty() {
                        self.announce(Change::Policies).await;
                    }
                    if let Err(error) = self.remove_policies_before(acting, &ended, now).await {
                        tracing::warn!(%error, "policies of ended keys stay until the next rotation");
                    }
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

    /// Removes what was for the keys before this one in its chain that have ended: their successors took it along.
    async fn remove_policies_before(
        &self,
        acting: &Acting,
        key: &ApiKey,
        now: DateTime<Utc>,
    ) -> Result<(), AdminError> {
        let mut before = self.keys_by_successor(key).await?;
        let (mut heir, mut removed) = (key.id.clone(), false);
        for _ in 0..MOST_LOOKED_BACK {
            let Some(old) = before.remove(&heir) else { break };
            heir = old.id.clone();
            if old.expires_at.is_none_or(|end| end > now) {
                continue;
            }
            let filter = PolicyFilter { key: Some(old.id), ..PolicyFilter::default() };
            let found = self.ports().policies.list_policies(&filter, None, PAGE).await;
            for policy in found.map_err(AdminError::store("look up the policies of an ended key"))?.items {
                let mut event = self.event(acting, "policy.delete", policy.id, policy.target.team());
                event.before = Some(policies::audited(&policy));
                let done = self.ports().policies.delete_policy(&policy, &self.draft(event)).await;
                removed |=
                    done.map_err(AdminError::store("remove a policy of an ended key"))? == Changed::Done;
            }
        }
        if removed {
            self.announce(Change::Policies).await;
        }
        Ok(())
    }

    /// The keys of the same owner and team that were replaced, by what took their places.
    async fn keys_by_successor(&self, of: &ApiKey) -> Result<HashMap<KeyId, ApiKey>, AdminError> {
        let filter = KeyFilter { team: Some(of.team), subject: Some(of.subject), ..KeyFilter::default() };
        let (mut replaced, mut after) = (HashMap::new(), None);
        for _ in 0..MOST_PAGES {
            let page = self.ports().keys.list_keys(&filter, after.as_ref(), PAGE).await;
            let page = page.map_err(AdminError::store("look up the keys of the owner"))?;
            after = page.items.last().map(|key| key.id.clone());
            let with_successor = |key: ApiKey| Some((key.replaced_by.clone()?, key));
            replaced.extend(page.items.into_iter().filter_map(with_successor));
            if !page.has_more {
                break;
            }
        }
        Ok(replaced)
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
