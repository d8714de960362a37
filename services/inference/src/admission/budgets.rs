//! The budgets that calls were held against lately: what is left of them, and how to find out what was spent.

use std::collections::HashMap;
use std::mem::discriminant;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outcrop_ports::{Kind, Meter, MeterState};

use crate::policies::{Limit, Limited};

/// Most that are remembered.
const MOST: usize = 20_000;
/// How often budgets in use are raised to what the ledger knows.
const EVERY: Duration = Duration::from_secs(30);
/// When that is done first where the past was just told: calls were under way that are not held against the budget, and
/// other processes may not have known of it yet. Most have ended soon, and their records are shipped within seconds.
const EARLY: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(25)];
/// When it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// By the names of their meters.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<String, Budget>>);

#[derive(Debug)]
struct Budget {
    limit: Limit,
    /// What was left when the limiter answered last.
    left: Option<u64>,
    /// When that was: monotonic time.
    used_at: Duration,
    /// When it is to be raised to what the ledger knows.
    due_at: Duration,
    /// How many of [`EARLY`] are still to come.
    early: usize,
    /// The last generation of policies in which it is known that all its calls are counted.
    generation: u64,
}

impl Budgets {
    /// Takes note of what the limiter answered.
    pub(super) fn note(&self, limits: &[&Limit], meters: &[Meter], states: &[MeterState], now: Duration) {
        if meters.iter().all(|it| it.kind != Kind::Money) {
            return;
        }
        let mut budgets = self.lock();
        for ((limit, meter), state) in limits.iter().zip(meters).zip(states) {
            if meter.kind == Kind::Money
                && let Some(known) = find_or_insert(&mut budgets, limit, &meter.name, now)
            {
                (known.left, known.used_at) = (Some(state.remaining()), now);
            }
        }
    }

    /// What was left of a budget when the limiter last said so.
    pub(super) fn left(&self, name: &str) -> Option<u64> {
        self.lock().get(name).and_then(|it| it.left)
    }

    /// All that are remembered.
    pub(super) fn all(&self) -> Vec<Limit> {
        self.lock().values().map(|it| it.limit.clone()).collect()
    }

    /// So much was spent that the limiter did not know of when it last said what is left.
    pub(super) fn spent(&self, name: &str, amount: u64) {
        if let Some(left) = self.lock().get_mut(name).and_then(|it| it.left.as_mut()) {
            *left = left.saturating_sub(amount);
        }
    }

    /// The budgets in whose counts calls may be missing that were made before the policies said what they say now.
    ///
    /// Names outlive what policies say: a budget that is taken out and put back goes on from where it was. In this
    /// process nothing is missing of what was used in the generation before this one, too.
    pub(super) fn gaps(&self, limits: &[&Limit], generation: u64) -> Vec<Limit> {
        let budgets = limits.iter().filter(|it| it.kind() == Kind::Money);
        let mut known = self.lock();
        let has_gap = |limit: &&&Limit| match known.get_mut(&limit.name()) {
            Some(known) if known.generation + 1 >= generation && same_calls(&known.limit, limit) => {
                known.generation = known.generation.max(generation);
                false
            }
            Some(_) => true,
            // Until the policies change, those who were there before this process held calls against them.
            None => generation > 0,
        };
        budgets.filter(has_gap).map(|it| (*it).clone()).collect()
    }

    /// The gap of a budget is closed, or will be soon if that did not work.
    pub(super) fn closed(&self, limit: &Limit, worked: bool, generation: u64, now: Duration) {
        if let Some(known) = find_or_insert(&mut self.lock(), limit, &limit.name(), now) {
            known.generation = known.generation.max(generation);
            known.early = EARLY.len();
            known.due_at = if worked { now + EARLY[0] } else { now };
        }
    }

    /// The limiter was told what was spent before its count began.
    pub(super) fn seeded(&self, limit: &Limit, now: Duration) {
        if let Some(known) = find_or_insert(&mut self.lock(), limit, &limit.name(), now) {
            (known.early, known.due_at) = (EARLY.len(), now + EARLY[0]);
        }
    }

    /// The budgets that are to be raised now, those first that have waited longest; only those that were just begun to
    /// be counted unless `all`. What was not used since `since` is forgotten.
    pub(super) fn due(&self, since: Duration, most: usize, all: bool, now: Duration) -> Vec<Limit> {
        let mut budgets = self.lock();
        budgets.retain(|_, it| it.used_at >= since);
        let is_due = |it: &&Budget| it.due_at <= now && (all || it.early > 0);
        let mut due: Vec<&Budget> = budgets.values().filter(is_due).collect();
        due.sort_by_key(|it| it.due_at);
        due.iter().take(most).map(|it| it.limit.clone()).collect()
    }

    /// A budget was raised, or that was tried. `jitter` keeps replicas from doing so all at once.
    pub(super) fn raised(&self, name: &str, worked: bool, jitter: Duration, now: Duration) {
        let mut budgets = self.lock();
        let Some(known) = budgets.get_mut(name) else { return };
        if !worked {
            known.due_at = now + RETRY;
            return;
        }
        known.early = known.early.saturating_sub(1);
        known.due_at = now + if known.early > 0 { EARLY[EARLY.len() - known.early] } else { EVERY + jitter };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Budget>> {
        // A panic between two notes leaves numbers, not a broken structure.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A budget as its limit is now, if there is room for it.
fn find_or_insert<'a>(
    budgets: &'a mut HashMap<String, Budget>,
    limit: &Limit,
    name: &str,
    now: Duration,
) -> Option<&'a mut Budget> {
    if !budgets.contains_key(name) {
        if budgets.len() >= MOST {
            return None;
        }
        let (limit, due_at) = (limit.clone(), now + EVERY);
        let budget = Budget { limit, left: None, used_at: now, due_at, early: 0, generation: 0 };
        budgets.insert(name.to_owned(), budget);
    }
    let known = budgets.get_mut(name)?;
    // Its name stays when other days or models are meant.
    if known.limit != *limit {
        known.limit = limit.clone();
    }
    Some(known)
}

/// Whether two limits of one name count the same calls over the same time.
fn same_calls(one: &Limit, other: &Limit) -> bool {
    let same_time = match (one.what, other.what) {
        (Limited::Money { period: one, .. }, Limited::Money { period: other, .. }) => one == other,
        (one, other) => discriminant(&one) == discriminant(&other),
    };
    same_time && one.model == other.model && one.holder == other.holder
}

#[cfg(test)]
mod tests {
    use outcrop_types::{Level, Money, Period};

    use super::*;
    use crate::policies::{Holder, Owner};

    const SECOND: Duration = Duration::from_secs(1);

    fn budget(usd: u64, days: u8) -> Limit {
        let what = Limited::Money { usd: Money::from_nano_usd(usd), period: Period::Rolling { days } };
        let (level, owner, holder) = (Level::Platform, Owner::Platform, Holder::default());
        Limit { level, owner, policy: None, model: None, holder, what }
    }

    fn use_it(budgets: &Budgets, limit: &Limit, now: Duration) {
        let meter = limit.meter(1, chrono::DateTime::UNIX_EPOCH);
        let state = MeterState { limit: meter.limit, settled: 0, held: 1, reset_after: Duration::ZERO };
        budgets.note(&[limit], &[meter], &[state], now);
    }

    #[test]
    fn what_was_begun_is_raised_early_and_then_now_and_then() {
        let (budgets, limit) = (Budgets::default(), budget(5, 7));
        budgets.seeded(&limit, Duration::ZERO);
        use_it(&budgets, &limit, Duration::ZERO);
        let mut raised_at = Vec::new();
        for second in 0..100 {
            let now = SECOND * second;
            for limit in budgets.due(Duration::ZERO, 10, second >= 30, now) {
                raised_at.push(second);
                budgets.raised(&limit.name(), true, Duration::ZERO, now);
            }
        }
        assert_eq!(raised_at, [5, 30, 60, 90]);
    }

    #[test]
    fn what_could_not_be_raised_stays_due() {
        let budgets = Budgets::default();
        let (one, other) = (budget(5, 7), Limit { level: Level::Team, ..budget(5, 7) });
        use_it(&budgets, &one, Duration::ZERO);
        use_it(&budgets, &other, SECOND);
        assert_eq!(budgets.due(Duration::ZERO, 1, true, EVERY + SECOND), std::slice::from_ref(&one));
        assert_eq!(
            budgets.due(Duration::ZERO, 1, true, EVERY + SECOND),
            std::slice::from_ref(&one),
            "it was not raised"
        );
        budgets.raised(&one.name(), false, Duration::ZERO, EVERY + SECOND);
        assert_eq!(
            budgets.due(Duration::ZERO, 1, true, EVERY + SECOND),
            [other],
            "one does not hold up others"
        );
        assert_eq!(budgets.due(Duration::ZERO, 9, true, EVERY + SECOND + RETRY).len(), 2);
        assert!(budgets.due(Duration::ZERO, 9, false, EVERY * 2).is_empty(), "neither was just begun");
    }

    #[test]
    fn other_days_are_what_is_raised() {
        let budgets = Budgets::default();
        use_it(&budgets, &budget(5, 7), Duration::ZERO);
        use_it(&budgets, &budget(6, 30), SECOND);
        let due = budgets.due(Duration::ZERO, 9, true, EVERY * 2);
        assert_eq!(due, [budget(6, 30)]);
    }

    #[test]
    fn only_what_was_used_all_the_time_has_no_gap() {
        let (budgets, limit) = (Budgets::default(), budget(5, 7));
        let gap = |limit: &Limit, generation| !budgets.gaps(&[limit], generation).is_empty();
        assert!(!gap(&limit, 0), "nothing changed yet");
        use_it(&budgets, &limit, Duration::ZERO);
        assert!(!gap(&limit, 1) && !gap(&limit, 2), "used in each");
        assert!(!gap(&budget(9, 7), 2), "another amount");
        assert!(gap(&budget(5, 8), 2), "of other days");
        assert!(gap(&limit, 4) && gap(&limit, 4), "perhaps it was no budget in the third");
        budgets.closed(&limit, true, 4, SECOND);
        assert!(!gap(&limit, 4));
        let new = Limit { level: Level::Team, ..limit };
        assert!(gap(&new, 4), "perhaps it was one long ago");
        budgets.closed(&new, false, 4, SECOND);
        assert!(!gap(&new, 4));
        assert_eq!(budgets.due(Duration::ZERO, 9, false, SECOND), [new], "at once, in the background");
    }
}
