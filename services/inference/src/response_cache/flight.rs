//! Identical calls that are one: the call is made by a task of its own, and whoever asks for it follows.
//!
//! The task writes what the model says into a log, and all followers read that from its beginning, each at its own pace.
//! One may join as long as the log is whole, which it is up to a size. When the last one has gone, the task is ended, and
//! with it the call.

mod log;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures::Stream;
use outcrop_ports::{CacheKey, ModelError, ModelFailure};
use tokio::task::AbortHandle;

use crate::ChatError;
use crate::chat::Facts;
use log::{Log, Read};

/// A piece of an answer, which each follower gets.
pub(crate) trait Shared: Clone + Send + 'static {
    /// About how many bytes it takes.
    fn weight(&self) -> usize;
}

/// The calls under way.
pub(crate) struct Flights<P>(Mutex<HashMap<CacheKey, Weak<Flight<P>>>>);

/// What a call is for whoever asks for it.
pub(crate) enum Boarding<P: Shared> {
    /// It is under way.
    Follows(Follower<P>),
    /// It is to be made.
    Leads(Follower<P>, Leader<P>),
}

/// A call under way.
struct Flight<P>(Mutex<State<P>>);

struct State<P> {
    /// Whether the call was answered.
    begun: Option<Result<Arc<Facts>, Refusal>>,
    log: Log<P>,
    task: Option<AbortHandle>,
}

/// Hears a call's answer from its beginning. Dropped, it has gone.
pub(crate) struct Follower<P> {
    flight: Arc<Flight<P>>,
    seat: u64,
    over: bool,
}

/// Tells what a call answers. Dropped before the end, the call has failed.
pub(crate) struct Leader<P: Shared> {
    flight: Arc<Flight<P>>,
    /// Where others find the call.
    listed: Option<(Arc<Flights<P>>, CacheKey)>,
}

/// A refusal that can be told to many; whether to the one who asked first. `None` is nobody else's business.
type Refusal = Arc<dyn Fn(bool) -> Option<ChatError> + Send + Sync>;

/// Why a call was not answered.
#[derive(Debug)]
pub(crate) enum Refused {
    /// For a reason that holds for everybody who asks.
    All(ChatError),
    /// Because of whoever asked first: others may yet have an answer.
    Another,
}

impl From<Refused> for ChatError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::All(error) => error,
            Refused::Another => Self::from(failure(ModelFailure::Unavailable, "The call was not made.")),
        }
    }
}

impl<P> Default for Flights<P> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<P: Shared> Flights<P> {
    /// Joins the call of this name, or lists one that others can join.
    pub(crate) fn board(self: &Arc<Self>, key: CacheKey) -> Boarding<P> {
        let mut flights = lock(&self.0);
        if let Some(follower) = Self::found(&flights, &key) {
            return Boarding::Follows(follower);
        }
        let (follower, mut leader) = alone();
        flights.insert(key, Arc::downgrade(&leader.flight));
        leader.listed = Some((Arc::clone(self), key));
        Boarding::Leads(follower, leader)
    }

    /// Joins the call of this name, if it is under way.
    pub(crate) fn join(&self, key: &CacheKey) -> Option<Follower<P>> {
        Self::found(&lock(&self.0), key)
    }

    fn found(flights: &HashMap<CacheKey, Weak<Flight<P>>>, key: &CacheKey) -> Option<Follower<P>> {
        let flight = flights.get(key)?.upgrade()?;
        let seat = flight.lock().log.join()?;
        Some(Follower { flight, seat, over: false })
    }
}

/// A call that nobody else joins.
pub(crate) fn alone<P: Shared>() -> (Follower<P>, Leader<P>) {
    let mut log = Log::default();
    let seat = log.first();
    let flight = Arc::new(Flight(Mutex::new(State { begun: None, log, task: None })));
    (Follower { flight: Arc::clone(&flight), seat, over: false }, Leader { flight, listed: None })
}

impl<P> Flight<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        lock(&self.0)
    }
}

impl<P: Shared> Follower<P> {
    /// Ends this task when everybody has gone.
    pub(crate) fn flown_by(&self, task: AbortHandle) {
        self.flight.lock().task = Some(task);
    }

    /// What is known of the call once it is answered, and until then nothing.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) async fn begun(&mut self) -> Result<Facts, Refused> {
        std::future::poll_fn(|cx| {
            let mut state = self.flight.lock();
            match &state.begun {
                Some(Ok(facts)) => Poll::Ready(Ok((**facts).clone())),
                Some(Err(refusal)) => {
                    let refused = refusal(self.seat == log::FIRST);
                    Poll::Ready(Err(refused.map_or(Refused::Another, Refused::All)))
                }
                None => {
                    state.log.wait(self.seat, cx.waker());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<P: Shared> Stream for Follower<P> {
    type Item = Result<P, ModelError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let read = self.flight.lock().log.read(self.seat, cx.waker());
        let item = match read {
            Read::Piece(piece) => return Poll::Ready(Some(Ok(piece))),
            Read::Nothing => return Poll::Pending,
            Read::End(None) => None,
            Read::End(Some(error)) => Some(Err(error)),
            Read::TooSlow => Some(Err(failure(ModelFailure::Broken, "The answer was not read fast enough."))),
        };
        self.over = true;
        Poll::Ready(item)
    }
}

impl<P> Unpin for Follower<P> {}

impl<P> Drop for Follower<P> {
    fn drop(&mut self) {
        let mut state = self.flight.lock();
        if state.log.leave(self.seat) {
            // Nobody joins from here on; without the lock, for the task's end takes it.
            let task = state.task.take();
            drop(state);
            if let Some(task) = task {
                task.abort();
            }
        }
    }
}

impl<P: Shared> Leader<P> {
    /// The call was answered.
    pub(crate) fn begun(&self, facts: Facts) {
        let mut state = self.flight.lock();
        state.begun = Some(Ok(Arc::new(facts)));
        state.log.wake();
    }

    /// The call was not answered; `late` because the time of the one who asked first is over.
    pub(crate) fn refused(&self, error: ChatError, late: bool) {
        let mut state = self.flight.lock();
        // Whoever asks from here on asks anew.
        state.log.close();
        state.begun = Some(Err(refusal(error, late)));
        state.log.wake();
    }

    /// The next piece. Waits where nobody reads, and for nobody where somebody does.
    pub(crate) async fn push(&self, piece: P) {
        let mut piece = Some(piece);
        std::future::poll_fn(|cx| {
            let mut state = self.flight.lock();
            if !state.log.has_room(cx.waker()) {
                return Poll::Pending;
            }
            if let Some(piece) = piece.take() {
                state.log.push(piece);
            }
            Poll::Ready(())
        })
        .await;
    }

    /// The answer is whole, or has broken off.
    pub(crate) fn end(self, error: Option<ModelError>) {
        self.flight.lock().log.end(error);
    }
}

impl<P: Shared> Drop for Leader<P> {
    fn drop(&mut self) {
        let mut state = self.flight.lock();
        // Only a panic leaves it without an end while somebody follows.
        let broken = || failure(ModelFailure::Internal, "The call was given up.");
        if state.begun.is_none() {
            state.begun = Some(Err(Arc::new(move |_| Some(ChatError::from(broken())))));
        }
        state.log.end_if_open(broken);
        drop(state);
        let Some((flights, key)) = self.listed.take() else { return };
        let mut flights = lock(&flights.0);
        let is_own = flights.get(&key).is_some_and(|it| std::ptr::eq(it.as_ptr(), Arc::as_ptr(&self.flight)));
        if is_own {
            flights.remove(&key);
        }
    }
}

/// What everybody is told.
fn refusal(error: ChatError, late: bool) -> Refusal {
    match error {
        error if late => of_first(error),
        ChatError::Model { source, attempts } => {
            Arc::new(move |_| Some(ChatError::Model { source: again(&source), attempts: attempts.clone() }))
        }
        ChatError::Denied { source, attempts } => {
            Arc::new(move |_| Some(ChatError::Denied { source: again(&source), attempts: attempts.clone() }))
        }
        ChatError::Malformed => Arc::new(|_| Some(ChatError::Malformed)),
        ChatError::SpoolFull => Arc::new(|_| Some(ChatError::SpoolFull)),
        ChatError::NoModel => Arc::new(|_| Some(ChatError::NoModel)),
        // What remains is about limits and rights of the one who asked first, and is nobody else's business.
        other => of_first(other),
    }
}

/// Heard by the one who asked first, and by nobody else.
fn of_first(error: ChatError) -> Refusal {
    let own = Mutex::new(Some(error));
    Arc::new(move |first| if first { lock(&own).take() } else { None })
}

/// The same failure once more; what the log is told of its cause, the first one tells.
fn again(error: &ModelError) -> ModelError {
    let ModelError { failure, message, bedrock_request_id, retry_after, source: _ } = error;
    ModelError {
        failure: *failure,
        message: message.clone(),
        bedrock_request_id: bedrock_request_id.clone(),
        retry_after: *retry_after,
        source: None,
    }
}

fn failure(failure: ModelFailure, message: &str) -> ModelError {
    let message = message.to_owned();
    ModelError { failure, message, bedrock_request_id: None, retry_after: None, source: None }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
