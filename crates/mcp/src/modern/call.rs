//! A request of a method that both eras have: its answer is one JSON message, or, where there is something to say before it or it
//! takes a while, a stream that ends with it.

use std::future::Future;
use std::sync::Arc;

use actix_web::HttpResponse;
use bytes::Bytes;
use futures::stream;
use outcrop_http::{ApiError, sse};
use outcrop_telemetry::current;
use outcrop_types::ErrorCode;
use outcrop_wire::mcp::{MessageId, Params, Request, RpcError, code};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::answer::{KEEP_ALIVE, complete, error_of, event, keep_alive, message_of, refused};
use super::envelope::Envelope;
use super::outlet::{MAX_WAITING, ModernOutlet};
use super::rounds::{Rounds, Seal};
use crate::halt::refusal;
use crate::operation::Operation;
use crate::server::Inner;
use crate::{Caller, Exchange, Halt, methods};

/// A request that is worked on in a task of its own: its time runs also while its client reads nothing. Dropping this drops the
/// work.
struct Work(AbortOnDropHandle<Result<Params, RpcError>>);

impl Work {
    fn start(work: impl Future<Output = Result<Params, RpcError>> + Send + 'static) -> Self {
        Self(AbortOnDropHandle::new(tokio::spawn(current::carry(work))))
    }

    /// Its outcome, once.
    async fn outcome(&mut self) -> Result<Params, RpcError> {
        let broken = |error| {
            tracing::error!(%error, "the work on an MCP request broke off");
            Err(RpcError::new(code::INTERNAL_ERROR, "the request could not be worked on"))
        };
        (&mut self.0).await.unwrap_or_else(broken)
    }
}

/// Answers a request.
pub(super) async fn answer(
    server: &Arc<Inner>,
    caller: Caller,
    envelope: Envelope,
    request: Request,
    operation: Operation,
) -> Result<HttpResponse, Halt> {
    let Request { id, method, params } = request;
    let (notes, mut said) = mpsc::channel(MAX_WAITING);
    let seal = Seal::new(&server.ports, &caller.principal, &method, &params);
    let rounds =
        if methods::may_take_long(&method) { Rounds::read(&params, &seal)? } else { Rounds::default() };
    let job = Job { server: Arc::clone(server), caller, envelope, method, params, rounds, seal, operation };
    let mut work = Work::start(job.run(notes));
    let outcome = tokio::select! {
        biased;
        outcome = work.outcome() => outcome,
        Some(first) = said.recv() => return Ok(stream(id, Answer::Awaited(work), said, Some(first))),
        () = sleep(server.options.stream_after) => return Ok(stream(id, Answer::Awaited(work), said, None)),
    };
    match (said.try_recv(), outcome) {
        (Ok(first), outcome) => Ok(stream(id, Answer::Known(outcome), said, Some(first))),
        (Err(_), Ok(result)) => Ok(complete(&id, result)),
        (Err(_), Err(error)) => Ok(refused(&id, &error)),
    }
}

/// A request with all that is known of it.
struct Job {
    server: Arc<Inner>,
    caller: Caller,
    envelope: Envelope,
    method: String,
    params: Params,
    rounds: Rounds,
    seal: Seal,
    operation: Operation,
}

impl Job {
    /// Works on it. If this is dropped, the client is gone, and whatever was started hears of that.
    async fn run(self, notes: mpsc::Sender<Bytes>) -> Result<Params, RpcError> {
        let Self { server, caller, envelope, method, params, rounds, seal, operation } = self;
        let _open = server.in_flight.enter();
        let cancelled = CancellationToken::new();
        let _dropped = cancelled.clone().drop_guard();
        let is_first = rounds.is_first();
        let limit = server.options.call_timeout.min(caller.context.remaining());
        let outlet = Arc::new(ModernOutlet::new(notes, rounds));
        let Envelope { client, progress_token } = envelope;
        let said = Arc::clone(&outlet) as _;
        let exchange = Exchange::new(caller, client, progress_token, said, cancelled, operation.clone());
        let outcome = match timeout(limit, methods::answer(&server.catalog, &exchange, &method, params)).await
        {
            Err(_) => Err(refusal(ApiError::new(ErrorCode::Timeout, "the request took longer than it may"))),
            Ok(Ok(result)) if is_first => Ok(result),
            Ok(Ok(result)) => Ok(for_once(result)),
            Ok(Err(Halt::AskFirst)) if methods::may_take_long(&method) => outlet.input_required(&seal),
            Ok(Err(halt)) => Err(error_of(halt)),
        };
        match &outcome {
            Ok(result) => operation.answered(result),
            Err(error) => operation.refused(error),
        }
        outcome
    }
}

/// What depends on answers is of use to this request alone (2026-07-28, "Cache Key").
fn for_once(mut result: Params) -> Params {
    if let Some(ttl_ms) = result.get_mut("ttlMs") {
        *ttl_ms = 0.into();
    }
    result
}

/// A stream that says what there is to say, and last the answer. Dropping it drops the work.
fn stream(id: MessageId, answer: Answer, said: mpsc::Receiver<Bytes>, first: Option<Bytes>) -> HttpResponse {
    let beat = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    let flow = Flow { id, answer, said, beat };
    let first = stream::iter(first.map(|it| event(&it)));
    let rest = stream::unfold(flow, |mut flow| async move { flow.next().await.map(|piece| (piece, flow)) });
    sse::respond(futures::StreamExt::chain(first, rest))
}

/// What a stream ends with.
enum Answer {
    /// It is still worked on.
    Awaited(Work),
    /// It is there.
    Known(Result<Params, RpcError>),
    /// It has been said.
    Said,
}

impl Answer {
    /// What it is; `None` if it has been said.
    async fn known(&mut self) -> Option<Result<Params, RpcError>> {
        if let Self::Awaited(work) = self {
            *self = Self::Known(work.outcome().await);
        }
        match std::mem::replace(self, Self::Said) {
            Self::Known(outcome) => Some(outcome),
            Self::Awaited(_) | Self::Said => None,
        }
    }
}

struct Flow {
    id: MessageId,
    answer: Answer,
    said: mpsc::Receiver<Bytes>,
    beat: Interval,
}

impl Flow {
    async fn next(&mut self) -> Option<Bytes> {
        let outcome = tokio::select! {
            biased;
            Some(note) = self.said.recv() => return Some(event(&note)),
            outcome = self.answer.known() => outcome?,
            _ = self.beat.tick() => return Some(keep_alive()),
        };
        let mut last = Vec::new();
        while let Ok(note) = self.said.try_recv() {
            last.extend_from_slice(&event(&note));
        }
        last.extend_from_slice(&event(&message_of(&self.id, outcome)));
        Some(last.into())
    }
}
