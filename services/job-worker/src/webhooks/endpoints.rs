//! What a team does with its endpoints. Each change is in the log of this service; the audit log is the auth service's.

use std::time::Duration;

use chrono::TimeDelta;
use outcrop_types::{Principal, TeamId, WEBHOOK_EVENTS, WebhookEndpoint, WebhookId};
use secrecy::SecretString;

use super::WebhookError;
use super::error::{MAX_DESCRIPTION, MAX_OVERLAP_S};
use super::secrets::rotated;
use crate::JobWorker;

/// How often a change is tried that others are in the way of.
const TRIES: usize = 5;

/// What an endpoint shall be.
#[derive(Debug, Clone)]
pub(crate) struct NewEndpoint {
    pub(crate) url: String,
    pub(crate) description: String,
    /// Empty is all.
    pub(crate) events: Vec<String>,
    pub(crate) enabled: bool,
}

/// What of an endpoint shall change.
#[derive(Debug, Clone, Default)]
pub(crate) struct PatchEndpoint {
    pub(crate) url: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) enabled: Option<bool>,
}

impl JobWorker {
    /// Adds an endpoint; gives its secret, which is never shown again.
    pub(crate) async fn create_webhook(
        &self,
        caller: &Principal,
        new: NewEndpoint,
    ) -> Result<(WebhookEndpoint, SecretString), WebhookError> {
        let most = self.options.webhooks.max_per_team;
        if most == 0 {
            return Err(WebhookError::Off);
        }
        self.check_url(&new.url)?;
        check_description(&new.description)?;
        let events = checked_events(&new.events)?;
        let (id, now) = (WebhookId::new(self.ports.ids.uuid()), self.moment());
        let (shown, sealed) = self.new_secret(id)?;
        let endpoint = WebhookEndpoint {
            id,
            team: caller.team,
            url: new.url,
            description: new.description,
            events,
            enabled: new.enabled,
            secrets: vec![sealed],
            created_at: now,
            updated_at: now,
        };
        if !self.ports.webhooks.insert_webhook(&endpoint, most).await? {
            return Err(WebhookError::TooMany { most });
        }
        tracing::info!(webhook.id = %id, team.id = %caller.team, actor = %caller.subject, "a webhook was created");
        Ok((endpoint, shown))
    }

    /// The endpoints of a team, oldest first.
    pub(crate) async fn list_webhooks(&self, team: TeamId) -> Result<Vec<WebhookEndpoint>, WebhookError> {
        Ok(self.ports.webhooks.list_webhooks(team).await?)
    }

    /// An endpoint of a team.
    pub(crate) async fn get_webhook(
        &self,
        team: TeamId,
        id: WebhookId,
    ) -> Result<WebhookEndpoint, WebhookError> {
        let found = self.ports.webhooks.lookup_webhook(id).await?;
        found.filter(|endpoint| endpoint.team == team).ok_or(WebhookError::NoWebhook)
    }

    /// Changes an endpoint.
    pub(crate) async fn update_webhook(
        &self,
        caller: &Principal,
        id: WebhookId,
        patch: PatchEndpoint,
    ) -> Result<WebhookEndpoint, WebhookError> {
        patch.url.as_deref().map_or(Ok(()), |url| self.check_url(url))?;
        patch.description.as_deref().map_or(Ok(()), check_description)?;
        let events = patch.events.as_deref().map(checked_events).transpose()?;
        let changed = self
            .change_webhook(caller.team, id, |endpoint| {
                let is = endpoint.clone();
                endpoint.url = patch.url.clone().unwrap_or(is.url);
                endpoint.description = patch.description.clone().unwrap_or(is.description);
                endpoint.events = events.clone().unwrap_or(is.events);
                endpoint.enabled = patch.enabled.unwrap_or(is.enabled);
            })
            .await?;
        tracing::info!(webhook.id = %id, team.id = %caller.team, actor = %caller.subject, "a webhook was changed");
        Ok(changed)
    }

    /// Gives an endpoint a new secret, which is never shown again; the old one signs beside it for as long as asked for, or
    /// as is usual. None at all is for a secret that leaked.
    pub(crate) async fn rotate_webhook(
        &self,
        caller: &Principal,
        id: WebhookId,
        overlap_s: Option<u64>,
    ) -> Result<(WebhookEndpoint, SecretString), WebhookError> {
        if overlap_s.is_some_and(|seconds| seconds > MAX_OVERLAP_S) {
            return Err(WebhookError::Overlap);
        }
        let (shown, sealed) = self.new_secret(id)?;
        let now = self.moment();
        let overlap = Duration::from_secs(overlap_s.unwrap_or(self.options.webhooks.rotation_s));
        let changed = self
            .change_webhook(caller.team, id, |endpoint| {
                endpoint.secrets = rotated(&endpoint.secrets, sealed.clone(), now, overlap);
            })
            .await?;
        tracing::info!(webhook.id = %id, team.id = %caller.team, actor = %caller.subject, "a webhook got a new secret");
        Ok((changed, shown))
    }

    /// Removes an endpoint with its deliveries.
    pub(crate) async fn delete_webhook(&self, caller: &Principal, id: WebhookId) -> Result<(), WebhookError> {
        self.get_webhook(caller.team, id).await?;
        if !self.ports.webhooks.remove_webhook(id).await? {
            return Err(WebhookError::NoWebhook);
        }
        tracing::info!(webhook.id = %id, team.id = %caller.team, actor = %caller.subject, "a webhook was removed");
        Ok(())
    }

    /// Changes an endpoint as it is when it is changed, whatever others do to it at the same time.
    pub(super) async fn change_webhook(
        &self,
        team: TeamId,
        id: WebhookId,
        change: impl Fn(&mut WebhookEndpoint),
    ) -> Result<WebhookEndpoint, WebhookError> {
        for _ in 0..TRIES {
            let before = self.get_webhook(team, id).await?;
            let mut after = before.clone();
            change(&mut after);
            // Never the same time twice: it tells one version from the next.
            after.updated_at = self.moment().max(before.updated_at + TimeDelta::microseconds(1));
            if self.ports.webhooks.update_webhook(&after, before.updated_at).await? {
                return Ok(after);
            }
        }
        Err(WebhookError::Changed)
    }

    fn check_url(&self, url: &str) -> Result<(), WebhookError> {
        self.ports.outbound.refuses(url).map_or(Ok(()), |wrong| Err(WebhookError::Url { wrong }))
    }
}

fn check_description(description: &str) -> Result<(), WebhookError> {
    if description.chars().count() > MAX_DESCRIPTION || description.chars().any(char::is_control) {
        return Err(WebhookError::Description);
    }
    Ok(())
}

/// Names that there are, each once.
fn checked_events(names: &[String]) -> Result<Vec<String>, WebhookError> {
    if let Some(name) = names.iter().find(|name| !WEBHOOK_EVENTS.contains(&name.as_str())) {
        return Err(WebhookError::Event { name: name.chars().take(64).collect() });
    }
    let known = WEBHOOK_EVENTS.iter().filter(|event| names.iter().any(|name| name == *event));
    Ok(known.map(|event| (*event).to_owned()).collect())
}
