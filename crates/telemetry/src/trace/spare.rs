//! Recordings of spans that have ended, for spans that tell: what is written to is as large as it gets already. All threads share
//! them, as spans seldom end where they began.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::recording::Recording;

/// Most of the process: what is kept is no more than a MiB, and mostly a fourth of that.
const MOST: usize = 128;

static SPARE: Spare = Spare::new();

/// A cleared one.
pub(super) fn take() -> Box<Recording> {
    SPARE.take()
}

/// It is not needed any more.
pub(super) fn give_back(it: Box<Recording>) {
    SPARE.give_back(it);
}

/// The last that was given back is the first that is taken: it is in the caches still.
#[expect(clippy::vec_box, reason = "spans are moved often, and so hold theirs by a pointer")]
struct Spare(Mutex<Vec<Box<Recording>>>);

impl Spare {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self) -> Box<Recording> {
        let mut it = self.all().pop().unwrap_or_default();
        it.reserve();
        it
    }

    fn give_back(&self, mut it: Box<Recording>) {
        it.clear();
        let mut all = self.all();
        if all.len() < MOST {
            all.push(it);
        }
    }

    #[expect(clippy::vec_box, reason = "as above")]
    fn all(&self) -> MutexGuard<'_, Vec<Box<Recording>>> {
        // Nothing panics with it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_many_spans_need() {
        let spare = Spare::new();
        let taken: Vec<_> = std::iter::repeat_with(|| spare.take()).take(MOST * 2).collect();
        taken.into_iter().for_each(|it| spare.give_back(it));
        assert_eq!(spare.all().len(), MOST);
    }
}
