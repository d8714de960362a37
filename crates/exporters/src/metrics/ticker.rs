//! Threads that do something every now and then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use outcrop_telemetry::names;

use crate::ExporterError;

/// A thread that does its work at each interval, and once more when it is ended.
pub(crate) struct Ticker {
    stop: Sender<()>,
    ended: Receiver<()>,
}

impl Ticker {
    /// Starts it; the first time is after one interval.
    pub(crate) fn start(
        name: &'static str,
        interval: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> Result<Self, ExporterError> {
        let (stop, stopped) = mpsc::channel();
        let (tell, ended) = mpsc::channel();
        let run = move || {
            let mut next = Instant::now() + interval;
            loop {
                let pause = next.saturating_duration_since(Instant::now());
                let timed_out = stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout);
                attempt(name, &mut work);
                if !timed_out {
                    break;
                }
                // Work that took longer than the interval is not made up for.
                next = (next + interval).max(Instant::now());
            }
            let _ = tell.send(());
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|source| ExporterError::Thread { name, source })?;
        Ok(Self { stop, ended })
    }

    /// Ends it after its last time, which the answer tells of.
    pub(crate) fn end(self) -> Receiver<()> {
        drop(self.stop);
        self.ended
    }
}

/// Works once. A panic, which is a fault of ours or of a library, costs this one time and no more: the thread has to be there
/// for the next. The state that it leaves is at worst one reading that is not told.
fn attempt(name: &'static str, work: &mut impl FnMut()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        names::TELEMETRY_FAILURES.add(1.0, &[KeyValue::new(names::SIGNAL, "metrics")]);
        tracing::error!(thread = name, "a thread of the metrics panicked; it goes on");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_not_the_end_of_it() {
        let (tell, told) = mpsc::channel();
        let mut turn = 0;
        let work = move || {
            turn += 1;
            let _ = tell.send(turn);
            assert!(turn != 1, "the first time goes wrong");
        };
        let ticker = Ticker::start("test", Duration::from_millis(1), work).expect("started");
        for turn in 1..=3 {
            assert_eq!(told.recv_timeout(Duration::from_secs(5)), Ok(turn));
        }
        assert_eq!(ticker.end().recv_timeout(Duration::from_secs(5)), Ok(()));
    }
}
