//! Lines on their way out: a bounded queue, and a thread that does the waiting.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use outcrop_telemetry::names;

/// Most bytes that wait. What comes then is lost, and counted.
const MOST: usize = 8 * 1_024 * 1_024;
/// So much is worth a write of its own; less waits
const CHUNK: usize = 64 * 1_024;
/// until so long after the last write: no sooner than the next lines come of [`later`](outcrop_telemetry::later).
const GATHER: Duration = Duration::from_millis(20);
/// Room for text that is kept when it is empty.
const ROOM: usize = 1_024 * 1_024;

/// Takes lines and waits for nobody. Clones write to the same.
#[derive(Clone)]
pub(super) struct Writer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// There is something to be written.
    filled: Condvar,
    /// All of it is written.
    emptied: Condvar,
    /// Whether whoever logs writes by itself,
    direct: AtomicBool,
    /// and where.
    out: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Queue {
    /// Lines, whole ones. They are written behind one another into one text: nothing is allocated for each.
    text: String,
    /// Of these and of those that the thread has in its hands.
    bytes: usize,
    lost: u64,
    /// The thread has lines in its hands, or is about to take some.
    writing: bool,
    /// Somebody waits until it is written.
    hurry: bool,
}

impl Writer {
    /// Every line is written by whoever logs it.
    pub(super) fn at_once(out: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Shared::new(true, out)))
    }

    /// A thread writes them. `lost` makes the line that tells how many are missing.
    pub(super) fn start(
        out: Box<dyn Write + Send>,
        lost: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(false, Box::new(io::stderr())));
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || theirs.run(out, &lost))?;
        Ok(Self(shared))
    }

    /// Takes a line, its end included.
    pub(super) fn write(&self, line: &str) {
        if self.0.direct.load(Ordering::Acquire) {
            // There is nowhere to tell that telling fails.
            let _ = lock(&self.0.out).write_all(line.as_bytes());
            return;
        }
        let mut queue = lock(&self.0.queue);
        if queue.bytes + line.len() > MOST {
            queue.lost += 1;
            drop(queue);
            names::TELEMETRY_LINES_DROPPED.add(1.0, &[KeyValue::new(names::SIGNAL, "logs")]);
            return;
        }
        queue.bytes += line.len();
        let before = queue.text.len();
        queue.text.push_str(line);
        let wake = !queue.writing || (before < CHUNK && queue.text.len() >= CHUNK);
        drop(queue);
        if wake {
            self.0.filled.notify_one();
        }
    }

    /// Waits until all is written, for at most so long. Whether it is.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let mut queue = lock(&self.0.queue);
        queue.hurry = true;
        self.0.filled.notify_one();
        let busy = |queue: &mut Queue| queue.writing || !queue.is_empty();
        let waited = self.0.emptied.wait_timeout_while(queue, within, busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// The same; whoever logs after that writes by itself, as the thread may end with the process at any moment.
    pub(super) fn finish(&self, within: Duration) {
        if !self.0.direct.load(Ordering::Acquire) && self.flush(within) {
            self.0.direct.store(true, Ordering::Release);
        }
    }
}

impl Shared {
    fn new(direct: bool, out: Box<dyn Write + Send>) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            direct: AtomicBool::new(direct),
            out: Mutex::new(out),
        }
    }

    fn run(&self, mut out: Box<dyn Write + Send>, tell: &dyn Fn(u64) -> String) {
        let mut text = String::new();
        loop {
            let mut queue = lock(&self.queue);
            queue.writing = false;
            if queue.is_empty() {
                queue.hurry = false;
                self.emptied.notify_all();
            }
            queue = self
                .filled
                .wait_while(queue, |queue| queue.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            queue.writing = true;
            // All at once: whoever logs waits for nothing but this. Their bytes count until they are written.
            std::mem::swap(&mut queue.text, &mut text);
            let lost = std::mem::take(&mut queue.lost);
            drop(queue);
            for chunk in chunks(&text) {
                calmly(|| put(&mut out, chunk));
                let mut queue = lock(&self.queue);
                queue.bytes = queue.bytes.saturating_sub(chunk.len());
            }
            text.clear();
            text.shrink_to(ROOM);
            // Behind the lines among which they are missing.
            if lost > 0 {
                calmly(|| put(&mut out, &tell(lost)));
            }
            // A line that comes alone goes at once; a write for each of many would cost more than all the rest of them.
            let few = |queue: &mut Queue| !queue.hurry && queue.text.len() < CHUNK;
            drop(self.filled.wait_timeout_while(lock(&self.queue), GATHER, few));
        }
    }
}

impl Queue {
    const fn is_empty(&self) -> bool {
        self.text.is_empty() && self.lost == 0
    }
}

/// Whole lines, about as many as are worth a write.
fn chunks(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let far = text.as_bytes().get(CHUNK..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'));
        let (chunk, rest) = text.split_at(far.map_or(text.len(), |at| CHUNK + at + 1));
        text = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// A reader that has gone takes nothing; those who log are not to suffer from it.
fn put(out: &mut dyn Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// A fault costs what was in hand, and not all lines after it.
fn calmly(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "logs")]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with it left whole lines behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
