//! One request that asks for several answers: as many calls at once, let in together, each metered on its own.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use outcrop_chat::{Event, Response};
use outcrop_ports::EventStream;
use outcrop_types::TokenUsage;
use outcrop_wire::error::ErrorBody;
use outcrop_wire::openai::completions::CompletionStream;
use outcrop_wire::openai::stream::ChatStream;
use outcrop_wire::{openai, sse};

use crate::answer::Pieces;
use crate::chat::{AskedModel, Caller, Facts};
use crate::metering::OpenCall;
use crate::prepare::Prepared;
use crate::stream::{FrameStream, Frames};
use crate::{ChatError, InferenceService};

/// Most calls that are made at the same time for one request.
const AT_ONCE: usize = 8;

/// As many copies of a request as answers are asked for; media are shared.
pub(crate) fn copies(request: Prepared, count: usize) -> Vec<Prepared> {
    let mut copies = Vec::with_capacity(count);
    for choice in 1..count {
        copies.push(Prepared { choice: choice - 1, ..request.clone() });
    }
    copies.push(Prepared { choice: count.saturating_sub(1), ..request });
    copies
}

/// The whole answers, in order.
///
/// # Errors
/// The first failure; the other calls are then given up, and metered as far as they came.
pub(crate) async fn whole(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    requests: Vec<Prepared>,
) -> Result<(Vec<Response>, Facts), ChatError> {
    let call = |request| service.chat(caller, model, request);
    all(requests, call).await
}

/// The answers in pieces: the choices' frames as they come, then what ends the stream of all.
///
/// # Errors
/// The first call that does not begin; the others are then given up. One that fails later ends the stream with an error.
pub(crate) async fn stream<F: ChoiceFrames + 'static>(
    service: &InferenceService,
    caller: Caller<'_>,
    model: &AskedModel,
    requests: Vec<Prepared>,
    frames: impl Fn(usize) -> F,
) -> Result<(Pieces, Facts), ChatError> {
    let call = |request| async {
        let (events, open, facts) = service.stream(caller, model, request).await?;
        Ok(((events, open), facts))
    };
    let (begun, facts): (Vec<(EventStream, OpenCall)>, _) = all(requests, call).await?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let branch = |(index, (events, open))| {
        let writer = Choice { frames: frames(index), tally: Arc::clone(&tally) };
        FrameStream::new(events, writer, open, caller.context.request_id.clone())
    };
    let branches = begun.into_iter().enumerate().map(branch).collect();
    Ok((Box::pin(Branches { branches, next: 0, tally, end: Some(frames(0)) }), facts))
}

/// Makes the calls, some at once, and puts what they give in order.
async fn all<T, C>(
    requests: Vec<Prepared>,
    call: impl Fn(Prepared) -> C,
) -> Result<(Vec<T>, Facts), ChatError>
where
    C: Future<Output = Result<(T, Facts), ChatError>>,
{
    let mut waiting = requests.into_iter().enumerate();
    let numbered = |(at, request)| {
        let call = call(request);
        // By a pointer: such a future is large, and moved several times before it begins.
        Box::pin(async move { (at, call.await) })
    };
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(AT_ONCE).map(numbered).collect();
    let mut done = Vec::new();
    while let Some((at, answer)) = running.next().await {
        done.push((at, answer?));
        running.extend(waiting.next().map(numbered));
    }
    done.sort_by_key(|(at, _)| *at);
    let mut together: Option<Facts> = None;
    let mut answers = Vec::with_capacity(done.len());
    for (_, (answer, facts)) in done {
        answers.push(answer);
        together = Some(match together {
            None => facts,
            Some(before) => both(before, &facts),
        });
    }
    // At least one answer is asked for, always.
    together.map(|facts| (answers, facts)).ok_or(ChatError::Malformed)
}

/// What two calls of one request say together: the slower of them, one entry let both in.
fn both(one: Facts, other: &Facts) -> Facts {
    let upstream = one.upstream.max(other.upstream);
    // The one that had more trouble is told of.
    let attempts = if other.attempts.are_told() { other.attempts.clone() } else { one.attempts };
    Facts { upstream, attempts, ..one }
}

/// Writes the frames of one choice of a stream of several.
pub(crate) trait ChoiceFrames: Unpin + Send {
    fn push(&mut self, event: &Event, out: &mut BytesMut);
    /// Ends the choice; whether it is whole.
    fn end_choice(&mut self, out: &mut BytesMut) -> bool;
    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut);
    /// Ends the stream of all choices.
    fn close(&self, usage: Option<TokenUsage>, out: &mut BytesMut);
}

macro_rules! choice_frames {
    ($($writer:ty),*) => {$(
        impl ChoiceFrames for $writer {
            fn push(&mut self, event: &Event, out: &mut BytesMut) {
                self.push(event, out);
            }

            fn end_choice(&mut self, out: &mut BytesMut) -> bool {
                self.end_choice(out)
            }

            fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
                self.fail(error, out);
            }

            fn close(&self, usage: Option<TokenUsage>, out: &mut BytesMut) {
                self.close(usage, out);
            }
        }
    )*};
}
choice_frames!(ChatStream, CompletionStream);

/// How the choices of one stream have fared so far.
#[derive(Default)]
struct Tally {
    usage: Option<TokenUsage>,
    failed: bool,
}

/// One choice, and what it tells the others.
struct Choice<F> {
    frames: F,
    tally: Arc<Mutex<Tally>>,
}

impl<F> Choice<F> {
    fn tell(&self, what: impl FnOnce(&mut Tally)) {
        what(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<F: ChoiceFrames> Frames for Choice<F> {
    fn push(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Usage(usage) => self.tell(|tally| {
                tally.usage = Some(tally.usage.map_or(*usage, |before| openai::sum(&before, usage)));
            }),
            Event::Stop(reason) if reason.is_malformed() => self.tell(|tally| tally.failed = true),
            _ => {}
        }
        self.frames.push(event, out);
    }

    fn finish(&mut self, out: &mut BytesMut) {
        if !self.frames.end_choice(out) {
            self.tell(|tally| tally.failed = true);
        }
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.tell(|tally| tally.failed = true);
        self.frames.fail(error, out);
    }

    fn heartbeat(&self, out: &mut BytesMut) {
        sse::heartbeat(out);
    }
}

/// The frames of all choices, those first that are ready.
struct Branches<F> {
    branches: Vec<FrameStream<Choice<F>>>,
    /// Whose turn it is.
    next: usize,
    tally: Arc<Mutex<Tally>>,
    /// Taken when it has ended.
    end: Option<F>,
}

impl<F: ChoiceFrames> Branches<F> {
    fn failed(&self) -> bool {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).failed
    }

    /// What stands behind the last choice; nothing if one of them failed.
    fn close(&mut self) -> Option<Bytes> {
        let end = self.end.take().filter(|_| !self.failed())?;
        let usage = self.tally.lock().unwrap_or_else(PoisonError::into_inner).usage;
        let mut out = BytesMut::new();
        end.close(usage, &mut out);
        Some(out.freeze())
    }
}

impl<F: ChoiceFrames> Stream for Branches<F> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        let mut asked = 0;
        while asked < this.branches.len() {
            let at = this.next % this.branches.len();
            match Pin::new(&mut this.branches[at]).poll_next(cx) {
                Poll::Ready(Some(piece)) => {
                    this.next = at + 1;
                    if this.branches.len() > 1 && this.failed() {
                        // The error is in this piece: the others are given up, and metered as far as they came.
                        let failed = this.branches.swap_remove(at);
                        this.branches = vec![failed];
                    }
                    return Poll::Ready(Some(piece));
                }
                Poll::Ready(None) => {
                    this.branches.remove(at);
                    this.next = at;
                }
                Poll::Pending => {
                    this.next = at + 1;
                    asked += 1;
                }
            }
        }
        if this.branches.is_empty() { Poll::Ready(this.close()) } else { Poll::Pending }
    }
}
