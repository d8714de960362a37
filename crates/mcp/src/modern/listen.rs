//! `subscriptions/listen`: a stream of what changes (2026-07-28, "Subscriptions").
//!
//! What is watched has tags, and is looked at again and again: nothing is kept for a listener, and any replica will do.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use bytes::Bytes;
use futures::stream;
use outcrop_http::{ApiError, sse};
use outcrop_telemetry::trace::TraceContext;
use outcrop_types::{ErrorCode, Subject, TeamId};
use outcrop_wire::mcp::{MessageId, Params, Request, RpcError, meta, notification_message, read_params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::answer::{KEEP_ALIVE, event, keep_alive, object, result_of};
use crate::operation::{Listening, Operation, apart};
use crate::server::Inner;
use crate::{Caller, Halt, Watched};

/// When whoever has too many streams may look again: a stream that was closed is soon noticed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often what is watched is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a stream lives at most. Then it ends in order, and the client comes again: whoever may no longer listen finds out.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How long the last word waits for a client that reads nothing.
const STALL: Duration = Duration::from_secs(5);

/// Who listens in this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listeners(Arc<Mutex<HashMap<(Subject, TeamId), usize>>>);

/// What a client wants to hear of, and what of it it will.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    resources_list_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_subscriptions: Vec<String>,
}

#[derive(Deserialize)]
struct Wanted {
    notifications: Filter,
}

/// Opens a stream.
pub(super) async fn open(
    server: &Arc<Inner>,
    mut caller: Caller,
    request: Request,
    operation: &Operation,
) -> Result<HttpResponse, Halt> {
    let Wanted { mut notifications } = read_params(request.params)?;
    let mut seen = HashSet::new();
    notifications.resource_subscriptions.retain(|uri| seen.insert(uri.clone()));
    let most = server.options.max_subscriptions;
    if notifications.resource_subscriptions.len() > most {
        let param = "params.notifications.resourceSubscriptions";
        return Err(RpcError::invalid_params(param, format!("at most {most} resources are told of")).into());
    }
    let place = server.listeners.enter(&caller, server.options.max_listeners_of_one)?;
    // What is known before the client hears that it listens is what every change is measured by.
    let mut tags = Vec::new();
    for watched in notifications.watched() {
        if let Some(tag) = server.catalog.watch(&caller, &watched).await? {
            tags.push((watched, tag));
        }
    }
    let acknowledged = json!({ "notifications": Filter::of(&tags) });
    let first = note(&request.id, "notifications/subscriptions/acknowledged", acknowledged);
    // Listening takes as long as the client likes: what is told of the request is how long it took to begin.
    operation.answered(&Params::new());
    caller.context.trace = TraceContext::none();
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let listener = Listener {
        server: Arc::clone(server),
        caller,
        id: request.id,
        tags,
        look,
        quiet_since: Instant::now(),
        until: Instant::now() + LIFE,
        is_over: false,
        _place: place,
    };
    let (pieces, said) = mpsc::channel(1);
    let asker = listener.caller.clone();
    let work = AbortOnDropHandle::new(tokio::spawn(apart(&asker, listener.run(pieces))));
    let rest = stream::unfold((said, work), |(mut said, work)| async move {
        said.recv().await.map(|piece| (piece, (said, work)))
    });
    let first = stream::once(std::future::ready(first));
    Ok(sse::respond(futures::StreamExt::chain(first, rest)))
}

/// One stream.
struct Listener {
    server: Arc<Inner>,
    caller: Caller,
    id: MessageId,
    /// What is watched, and how it was last.
    tags: Vec<(Watched, String)>,
    look: Interval,
    quiet_since: Instant,
    until: Instant,
    is_over: bool,
    _place: Place,
}

impl Listener {
    /// Says what there is to say, in a task of its own: a client that holds its stream and reads nothing has it no longer than
    /// others, and the place of it.
    async fn run(mut self, pieces: mpsc::Sender<Bytes>) {
        let until = self.until + STALL;
        while let Some(piece) = self.next().await {
            if !matches!(timeout_at(until, pieces.send(piece)).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// What is to be sent next; `None` after the end.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.is_over {
            let stopping = self.server.stopping.clone();
            tokio::select! {
                biased;
                () = stopping.cancelled() => return Some(self.end()),
                _ = self.look.tick() => {}
            }
            if Instant::now() >= self.until {
                return Some(self.end());
            }
            let news = self.news().await;
            if !news.is_empty() {
                self.quiet_since = Instant::now();
                return Some(news);
            }
            if self.quiet_since.elapsed() >= KEEP_ALIVE {
                self.quiet_since = Instant::now();
                return Some(keep_alive());
            }
        }
        None
    }

    /// The notes of all that has changed.
    async fn news(&mut self) -> Bytes {
        let mut notes = Vec::new();
        for (watched, last) in &mut self.tags {
            let tag = match self.server.catalog.watch(&self.caller, watched).await {
                Ok(Some(tag)) => tag,
                // It is gone; whoever reads it hears so.
                Ok(None) => String::new(),
                // Not known now: the next look will tell.
                Err(_) => continue,
            };
            if tag != *last {
                *last = tag;
                let (method, params) = change(watched);
                notes.extend_from_slice(&note(&self.id, method, params));
            }
        }
        notes.into()
    }

    /// The answer to the request: this stream ends in order.
    fn end(&mut self) -> Bytes {
        self.is_over = true;
        let about = json!({ "_meta": { meta::SUBSCRIPTION_ID: self.id } });
        event(&result_of(&self.id, object(about)))
    }
}

impl Filter {
    fn watched(&self) -> Vec<Watched> {
        let lists = [
            (self.tools_list_changed, Watched::Tools),
            (self.prompts_list_changed, Watched::Prompts),
            (self.resources_list_changed, Watched::Resources),
        ];
        let lists = lists.into_iter().filter(|(wanted, _)| *wanted).map(|(_, list)| list);
        lists.chain(self.resource_subscriptions.iter().cloned().map(Watched::Resource)).collect()
    }

    /// What of it is told of.
    fn of(tags: &[(Watched, String)]) -> Self {
        let mut filter = Self::default();
        for (watched, _) in tags {
            match watched {
                Watched::Tools => filter.tools_list_changed = true,
                Watched::Prompts => filter.prompts_list_changed = true,
                Watched::Resources => filter.resources_list_changed = true,
                Watched::Resource(uri) => filter.resource_subscriptions.push(uri.clone()),
            }
        }
        filter
    }
}

impl Listeners {
    /// One more of the caller's.
    fn enter(&self, caller: &Caller, most: usize) -> Result<Place, Halt> {
        let who = (caller.principal.subject, caller.principal.team);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(who).or_default();
        if *count >= most {
            let message = format!("at most {most} streams listen at once; close one, or use it for more");
            let error = ApiError::new(ErrorCode::RateLimited, message).with_retry_after(RETRY_AFTER);
            return Err(Halt::from(error));
        }
        *count += 1;
        Ok(Place { all: self.clone(), who, _listening: Listening::begin() })
    }
}

/// A place among those who listen.
struct Place {
    all: Listeners,
    who: (Subject, TeamId),
    _listening: Listening,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.who);
            }
        }
    }
}

/// How a change is told.
fn change(watched: &Watched) -> (&'static str, Value) {
    match watched {
        Watched::Tools => ("notifications/tools/list_changed", json!({})),
        Watched::Prompts => ("notifications/prompts/list_changed", json!({})),
        Watched::Resources => ("notifications/resources/list_changed", json!({})),
        Watched::Resource(uri) => ("notifications/resources/updated", json!({ "uri": uri })),
    }
}

/// The event of a note. Each says on which stream it is.
fn note(id: &MessageId, method: &str, mut params: Value) -> Bytes {
    params["_meta"] = json!({ meta::SUBSCRIPTION_ID: id });
    event(&notification_message(method, &params))
}
