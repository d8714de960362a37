//! Recordings of spans that have ended, for spans that begin: what is written to is as large as it gets already.

use std::cell::Cell;

use super::recording::Recording;

/// Most of a thread. So many spans seldom are open in it, and what is kept is no more than some hundred KiB.
const MOST: usize = 32;

thread_local! {
    #[expect(clippy::vec_box, reason = "spans are moved often, and so hold theirs by a pointer")]
    static SPARE: Cell<Vec<Box<Recording>>> = const { Cell::new(Vec::new()) };
}

/// A cleared one.
pub(super) fn take() -> Box<Recording> {
    // A thread that is about to end has none any more.
    let taken = SPARE.try_with(|spare| {
        let mut all = spare.take();
        let one = all.pop();
        spare.set(all);
        one
    });
    taken.ok().flatten().unwrap_or_default()
}

/// It is not needed any more.
pub(super) fn give_back(mut it: Box<Recording>) {
    it.clear();
    let _ = SPARE.try_with(|spare| {
        let mut all = spare.take();
        if all.len() < MOST {
            all.push(it);
        }
        spare.set(all);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_many_spans_need() {
        let taken: Vec<_> = std::iter::repeat_with(take).take(MOST * 2).collect();
        taken.into_iter().for_each(give_back);
        let kept = SPARE.take();
        assert_eq!(kept.len(), MOST);
    }
}
