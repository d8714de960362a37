//! Recordings of spans that have ended, for spans that tell: what is written to is as large as it gets already. All threads share
//! them, as spans seldom end where they began.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::recording::Recording;

/// Most of the process: what is kept is no more than a MiB, and mostly a fourth of that.
const MOST: usize = 256;

/// The last that was given back is the first that is taken: it is in the caches still.
#[expect(clippy::vec_box, reason = "spans are moved often, and so hold theirs by a pointer")]
static SPARE: Mutex<Vec<Box<Recording>>> = Mutex::new(Vec::new());

/// A cleared one.
pub(super) fn take() -> Box<Recording> {
    let mut it = spare().pop().unwrap_or_default();
    it.reserve();
    it
}

/// It is not needed any more.
pub(super) fn give_back(mut it: Box<Recording>) {
    it.clear();
    let mut all = spare();
    if all.len() < MOST {
        all.push(it);
    }
}

#[expect(clippy::vec_box, reason = "as above")]
fn spare() -> MutexGuard<'static, Vec<Box<Recording>>> {
    // Nothing panics with it.
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_many_spans_need() {
        let taken: Vec<_> = std::iter::repeat_with(take).take(MOST * 2).collect();
        taken.into_iter().for_each(give_back);
        // Other tests take and give back meanwhile.
        assert!(spare().len() <= MOST);
    }
}
