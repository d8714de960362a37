//! The answers that clients of the Responses API come back to.
//!
//! A store that is away costs nobody an answer: what cannot be kept is answered all the same, and says that it is not
//! kept. What was to be continued and cannot be read is another matter: that is a failure.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use outcrop_http::ApiError;
use outcrop_ports::{Clock, PortError, ResponseStore};
use outcrop_types::{ErrorCode, ResponseId, StoredResponse, TeamId};
use outcrop_wire::openai::responses::{Answer, Earlier, Needs, Taken, background, kept};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Most bytes of JSON that are kept of one response, all that it answered included.
const MOST_BYTES: usize = 4 << 20;
/// Most bytes of JSON of all the responses that one request takes items of, and most look-ups for them.
const MOST_LOADED_BYTES: usize = 16 << 20;
const MOST_LOOKUPS: usize = 16;
/// Longest wait for the store when an answer is ready.
const KEEP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a store that failed is left alone, so that not every answer waits for it.
const PAUSE: Duration = Duration::from_secs(1);
/// How often expired responses are looked for.
const SWEEP: Duration = Duration::from_secs(60);
/// Most responses removed in one step, and most steps of one sweep.
const SWEPT_AT_ONCE: usize = 200;
const MOST_STEPS: usize = 50;

/// Keeps responses and finds them again.
pub(crate) struct Responses {
    store: Arc<dyn ResponseStore>,
    clock: Arc<dyn Clock>,
    retention: TimeDelta,
    /// Whether the store was away at the last try; only so that each change is logged once.
    away: AtomicBool,
    /// Until when nothing is written to the store: milliseconds of the monotonic clock.
    paused_until: AtomicU64,
}

/// What is needed to keep a response, beside itself.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) team: TeamId,
    /// The request's body.
    pub(crate) body: Bytes,
    pub(crate) earlier: Earlier,
    /// Whether it takes the place of a response that was begun in the background.
    pub(crate) replaces: bool,
}

/// How much may still be loaded for one request.
struct Budget {
    lookups: usize,
    bytes: usize,
}

impl Responses {
    pub(crate) fn new(store: Arc<dyn ResponseStore>, clock: Arc<dyn Clock>, retention_days: u32) -> Self {
        let retention = TimeDelta::days(i64::from(retention_days));
        Self { store, clock, retention, away: AtomicBool::new(false), paused_until: AtomicU64::new(0) }
    }

    /// Whether any response is kept.
    pub(crate) fn keeps(&self) -> bool {
        !self.retention.is_zero()
    }

    /// One of the team's.
    pub(crate) async fn get(&self, team: TeamId, id: &str) -> Result<StoredResponse, ApiError> {
        self.lookup(team, id).await?.ok_or_else(|| not_found(id))
    }

    /// Forgets one of the team's.
    pub(crate) async fn delete(&self, team: TeamId, id: &str) -> Result<ResponseId, ApiError> {
        let Ok(known) = id.parse::<ResponseId>() else { return Err(not_found(id)) };
        let found = self.store.delete_response(team, known).await.map_err(ApiError::from_error)?;
        if found { Ok(known) } else { Err(not_found(id)) }
    }

    /// The one of the team's that a request continues.
    pub(crate) async fn previous(&self, team: TeamId, id: &str) -> Result<StoredResponse, ApiError> {
        self.lookup(team, id).await?.ok_or_else(|| no_previous(id))
    }

    /// The earlier responses that a request needs, with the one that it continues, as that stands now.
    pub(crate) async fn earlier(
        &self,
        team: TeamId,
        needs: Needs,
        previous: Option<StoredResponse>,
    ) -> Result<Earlier, ApiError> {
        if let Some(id) = &needs.previous
            && previous.as_ref().is_none_or(background::is_to_come)
        {
            return Err(not_finished(id));
        }
        let mut earlier = Earlier { previous, ..Earlier::default() };
        if let Some(item) = &needs.unknown {
            return Err(no_items(item));
        }
        earlier.items = self.taken(team, &needs.taken, earlier.previous.as_ref()).await?;
        Ok(earlier)
    }

    /// The items that a request takes of earlier responses, and nothing else of these: one response is in memory at a
    /// time. The latest comes first, for it has answered what was before it.
    async fn taken(
        &self,
        team: TeamId,
        wanted: &[Taken],
        previous: Option<&StoredResponse>,
    ) -> Result<HashMap<String, Value>, ApiError> {
        let mut missing: HashSet<String> = wanted.iter().flat_map(|it| it.items.iter().cloned()).collect();
        if let Some(previous) = previous {
            kept::strike(previous, &mut missing);
        }
        let mut budget = Budget { lookups: MOST_LOOKUPS, bytes: MOST_LOADED_BYTES };
        let mut items = HashMap::new();
        for taken in wanted.iter().rev() {
            let is_previous = previous.is_some_and(|it| it.id == taken.response);
            if is_previous || !taken.items.iter().any(|it| missing.contains(it)) {
                continue;
            }
            match self.load(team, taken, &mut budget).await {
                Ok(found) => items.extend(kept::take(found, &mut missing)),
                Err(error) if taken.required => return Err(error),
                // The thought is left out, and named.
                Err(_) => {}
            }
        }
        Ok(items)
    }

    async fn load(
        &self,
        team: TeamId,
        taken: &Taken,
        budget: &mut Budget,
    ) -> Result<StoredResponse, ApiError> {
        let too_much = || ApiError::from(kept::too_much(taken.at));
        budget.lookups = budget.lookups.checked_sub(1).ok_or_else(too_much)?;
        let found = self.store.lookup_response(team, taken.response, self.clock.now()).await;
        let missing = || no_items(taken.items.first().map_or("", String::as_str));
        let found = found.map_err(ApiError::from_error)?.ok_or_else(missing)?;
        let size = kept::size(&found.response) + kept::size(&found.input);
        budget.bytes = budget.bytes.checked_sub(size).ok_or_else(too_much)?;
        Ok(found)
    }

    /// Keeps a response that is to be made in the background.
    pub(crate) async fn begin(
        &self,
        keeping: &Keeping,
        id: ResponseId,
        object: &Bytes,
    ) -> Result<(), ApiError> {
        let too_long = || {
            let message = "The request and what it continues are too long for `background`.";
            ApiError::new(ErrorCode::InvalidRequest, message).with_param("background")
        };
        let response = self.to_keep(keeping, id, object).ok_or_else(too_long)?;
        self.store.insert_response(&response).await.map_err(ApiError::from_error)
    }

    /// Puts how a response ended in the place of one that is to come; `false` if it is not to come any more.
    pub(crate) async fn replace(&self, response: &StoredResponse) -> Result<bool, ApiError> {
        self.store.replace_response(response).await.map_err(ApiError::from_error)
    }

    /// Keeps an answer, if that can be done; whether it was.
    pub(crate) async fn keep(&self, keeping: &Keeping, answer: &Answer, at: i64) -> bool {
        if self.now_ms() < self.paused_until.load(Ordering::Relaxed) {
            return false;
        }
        let Some(response) = self.to_keep(keeping, answer.id, &answer.kept(at)) else { return false };
        let kept = async {
            if keeping.replaces {
                // One that was deleted or cancelled meanwhile stays so.
                self.store.replace_response(&response).await.map(drop)
            } else {
                self.store.insert_response(&response).await
            }
        };
        match tokio::time::timeout(KEEP_TIMEOUT, kept).await {
            Ok(Ok(())) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("responses are kept again");
                }
                true
            }
            Ok(Err(error)) => self.not_kept(&error),
            Err(elapsed) => self.not_kept(&PortError::unavailable("keep a response", elapsed)),
        }
    }

    fn not_kept(&self, error: &PortError) -> bool {
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        self.paused_until.store(self.now_ms().saturating_add(pause), Ordering::Relaxed);
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::error!(error = error.chain(), "responses are answered and not kept");
        }
        false
    }

    /// What is to be kept; nothing, if it is too much.
    fn to_keep(&self, keeping: &Keeping, id: ResponseId, response: &Bytes) -> Option<StoredResponse> {
        if self.retention.is_zero() {
            return None;
        }
        let refused = |why: &str| {
            tracing::debug!(team.id = %keeping.team, response.id = %id, why, "a response is not kept");
            None
        };
        if keeping.body.len() + response.len() > MOST_BYTES {
            return refused("it is too long");
        }
        let Ok(input) = kept::input(&keeping.body, id, &keeping.earlier) else {
            return refused("its input cannot be read");
        };
        if kept::size(&input) + response.len() > MOST_BYTES {
            return refused("its conversation is too long");
        }
        let Ok(response) = serde_json::from_slice(response) else { return refused("it is no JSON") };
        let created_at = self.clock.now();
        let expires_at = created_at + self.retention;
        Some(StoredResponse { id, team: keeping.team, created_at, expires_at, response, input })
    }

    /// Removes expired responses until told to stop, a bounded number at a time.
    pub(crate) async fn sweep(&self, stop: &CancellationToken) {
        while unless(stop, tokio::time::sleep(SWEEP)).await.is_some() {
            for _ in 0..MOST_STEPS {
                let step = self.store.delete_expired_responses(self.clock.now(), SWEPT_AT_ONCE);
                match unless(stop, step).await {
                    None => return,
                    Some(Ok(0)) => break,
                    Some(Ok(removed)) => tracing::debug!(removed, "expired responses were removed"),
                    Some(Err(error)) => {
                        tracing::warn!(error = error.chain(), "expired responses could not be removed");
                        break;
                    }
                }
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }

    async fn lookup(&self, team: TeamId, id: &str) -> Result<Option<StoredResponse>, ApiError> {
        // What is no id of ours names nothing.
        let Ok(id) = id.parse::<ResponseId>() else { return Ok(None) };
        self.store.lookup_response(team, id, self.clock.now()).await.map_err(ApiError::from_error)
    }
}

async fn unless<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        () = stop.cancelled() => None,
        done = work => Some(done),
    }
}

/// A client's word, as long as an answer may repeat it.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("Response with id '{}' not found.", shown(id)))
}

fn no_previous(id: &str) -> ApiError {
    let message = format!("Previous response with id '{}' not found.", shown(id));
    ApiError::new(ErrorCode::InvalidRequest, message)
        .with_param("previous_response_id")
        .with_reason("previous_response_not_found")
}

fn not_finished(id: &str) -> ApiError {
    let message =
        format!("Previous response with id '{}' is not finished: wait until it is completed.", shown(id));
    ApiError::new(ErrorCode::InvalidRequest, message).with_param("previous_response_id")
}

fn no_items(id: &str) -> ApiError {
    let message = format!(
        "Item with id '{}' not found. Items of responses that are not stored cannot be referred to.",
        shown(id)
    );
    ApiError::new(ErrorCode::NotFound, message).with_param("input")
}

#[cfg(test)]
mod tests;
