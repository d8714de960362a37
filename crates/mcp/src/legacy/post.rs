//! Takes what a client sends.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use outcrop_wire::mcp::{
    Malformed, Message, MessageId, Posted, Request, RpcError, Version, code, error_message,
};
use tokio_util::sync::CancellationToken;

use super::quick::Mute;
use super::request::{self, Job};
use super::session::{self, Session};
use super::{accept, context_of, handshake, mail, turn_away};
use crate::server::{Inner, json};
use crate::{Caller, methods};

/// Takes a message.
pub(crate) async fn post(
    server: &Arc<Inner>,
    caller: Caller,
    headers: &HeaderMap,
    version: Option<Version>,
    posted: Posted,
) -> HttpResponse {
    let id = id_of(&posted);
    // What was taken before the stop is waited for, also while it is not known yet what it is.
    let _guard = server.in_flight.enter();
    if let Err(error) = accept::both(headers) {
        return turn_away(id.as_ref(), &error);
    }
    let posted = match posted {
        Posted::One(Message::Request(request)) if request.method == "initialize" => {
            return handshake::answer(server, caller, request).await;
        }
        posted => posted,
    };
    let session = match session::find(server, &caller, headers, version).await {
        Ok(session) => session,
        Err(error) => return turn_away(id.as_ref(), &error),
    };
    match posted {
        Posted::One(Message::Request(request)) => {
            let job = Job { caller, session, request };
            match methods::may_take_long(&job.request.method) {
                true => request::answer(server, job).await,
                false => at_once(server, job).await,
            }
        }
        Posted::One(message) => match heard(server, &session, message).await {
            Ok(()) => HttpResponse::Accepted().finish(),
            Err(error) => turn_away(None, &error),
        },
        Posted::Batch(messages) => batch(server, caller, session, messages).await,
    }
}

async fn at_once(server: &Inner, job: Job) -> HttpResponse {
    let answer = request::perform(server, job, Arc::new(Mute), &CancellationToken::new()).await;
    json(StatusCode::OK, answer)
}

/// Takes what is not to be answered.
async fn heard(server: &Inner, session: &Session, message: Message) -> Result<(), RpcError> {
    match message {
        Message::Request(_) => Ok(()),
        Message::Notification(notification) => mail::hear(server, session, notification).await,
        Message::Answer(answer) => mail::take(server, session, answer).await,
    }
}

/// Takes several messages, each for itself. Only 2025-03-26 has this.
async fn batch(
    server: &Arc<Inner>,
    caller: Caller,
    session: Session,
    messages: Vec<Result<Message, Malformed>>,
) -> HttpResponse {
    if session.state.version != Version::V2025_03_26 {
        let words = format!("{} knows no batches: send one message at a time", session.state.version);
        return turn_away(None, &RpcError::new(code::INVALID_REQUEST, words));
    }
    let (mut jobs, mut said): (Vec<Job>, Vec<Bytes>) = (Vec::new(), Vec::new());
    for message in messages {
        match message {
            Err(Malformed { id, error }) => said.push(error_message(id.as_ref(), &error)),
            Ok(Message::Request(request)) => jobs.push(job(server, &caller, &session, request)),
            Ok(message) => {
                if let Err(error) = heard(server, &session, message).await {
                    return turn_away(None, &error);
                }
            }
        }
    }
    match jobs.is_empty() && said.is_empty() {
        true => HttpResponse::Accepted().finish(),
        false => request::answer_all(server, jobs, said).await,
    }
}

fn job(server: &Inner, caller: &Caller, session: &Session, request: Request) -> Job {
    let context = context_of(server, &caller.context);
    let caller = Caller { principal: caller.principal.clone(), context };
    Job { caller, session: session.clone(), request }
}

fn id_of(posted: &Posted) -> Option<MessageId> {
    match posted {
        Posted::One(Message::Request(request)) => Some(request.id.clone()),
        _ => None,
    }
}
