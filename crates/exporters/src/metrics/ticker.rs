//! Threads that do something every now and then.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

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
                work();
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
