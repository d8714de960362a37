//! Which names labels may have: the most used of them, the rest is [`OTHER`].

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

mod rivals;

use self::rivals::Rivals;

/// The name of whatever has none of its own.
pub const OTHER: &str = "other";

/// For how long it is counted who is used most, before names change hands.
pub const WINDOW: Duration = Duration::from_secs(5 * 60);
/// How many times as many names there ever are as at a time: series of metrics never go away, so their names must come to an
/// end.
const EVER: usize = 4;
/// How many times as many keys without a name are counted as there are names.
const COUNTED: usize = 4;

static OTHERS: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(OTHER));

/// Bounds the values of one label.
///
/// The first keys get names at once. After each [`WINDOW`] whoever was used more than one that has a name gets its place,
/// until there have been four times as many names as there may be at a time; from then on the names stay where they are:
/// whoever becomes busy later is [`OTHER`] until the process is started anew, however much it is used. To use a key that has a name takes no lock that another reader would wait for.
#[derive(Debug)]
pub struct Top<K> {
    most: usize,
    named: RwLock<HashMap<K, Named>>,
    unnamed: Mutex<Unnamed<K>>,
    /// Nobody gets a name any more.
    settled: AtomicBool,
    began: OnceLock<Instant>,
    /// When the window ends, milliseconds since the beginning.
    ends_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Named {
    /// Set when it is first used with a name: only its user knows the text.
    text: OnceLock<Arc<str>>,
    /// In this window.
    uses: AtomicU64,
}

#[derive(Debug)]
struct Unnamed<K> {
    rivals: Rivals<K>,
    /// Who has a name, or had one.
    ever: HashSet<K>,
}

impl<K: Hash + Eq + Clone + Send> Top<K> {
    /// At most so many names at a time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            named: RwLock::default(),
            unnamed: Mutex::new(Unnamed { rivals: Rivals::new(most * COUNTED), ever: HashSet::new() }),
            settled: AtomicBool::new(most == 0),
            began: OnceLock::new(),
            ends_ms: AtomicU64::new(millis(WINDOW)),
        }
    }

    /// The name of `key`, which is used once more now; `text` is asked for when it gets a name.
    pub fn name(&self, key: &K, now: Instant, text: impl FnOnce() -> Arc<str>) -> Arc<str> {
        self.turn(now);
        if let Some(named) = self.read().get(key) {
            named.uses.fetch_add(1, Ordering::Relaxed);
            return Arc::clone(named.text.get_or_init(text));
        }
        if self.settled.load(Ordering::Relaxed) || !self.admit(key) {
            return Arc::clone(&OTHERS);
        }
        match self.read().get(key) {
            Some(named) => Arc::clone(named.text.get_or_init(text)),
            None => Arc::clone(&OTHERS),
        }
    }

    /// Gives a name to a key that has none, if there is one left; else counts it.
    fn admit(&self, key: &K) -> bool {
        let mut unnamed = self.unnamed();
        if self.read().len() >= self.most {
            unnamed.rivals.count(key);
            return false;
        }
        unnamed.ever.insert(key.clone());
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        named.entry(key.clone()).or_default().uses.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Begins the next window if this one is over: for whoever comes first.
    fn turn(&self, now: Instant) {
        let now_ms = millis(now.saturating_duration_since(*self.began.get_or_init(|| now)));
        let ends_ms = self.ends_ms.load(Ordering::Relaxed);
        let next_ms = now_ms.saturating_add(millis(WINDOW));
        if now_ms < ends_ms
            || self.ends_ms.compare_exchange(ends_ms, next_ms, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        if !self.settled.load(Ordering::Relaxed) {
            self.rank();
        }
    }

    /// Lets names change hands.
    fn rank(&self) {
        let mut unnamed = self.unnamed();
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let mut holders: Vec<(K, u64)> =
            named.iter_mut().map(|(key, it)| (key.clone(), std::mem::take(it.uses.get_mut()))).collect();
        holders.sort_by_key(|(_, uses)| *uses);
        for ((holder, uses), (rival, rival_uses)) in holders.into_iter().zip(unnamed.rivals.take()) {
            let room = unnamed.ever.len() < self.most * EVER || unnamed.ever.contains(&rival);
            if rival_uses <= uses || !room {
                break;
            }
            named.remove(&holder);
            named.insert(rival.clone(), Named::default());
            unnamed.ever.insert(rival);
        }
        self.settled.store(unnamed.ever.len() >= self.most * EVER, Ordering::Relaxed);
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<K, Named>> {
        self.named.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn unnamed(&self) -> MutexGuard<'_, Unnamed<K>> {
        self.unnamed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
