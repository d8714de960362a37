//! Streams that a client opens itself: for news, or for the rest of one that was cut.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderMap, HeaderName};
use bytes::Bytes;
use outcrop_http::{ApiError, sse};
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{RpcError, Version, code};

use super::event::{About, Event, EventId};
use super::follow::Follower;
use super::news::Listener;
use super::session::{self, Session};
use super::{accept, store_error, turn_away};
use crate::Caller;
use crate::halt::refusal;
use crate::server::Inner;

/// The event after which a stream is to go on (WHATWG HTML, section 9.2).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Opens a stream for news, or takes up one that was cut.
pub(crate) async fn get(
    server: &Arc<Inner>,
    caller: Caller,
    headers: &HeaderMap,
    version: Option<Version>,
) -> HttpResponse {
    match open(server, caller, headers, version).await {
        Ok(answer) => answer,
        Err(error) => turn_away(None, &error),
    }
}

async fn open(
    server: &Arc<Inner>,
    caller: Caller,
    headers: &HeaderMap,
    version: Option<Version>,
) -> Result<HttpResponse, RpcError> {
    accept::events(headers)?;
    let session = session::find(server, &caller, headers, version).await?;
    let Some(last) = headers.get(LAST_EVENT_ID) else {
        return listen(server, caller, session, None).await;
    };
    let last = last.to_str().ok().and_then(|it| it.parse::<EventId>().ok());
    let last = last.ok_or_else(|| wrong("`last-event-id` is no id of an event of this server"))?;
    match about(server, &session, last).await? {
        About::News(_) => listen(server, caller, session, Some(last)).await,
        About::Answers(_) | About::AnswersAll(_) => {
            let presence = server.live.session(session.key, &session.owner);
            let place = presence.follow(last.stream);
            let place = place.ok_or_else(|| too_many("there are too many streams open"))?;
            presence.take_over(last.stream);
            let follower = Follower::new(server, presence, place, last, session.state.version);
            Ok(sse::respond(futures::stream::unfold(follower, async |mut it| Some((it.next().await?, it)))))
        }
    }
}

/// What the stream is about that a client comes back for.
async fn about(server: &Inner, session: &Session, last: EventId) -> Result<About, RpcError> {
    let page = server.ports.sessions.read(&session.key, last.stream, last.number - 1, 1).await;
    let page = page.map_err(store_error)?;
    let event = page.and_then(|it| it.events.into_iter().next()).and_then(|(_, kept)| read(&kept));
    event
        .map(|it| it.about)
        .ok_or_else(|| wrong("there is no event of this id in this session, or not any more"))
}

fn read(kept: &Bytes) -> Option<Event> {
    let event = Event::read(kept);
    if event.is_none() {
        tracing::error!("what is kept of an MCP stream cannot be read");
    }
    event
}

async fn listen(
    server: &Arc<Inner>,
    caller: Caller,
    session: Session,
    last: Option<EventId>,
) -> Result<HttpResponse, RpcError> {
    let presence = server.live.session(session.key, &session.owner);
    let most = server.options.max_listeners;
    let place = presence.listen(most, last.map(|it| it.stream)).ok_or_else(|| {
        too_many(&format!("a session may have {most} streams for news open here; close one"))
    })?;
    let listener = Listener::open(server, presence, place, caller, session, last).await?;
    Ok(sse::respond(futures::stream::unfold(listener, async |mut it| Some((it.next().await?, it)))))
}

/// Not 404, which would say that the session is gone.
fn wrong(words: &'static str) -> RpcError {
    RpcError::new(code::INVALID_REQUEST, words)
}

fn too_many(words: &str) -> RpcError {
    refusal(ApiError::new(ErrorCode::RateLimited, words))
}
