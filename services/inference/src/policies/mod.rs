//! All policies, kept in memory: no call waits for the database to know its limits.
//!
//! They are read when the process starts, when another process says that they have changed, and when their version,
//! asked every second, is another. A store that is away keeps what is known. What they say of one call is worked out
//! in `book.rs`.

mod book;
#[cfg(test)]
mod book_tests;
#[cfg(test)]
mod reading_tests;
mod routed;
#[cfg(test)]
mod routed_tests;
mod terms;
#[cfg(test)]
pub(crate) mod test_store;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use outcrop_ports::{Changes, Heard, PolicyStore, PortError};
use outcrop_types::{Change, Pattern, Period, Policy, PolicyId, Target};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

pub(crate) use book::{Book, Named};
pub(crate) use routed::each_once;
pub(crate) use terms::{Clamp, Holder, Limit, Limited, Owner, Terms, per};

/// How often the version is asked.
const ASK: Duration = Duration::from_secs(1);
/// Longest wait for the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call waits for the first reading, at the start of a process.
const FIRST_READING: Duration = Duration::from_secs(2);

/// Policies have not been read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotRead;

/// Keeps the policies.
pub(crate) struct Policies {
    store: Arc<dyn PolicyStore>,
    changes: Arc<dyn Changes>,
    /// Looked at under a lock that is held for the copy of a pointer.
    known: watch::Sender<Option<Known>>,
    /// Whether the last reading failed; only so that each outage is logged once.
    away: AtomicBool,
}

/// What is known of the policies.
#[derive(Clone)]
struct Known {
    book: Arc<Book>,
    budgets: Arc<Vec<Budgeted>>,
    generation: u64,
}

/// What decides which calls count against the budgets of a policy: all but the amounts.
#[derive(PartialEq, Eq)]
struct Budgeted {
    policy: PolicyId,
    target: Target,
    model: Option<Pattern>,
    periods: Vec<Period>,
}

impl Policies {
    pub(crate) fn new(store: Arc<dyn PolicyStore>, changes: Arc<dyn Changes>) -> Self {
        Self { store, changes, known: watch::Sender::new(None), away: AtomicBool::new(false) }
    }

    /// All policies as they are known now. At the start of a process it waits a moment for them.
    pub(crate) async fn book(&self) -> Result<Arc<Book>, NotRead> {
        self.generation().await.map(|(book, _)| book)
    }

    /// The same, and how often this process saw it change which calls count against which budgets: calls made before
    /// such a change may be missing in the count of a budget that is used after it.
    pub(crate) async fn generation(&self) -> Result<(Arc<Book>, u64), NotRead> {
        if let Some(Known { book, generation, .. }) = &*self.known.borrow() {
            return Ok((Arc::clone(book), *generation));
        }
        let mut known = self.known.subscribe();
        let read = timeout(FIRST_READING, known.wait_for(Option::is_some)).await;
        // The sender is part of this: it is not dropped while somebody waits.
        let known = read.ok().and_then(Result::ok).and_then(|known| known.clone()).ok_or(NotRead)?;
        Ok((known.book, known.generation))
    }

    /// Keeps up with the store until told to stop.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut heard = self.changes.listen();
        let mut ticks = interval(ASK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let whole = tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => false,
                Some(first) = heard.next() => {
                    // Who changes many changes them one by one: all that was said by now is looked at once.
                    let mut whole = whole(&first);
                    while let Some(Some(next)) = heard.next().now_or_never() {
                        whole = whole.max(self::whole(&next));
                    }
                    let Some(whole) = whole else { continue };
                    whole
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.refresh(whole) => {}
            }
        }
    }

    /// Reads what has changed. `whole`: whatever its version is.
    async fn refresh(&self, whole: bool) {
        match timeout(STORE_TIMEOUT, self.read(whole)).await {
            Ok(Ok(())) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("policies are read again");
                }
            }
            Ok(Err(error)) => self.failed(&error.chain()),
            Err(_) => self.failed("the store did not answer in time"),
        }
    }

    async fn read(&self, whole: bool) -> Result<(), PortError> {
        let known = self.known.borrow().clone();
        if !whole
            && let Some(known) = &known
            && known.book.version() == self.store.policies_version().await?
        {
            return Ok(());
        }
        let (version, policies) = self.store.all_policies().await?;
        tracing::debug!(version, policies = policies.len(), "policies were read");
        let budgets = budgeted(&policies);
        let generation = match known {
            None => 0,
            Some(known) if *known.budgets == budgets => known.generation,
            Some(known) => known.generation + 1,
        };
        let (book, budgets) = (Arc::new(Book::new(version, policies)), Arc::new(budgets));
        self.known.send_replace(Some(Known { book, budgets, generation }));
        Ok(())
    }

    fn failed(&self, error: &str) {
        if !self.away.swap(true, Ordering::Relaxed) {
            let known = self.known.borrow().is_some();
            tracing::error!(error, known, "policies cannot be read; what is known of them holds");
        }
    }
}

/// Whether something that was heard is about policies, and if so whether they are read even if their version is the same:
/// that of another database may be.
fn whole(heard: &Heard) -> Option<bool> {
    match heard {
        Heard::Changed(Change::Everything) => Some(true),
        // The version says whether anything is new.
        Heard::Changed(Change::Policies) | Heard::Linked | Heard::Unlinked => Some(false),
        Heard::Changed(_) => None,
    }
}

fn budgeted(policies: &[Policy]) -> Vec<Budgeted> {
    let with_budgets = policies.iter().filter(|it| !it.rules.budgets.is_empty());
    let mut all: Vec<_> = with_budgets
        .map(|it| Budgeted {
            policy: it.id,
            target: it.target.clone(),
            model: it.model.clone(),
            periods: it.rules.budgets.iter().map(|budget| budget.period).collect(),
        })
        .collect();
    all.sort_by_key(|it| it.policy);
    all
}
