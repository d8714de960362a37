//! What is over is told a moment later, together with all that is over by then.
//!
//! To tell of a request is little work in much code. Done after each answer, all that code and what it looks at has to be
//! fetched into the processor's caches once more, and what serves requests after it, too; that takes several times as long as the
//! work. Done for some dozens in a row it is there. So whoever ends something notes when that was, and hands it to
//! [`tell`]; a thread of its own does the rest. What has to be as new as can be calls [`catch_up`] first.
//!
//! Until [`begin`] is called, as in tests within one process, everything is told at once.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;

use crate::names;

/// Most that waits. What comes then is told at once by whoever has it: nothing is lost, and nobody waits for the thread.
const MOST: usize = 1_024;
/// For so long it is waited for more.
const GATHER: Duration = Duration::from_millis(20);

static LATER: Later = Later::new();

thread_local! {
    static MOMENT: Cell<Option<SystemTime>> = const { Cell::new(None) };
}

/// Something that is over, and is to be told of.
pub trait Tell: Send {
    /// Tells of it, and does not wait for anybody. It is some milliseconds later by now.
    fn tell(self: Box<Self>);
}

/// What a thing is that is over. Of those that are told together one kind comes after the other, and parts before the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// An attempt of a call.
    Attempt,
    /// A call of a model.
    Call,
    /// A request.
    Request,
}

/// Has it told of.
pub fn tell(of: Of, it: Box<dyn Tell>) {
    LATER.put(of, it);
}

/// Returns when all has been told of that was handed to [`tell`] before.
pub fn catch_up() {
    LATER.tell_all();
}

/// From now on what comes waits for [`run`]. To be called once, by whoever starts that.
pub fn begin() {
    LATER.begin();
}

/// Tells of what comes, until [`end`]: for a thread of its own.
pub fn run() {
    LATER.run();
}

/// Tells of what is left. What comes after this is told at once.
pub fn end() {
    LATER.end();
}

/// Does `work` for what happened then: lines that it writes say so.
pub fn at<T>(moment: SystemTime, work: impl FnOnce() -> T) -> T {
    /// Ends the moment, whether the work panics or not.
    struct Before(Option<SystemTime>);

    impl Drop for Before {
        fn drop(&mut self) {
            MOMENT.set(self.0);
        }
    }

    let _before = Before(MOMENT.replace(Some(moment)));
    work()
}

/// When that was which is told of now, if it is not now.
#[must_use]
pub fn moment() -> Option<SystemTime> {
    MOMENT.get()
}

/// What waits.
struct Later {
    /// Whether there is a thread, or about to be.
    is_on: AtomicBool,
    queue: Mutex<Queue>,
    /// For the thread: there is something, or a lot, or it is the end.
    wake: Condvar,
    /// Held by whoever tells; with room for what is taken.
    turn: Mutex<Kinds>,
}

/// By what they are.
type Kinds = [Vec<Box<dyn Tell>>; 3];

struct Queue {
    waiting: Kinds,
    count: usize,
    /// The thread waits for the first.
    is_idle: bool,
    has_ended: bool,
}

impl Later {
    const fn new() -> Self {
        Self {
            is_on: AtomicBool::new(false),
            queue: Mutex::new(Queue { waiting: none(), count: 0, is_idle: false, has_ended: false }),
            wake: Condvar::new(),
            turn: Mutex::new(none()),
        }
    }

    fn put(&self, of: Of, it: Box<dyn Tell>) {
        if !self.is_on.load(Ordering::Acquire) {
            return it.tell();
        }
        let mut queue = lock(&self.queue);
        if queue.has_ended || queue.count >= MOST {
            drop(queue);
            return it.tell();
        }
        let [attempts, calls, requests] = &mut queue.waiting;
        match of {
            Of::Attempt => attempts.push(it),
            Of::Call => calls.push(it),
            Of::Request => requests.push(it),
        }
        queue.count += 1;
        // One that gathers is not disturbed for less.
        let wake = std::mem::take(&mut queue.is_idle) || queue.count == MOST / 2;
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
    }

    fn tell_all(&self) {
        let mut taken = lock(&self.turn);
        {
            let mut queue = lock(&self.queue);
            std::mem::swap(&mut queue.waiting, &mut *taken);
            queue.count = 0;
        }
        taken.iter_mut().flat_map(|kind| kind.drain(..)).for_each(calmly);
    }

    fn begin(&self) {
        self.is_on.store(true, Ordering::Release);
    }

    fn run(&self) {
        while self.wait() {
            self.tell_all();
        }
    }

    /// Waits until it is worth while, or the end: then it was `false`.
    fn wait(&self) -> bool {
        let mut queue = lock(&self.queue);
        while queue.count == 0 && !queue.has_ended {
            queue.is_idle = true;
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.is_idle = false;
        let few = |queue: &mut Queue| queue.count < MOST / 2 && !queue.has_ended;
        let waited = self.wake.wait_timeout_while(queue, GATHER, few);
        !waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }

    fn end(&self) {
        lock(&self.queue).has_ended = true;
        self.wake.notify_one();
        self.tell_all();
    }
}

const fn none() -> Kinds {
    [const { Vec::new() }; 3]
}

/// A fault costs what it was in, and not all that comes after it. Its message is written by the hook of panics.
fn calmly(it: Box<dyn Tell>) {
    if catch_unwind(AssertUnwindSafe(|| it.tell())).is_err() {
        // Whatever it was in, the line is missing: that comes last.
        names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "logs")]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics with it: whoever tells is called calmly, and what waits is whole at any time.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "later_tests.rs"]
mod tests;
