//! What dead processes left: calls that were begun and never ended, and what calls held of their limits.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs;

use outcrop_ports::Hold;
use outcrop_types::UsageId;

use super::Spool;
use super::segment::{self, Mark, Told};
use crate::admission::Used;

/// Most calls that had ended and whose limits are told so again: only the last ones can have been on their way when
/// their process died.
const MOST_ENDED: usize = 10_000;

/// Calls of dead processes, as far as they have been read.
#[derive(Default)]
struct Found {
    /// Begun and not ended, with the segments of their marks.
    open: HashMap<UsageId, (Box<Mark>, Vec<u64>)>,
    ended: VecDeque<(Hold, Used)>,
}

impl Found {
    /// Takes note; says which segments hold the mark of a call that ends here.
    fn note(&mut self, told: Told, segment: u64) -> Vec<u64> {
        let (call, used) = match told {
            Told::Begun(mark) => {
                let before = self.open.remove(&mark.record.id);
                let mut segments = before.map(|(_, segments)| segments).unwrap_or_default();
                if segments.last() != Some(&segment) {
                    segments.push(segment);
                }
                // Of a call that went on elsewhere, the last mark says where.
                self.open.insert(mark.record.id, (mark, segments));
                return Vec::new();
            }
            Told::Ended(record) => (record.id, Used { tokens: record.tokens, cost: record.cost }),
            Told::Void(call) => (call, Used::nothing()),
        };
        let Some((mark, segments)) = self.open.remove(&call) else { return Vec::new() };
        if let Some(hold) = mark.hold {
            if self.ended.len() == MOST_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back((hold, used));
        }
        segments
    }
}

impl Spool {
    /// Reads what was found at the start, and writes the records of the calls that nobody ended. Blocks; the first call
    /// does it, all others do nothing.
    pub(super) fn recover(&self) {
        let segments = std::mem::take(&mut self.lock().found);
        let mut found = Found::default();
        for sequence in segments {
            let bytes = match fs::read(self.folder.segment(sequence)) {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::error!(%error, "could not read what an earlier run left in the usage spool");
                    continue;
                }
            };
            let mut needs = BTreeSet::new();
            segment::each(&bytes, |told| needs.extend(found.note(told, sequence)));
            needs.remove(&sequence);
            if let Some(closed) = self.lock().closed.iter_mut().find(|it| it.sequence == sequence) {
                closed.needs = needs;
            }
        }
        let Found { open, ended } = found;
        let mut settle = Vec::from(ended);
        if !open.is_empty() {
            tracing::warn!(
                calls = open.len(),
                "an earlier run ended in the middle of calls; they count as reserved"
            );
        }
        for (call, (mark, segments)) in open {
            let Mark { record, hold } = *mark;
            if let Ok(frame) = segment::encode_mark(&record, hold.as_ref()) {
                self.lock().calls.begun(call, frame, segments);
            }
            self.append(&record);
            let used = Used { tokens: record.tokens, cost: record.cost };
            settle.extend(hold.map(|hold| (hold, used)));
        }
        self.lock().settle.extend(settle);
        self.recovered.cancel();
    }

    /// What calls of dead processes held of their limits, and what they used: the limits may not have been told. Waits
    /// until that is known; whoever asks again gets nothing.
    pub(crate) async fn found_calls(&self) -> Vec<(Hold, Used)> {
        self.recovered.cancelled().await;
        std::mem::take(&mut self.lock().settle)
    }

    /// Waits until the ledger has everything that was found at the start, but for what it refuses.
    pub(crate) async fn caught_up(&self) {
        self.caught_up.cancelled().await;
    }

    /// Has what is there shipped, and waits until that was tried: for a round that begins after this. Whether it worked.
    pub(crate) async fn shipped(&self) -> bool {
        let mut rounds = self.rounds.subscribe();
        let wanted = rounds.borrow().begun + 1;
        self.ship_now();
        // The sender is part of this: it is not dropped while somebody waits.
        rounds.wait_for(|it| it.ended >= wanted).await.is_ok_and(|it| it.worked)
    }

    /// Has what is there shipped without waiting for the next time.
    pub(crate) fn ship_now(&self) {
        self.hurry.notify_one();
    }
}
