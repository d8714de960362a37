//! What a run did, told when it fails.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A line for each thing that happened. All clones write to the same.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) seed: u64,
    lines_of_batch: u32,
    began: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl History {
    pub(crate) fn new(seed: u64, lines_of_batch: u32) -> Self {
        Self { seed, lines_of_batch, began: Instant::now(), lines: Arc::default() }
    }

    /// Milliseconds since the start.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn tell(&self, what: impl Display) {
        self.lines.lock().unwrap().push(format!("{:>6} ms  {what}", self.now_ms()));
    }

    /// Fails, with everything told and how to repeat it, unless `holds`.
    #[track_caller]
    pub(crate) fn must(&self, holds: bool, what: impl Display) {
        if !holds {
            let told = self.lines.lock().unwrap().join("\n");
            let (seed, lines) = (self.seed, self.lines_of_batch);
            panic!(
                "{what}\nOUTCROP_CHAOS_SEED={seed} OUTCROP_CHAOS_SEEDS=1 OUTCROP_CHAOS_LINES={lines}\n{told}"
            );
        }
    }
}
