//! What a client sends for a request that runs: it may land on any replica, and is passed on to the one that works on it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outcrop_http::ApiError;
use outcrop_telemetry::current;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{Answer, Message, MessageId, Notification, Posted, RpcError, parse};
use serde_json::json;
use tokio::time::Instant;

use super::live::{Presence, Reading};
use super::session::{self, Session};
use super::store_error;
use crate::halt::refusal;
use crate::server::Inner;

/// Largest letter, bytes: several are kept of a session, for all replicas.
const MAX_LETTER: usize = 1 << 20;
/// How long a reader waits for a sign before it looks all the same.
const LOOK: Duration = Duration::from_secs(1);
/// Shortest time between two looks, since what is said here gives a sign too.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a reader makes sure that the session is still there, and sees to it that it stays while something runs for it.
const CHECK: Duration = Duration::from_secs(2);
/// What the ids of questions to a client begin with.
const ASK: &str = "ask_";

/// Hears what is not to be answered. What nobody knows is let go: the protocol grows.
pub(super) async fn hear(
    server: &Inner,
    session: &Session,
    notification: Notification,
) -> Result<(), RpcError> {
    match &*notification.method {
        "notifications/initialized" => {
            let ready = |state: &mut session::State| Ok(!std::mem::replace(&mut state.initialized, true));
            session.clone().change(server, ready).await.map(drop)
        }
        "notifications/cancelled" => {
            let Some(id) = cancelled(&notification) else { return Ok(()) };
            // Here and wherever else one of that id runs.
            if let Some(presence) = server.live.present(&session.key) {
                presence.cancel(&id);
            }
            let letter = json!({
                "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id },
            });
            post(server, session, letter.to_string().into()).await
        }
        _ => Ok(()),
    }
}

/// Takes the answer to something that was asked.
pub(super) async fn take(server: &Inner, session: &Session, answer: Answer) -> Result<(), RpcError> {
    let answer = match server.live.present(&session.key) {
        Some(presence) => presence.answer(answer),
        None => Some(answer),
    };
    let Some(Answer { id, outcome }) = answer.filter(|it| was_asked(&it.id)) else { return Ok(()) };
    let letter = match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    };
    post(server, session, letter.to_string().into()).await
}

/// A new id for a question to a client.
pub(super) fn ask_id(server: &Inner) -> MessageId {
    MessageId::Text(format!("{ASK}{}", server.ports.ids.uuid().simple()))
}

/// Whether something may have been asked under this id. What nobody can have asked is kept for nobody.
fn was_asked(id: &MessageId) -> bool {
    let MessageId::Text(text) = id else { return false };
    text.strip_prefix(ASK).is_some_and(|it| it.len() == 32 && it.bytes().all(|it| it.is_ascii_hexdigit()))
}

/// Sees to it that the letters of a session are read for as long as something runs for it here.
pub(super) fn read_letters(server: &Arc<Inner>, presence: &Arc<Presence>) {
    if let Some((reading, after)) = presence.begin_reading() {
        let reader = read(Arc::clone(server), Arc::clone(presence), reading, after);
        tokio::spawn(current::carry(reader));
    }
}

async fn post(server: &Inner, session: &Session, letter: Bytes) -> Result<(), RpcError> {
    if letter.len() > MAX_LETTER {
        let words = format!("an answer must have at most {MAX_LETTER} bytes");
        return Err(refusal(ApiError::new(ErrorCode::PayloadTooLarge, words)));
    }
    match server.ports.sessions.post(&session.key, letter).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(session::unknown()),
        Err(error) => Err(store_error(error)),
    }
}

async fn read(server: Arc<Inner>, presence: Arc<Presence>, mut reading: Reading, mut after: u64) {
    let mut news = presence.news();
    // A session may be kept for less than others are looked at.
    let check = CHECK.min(server.options.session_ttl / 3);
    let mut checked_at = Instant::now();
    loop {
        news.mark_unchanged();
        if reading.may_leave() {
            return;
        }
        match server.ports.sessions.letters(&presence.key, after).await {
            Ok(letters) => {
                for (number, letter) in letters {
                    after = after.max(number);
                    presence.has_read(number);
                    open(&presence, number, &letter);
                }
            }
            Err(error) => tracing::debug!(error = error.chain(), "the letters of a session cannot be read"),
        }
        tokio::time::sleep(PAUSE).await;
        drop(tokio::time::timeout(LOOK.min(check), news.changed()).await);
        if presence.was_doubted() || checked_at.elapsed() >= check {
            checked_at = Instant::now();
            end_if_gone(&server, &presence).await;
        }
    }
}

/// Calls off what runs for a session that was ended elsewhere.
async fn end_if_gone(server: &Inner, presence: &Presence) {
    let (key, ttl) = (&presence.key, server.options.session_ttl);
    if let Ok(None) = server.ports.sessions.touch(key, &presence.owner, ttl).await {
        presence.end();
    }
}

fn open(presence: &Presence, number: u64, letter: &[u8]) {
    match parse(letter) {
        Ok(Posted::One(Message::Answer(answer))) => drop(presence.answer(answer)),
        Ok(Posted::One(Message::Notification(notification))) => {
            if let Some(id) = cancelled(&notification) {
                presence.cancel_by(&id, number);
            }
        }
        _ => tracing::warn!("a letter of an MCP session makes no sense"),
    }
}

/// Which request is called off.
fn cancelled(notification: &Notification) -> Option<MessageId> {
    serde_json::from_value(notification.params.get("requestId")?.clone()).ok()
}
