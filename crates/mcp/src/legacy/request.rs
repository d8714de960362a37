//! Requests that may take long: each runs in a task of its own, whatever becomes of the connection it came on.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use outcrop_http::{ApiError, sse};
use outcrop_telemetry::current;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{
    Ask, MessageId, Request, RpcError, code, error_message, meta, notification_message, request_message,
    result_message,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::About;
use super::live::{Asked, NotBegun, Presence, Running};
use super::session::Session;
use super::speaker::{Out, Speaker};
use super::{mail, quick, turn_away};
use crate::exchange::Outlet;
use crate::halt::refusal;
use crate::operation::Operation;
use crate::server::{Inner, json as json_answer};
use crate::{AskError, Caller, Exchange, Halt};

/// Silence after which a connection is shown that it is still there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Longest wait for an answer of a client's user.
const ASK_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest progress token, bytes; as long as an id may be.
const MAX_TOKEN: usize = 256;
/// What a request is refused with that its client called off: nothing else says it.
const CANCELLED: i64 = 499;

/// One request, and who hears what is said meanwhile.
pub(super) struct Job {
    /// On whose behalf.
    pub caller: Caller,
    /// In which session.
    pub session: Session,
    /// What is asked.
    pub request: Request,
}

/// Answers one request: as JSON, or as a stream if it takes its time or has something to say before.
pub(super) async fn answer(server: &Arc<Inner>, job: Job) -> HttpResponse {
    let id = job.request.id.clone();
    let presence = server.live.session(job.session.key, &job.session.owner);
    let running = match presence.begin(&id, job.session.letters) {
        Ok(running) => running,
        Err(why) => return turn_away(Some(&id), &not_begun(why)),
    };
    let about = About::Answers(id.clone());
    let (speaker, connection) = Speaker::new(server, &presence, job.session.state.version, about);
    let outlet = Arc::new(Voice { server: Arc::clone(server), presence, speaker: Arc::clone(&speaker) });
    let work = {
        let server = Arc::clone(server);
        async move { perform(&server, job, outlet, &running.cancelled).await }
    };
    detach(server, speaker, work);
    respond(connection, Some(&id)).await
}

/// Answers the requests of one body, all at once (2025-03-26). `said` are answers already.
pub(super) async fn answer_all(server: &Arc<Inner>, jobs: Vec<Job>, mut said: Vec<Bytes>) -> HttpResponse {
    let Some(first) = jobs.first() else { return json_answer(StatusCode::OK, array(&said)) };
    let presence = server.live.session(first.session.key, &first.session.owner);
    let ids = jobs.iter().map(|it| it.request.id.clone()).collect();
    let version = first.session.state.version;
    let (speaker, connection) = Speaker::new(server, &presence, version, About::AnswersAll(ids));
    let mut begun: Vec<(Job, Running)> = Vec::new();
    for job in jobs {
        match presence.begin(&job.request.id, job.session.letters) {
            Ok(running) => begun.push((job, running)),
            Err(why) => said.push(error_message(Some(&job.request.id), &not_begun(why))),
        }
    }
    let outlet = Arc::new(Voice { server: Arc::clone(server), presence, speaker: Arc::clone(&speaker) });
    let work = {
        let server = Arc::clone(server);
        async move {
            let all = begun.into_iter().map(|(job, running)| {
                let (server, outlet) = (Arc::clone(&server), Arc::clone(&outlet));
                async move { perform(&server, job, outlet, &running.cancelled).await }
            });
            said.extend(futures::future::join_all(all).await);
            array(&said)
        }
    };
    detach(server, speaker, work);
    respond(connection, None).await
}

/// Answers a request, within its time and until it is called off; the message that is its answer.
pub(super) async fn perform(
    server: &Inner,
    job: Job,
    outlet: Arc<dyn Outlet>,
    cancelled: &CancellationToken,
) -> Bytes {
    let Job { mut caller, session, request } = job;
    let (id, version) = (request.id.clone(), session.state.version);
    let operation =
        Operation::start(&server.options, &mut caller, &request, Some(version), Some(&session.key));
    let within = server.options.call_timeout.min(caller.context.remaining());
    let token = match progress_token(&request) {
        Ok(token) => token,
        Err(error) => {
            operation.refused(&error);
            return error_message(Some(&id), &error);
        }
    };
    let client = session.state.client();
    let exchange = Exchange::new(caller, client, token, outlet, cancelled.clone(), operation.clone());
    let work = quick::outcome(server, session, &exchange, request);
    let outcome = tokio::select! {
        biased;
        outcome = operation.within(exchange.caller(), work) => outcome,
        () = cancelled.cancelled() => Err(Halt::Cancelled),
        () = server.live.cut.cancelled() => Err(stopping()),
        () = tokio::time::sleep(within) => Err(too_late()),
    };
    match outcome {
        Ok(result) => {
            operation.answered(&result);
            result_message(version, &id, result)
        }
        Err(halt) => {
            // Whatever else the provider has begun for it.
            cancelled.cancel();
            let error = error_of(halt);
            if error.code != CANCELLED {
                operation.refused(&error);
            }
            error_message(Some(&id), &error)
        }
    }
}

/// What the client wants progress told under. It is kept with each event.
fn progress_token(request: &Request) -> Result<Option<Value>, RpcError> {
    let token = request.params.get("_meta").and_then(|it| it.get(meta::PROGRESS_TOKEN));
    if token.and_then(Value::as_str).is_some_and(|it| it.len() > MAX_TOKEN) {
        let field = "params._meta.progressToken";
        return Err(RpcError::invalid_params(
            field,
            format!("`{field}` must have at most {MAX_TOKEN} bytes"),
        ));
    }
    Ok(token.filter(|it| it.is_string() || it.is_number()).cloned())
}

/// What a client hears of a request without a result. One that it called off is answered too: a stream without an answer would be
/// come back to again and again.
pub(super) fn error_of(halt: Halt) -> RpcError {
    match halt {
        Halt::Refused(error) => error,
        Halt::Cancelled => RpcError::new(CANCELLED, "the request was called off, or its session has ended"),
        // Only who has no session is asked like this.
        Halt::AskFirst => RpcError::new(code::INTERNAL_ERROR, "the client cannot be asked like this"),
    }
}

/// The answer to a request whose process has gone, by the one who finds out.
pub(super) fn lost() -> RpcError {
    let words = "the instance that worked on this request has gone; send it again";
    refusal(ApiError::new(ErrorCode::Unavailable, words))
}

/// Lets work go on by itself until it is answered.
fn detach(server: &Inner, speaker: Arc<Speaker>, work: impl Future<Output = Bytes> + Send + 'static) {
    let (guard, stream_after) = (server.in_flight.enter(), server.options.stream_after);
    tokio::spawn(current::carry(async move {
        let _guard = guard;
        tokio::pin!(work);
        let answer = tokio::select! {
            biased;
            answer = &mut work => answer,
            // Together: the work may be saying something at this moment, and then goes before.
            () = tokio::time::sleep(stream_after) => tokio::join!(speaker.begin(), &mut work).1,
        };
        speaker.finish(answer).await;
    }));
}

/// The HTTP answer, as soon as it is known of which kind it is.
async fn respond(mut connection: mpsc::Receiver<Out>, id: Option<&MessageId>) -> HttpResponse {
    match connection.recv().await {
        Some(Out::Whole(answer)) => json_answer(StatusCode::OK, answer),
        Some(Out::Opened(followed)) => sse::respond(pieces(connection, followed)),
        Some(Out::Piece(_)) | None => {
            turn_away(id, &RpcError::new(code::INTERNAL_ERROR, "the request ended without an answer"))
        }
    }
}

/// What a connection is sent.
fn pieces(
    connection: mpsc::Receiver<Out>,
    followed: CancellationToken,
) -> impl futures::Stream<Item = Bytes> {
    futures::stream::unfold((connection, followed), |(mut connection, followed)| async move {
        let piece = tokio::select! {
            biased;
            () = followed.cancelled() => return None,
            out = connection.recv() => match out? {
                Out::Piece(piece) => piece,
                Out::Whole(_) | Out::Opened(_) => Bytes::new(),
            },
            () = tokio::time::sleep(HEARTBEAT) => heartbeat(),
        };
        Some((piece, (connection, followed)))
    })
    .boxed_local()
}

/// Shows a connection that it is still there.
pub(super) fn heartbeat() -> Bytes {
    let mut out = BytesMut::new();
    outcrop_wire::sse::heartbeat(&mut out);
    out.freeze()
}

/// What a provider says while it answers.
struct Voice {
    server: Arc<Inner>,
    presence: Arc<Presence>,
    speaker: Arc<Speaker>,
}

#[async_trait]
impl Outlet for Voice {
    async fn notify(&self, method: &'static str, params: Value) {
        self.speaker.say(notification_message(method, &params)).await;
    }

    async fn ask(&self, asks: &[(&str, Ask)]) -> Result<Vec<Value>, AskError> {
        let mut asked = Vec::new();
        for (_, ask) in asks {
            // Before it is said: the answer may come at once.
            let wait = self.presence.ask(mail::ask_id(&self.server));
            if !self.speaker.ask(request_message(wait.id(), ask.method(), &ask.params())).await {
                return Err(AskError::Late);
            }
            asked.push(wait);
        }
        if let Ok(answers) = tokio::time::timeout(ASK_TIMEOUT, answers(&mut asked)).await {
            return answers;
        }
        for wait in &asked {
            let params = json!({ "requestId": wait.id(), "reason": "there was no answer in time" });
            self.speaker.say(notification_message("notifications/cancelled", &params)).await;
        }
        Err(AskError::Late)
    }

    async fn let_go(&self, retry: Duration) {
        self.speaker.let_go(retry).await;
    }
}

async fn answers(asked: &mut [Asked]) -> Result<Vec<Value>, AskError> {
    let mut answers = Vec::new();
    for wait in asked {
        let answer = wait.answer().await.ok_or(AskError::Cancelled)?;
        answers.push(answer.outcome.map_err(AskError::Refused)?);
    }
    Ok(answers)
}

/// Several messages in one.
pub(super) fn array(messages: &[Bytes]) -> Bytes {
    let mut out = BytesMut::from(&b"["[..]);
    for (at, message) in messages.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(b",");
        }
        out.extend_from_slice(message);
    }
    out.extend_from_slice(b"]");
    out.freeze()
}

fn not_begun(why: NotBegun) -> RpcError {
    match why {
        NotBegun::SameId => {
            RpcError::new(code::INVALID_REQUEST, "a request of the same `id` is still open in this session")
        }
        NotBegun::TooMany => {
            let words = "there are as many requests of this session open here as there may be; wait for one";
            refusal(ApiError::new(ErrorCode::RateLimited, words).with_retry_after(Duration::from_secs(1)))
        }
    }
}

fn too_late() -> Halt {
    refusal(ApiError::new(ErrorCode::Timeout, "the request was not done in its time")).into()
}

fn stopping() -> Halt {
    let words = "this instance is stopping; send the request again";
    refusal(ApiError::new(ErrorCode::Unavailable, words)).into()
}
