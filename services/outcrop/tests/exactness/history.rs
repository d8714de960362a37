//! What a run did, told when it fails.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A line for each thing that happened to the platform. All clones write to the same.
#[derive(Debug, Clone)]
pub(crate) struct History {
    seed: u64,
    began: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl History {
    pub(crate) fn new(what: &str, seed: u64) -> Self {
        let history = Self { seed, began: Instant::now(), lines: Arc::default() };
        history.tell(format_args!("{what}, seed {seed}"));
        history
    }

    /// Milliseconds since the start.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn tell(&self, what: impl Display) {
        self.lines.lock().unwrap().push(format!("{:>6} ms  {what}", self.now_ms()));
    }

    /// Fails, with the seed and everything told, unless `holds`.
    #[track_caller]
    pub(crate) fn must(&self, holds: bool, what: impl Display) {
        if !holds {
            let lines = self.lines.lock().unwrap().join("\n");
            panic!("{what}\nOUTCROP_EXACTNESS_SEED={} OUTCROP_EXACTNESS_SEEDS=1\n{lines}", self.seed);
        }
    }

    /// Prints everything.
    pub(crate) fn print(&self) {
        eprintln!("{}\n", self.lines.lock().unwrap().join("\n"));
    }
}
