//! Series that were recorded to before, each with its own handle.
//!
//! The library finds a series by a hash of all its labels that withstands strangers, and that was most of what a measurement
//! cost. Labels here are ours and few, so a quick hash does; two that hash alike cost the second its shortcut, nothing else.

use std::fmt;
use std::hash::Hasher as _;
use std::sync::{PoisonError, RwLock};

use opentelemetry::{KeyValue, Value};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHasher};

/// The handles of an instrument's series.
pub(super) struct Series<H>(RwLock<FxHashMap<u64, Known<H>>>);

struct Known<H> {
    /// In the order in which they are given: another order is another entry, with a handle of the same series.
    labels: Box<[KeyValue]>,
    handle: H,
}

impl<H> Series<H> {
    pub(super) const fn new() -> Self {
        Self(RwLock::new(FxHashMap::with_hasher(FxBuildHasher)))
    }

    /// Records by the handle of these labels, which `bind` makes when there is none yet. Whether it did: there is room for `most`,
    /// and what comes after takes the library's way.
    pub(super) fn with(
        &self,
        labels: &[KeyValue],
        most: impl FnOnce() -> usize,
        bind: impl FnOnce() -> H,
        record: impl Fn(&H),
    ) -> bool {
        let Some(hash) = hash(labels) else { return false };
        {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            match all.get(&hash) {
                Some(known) if same(&known.labels, labels) => {
                    record(&known.handle);
                    return true;
                }
                Some(_) => return false,
                None if all.len() >= most() => return false,
                None => {}
            }
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(hash).or_insert_with(|| Known { labels: labels.into(), handle: bind() });
        let ours = same(&known.labels, labels);
        if ours {
            record(&known.handle);
        }
        ours
    }
}

impl<H> fmt::Debug for Series<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Series")
    }
}

/// Whether they say the same. Texts are shared or `static` nearly always, and found equal by where they are.
fn same(some: &[KeyValue], others: &[KeyValue]) -> bool {
    let text = |one: &str, other: &str| std::ptr::eq(one, other) || one == other;
    some.len() == others.len()
        && some.iter().zip(others).all(|(one, other)| {
            text(one.key.as_str(), other.key.as_str())
                && match (&one.value, &other.value) {
                    (Value::String(one), Value::String(other)) => text(one.as_str(), other.as_str()),
                    (one, other) => one == other,
                }
        })
}

/// By values: which names they have hardly ever makes a difference within an instrument. None where one is of a rare kind.
fn hash(labels: &[KeyValue]) -> Option<u64> {
    let mut hasher = FxHasher::default();
    for KeyValue { key, value, .. } in labels {
        hasher.write_usize(key.as_str().len());
        match value {
            Value::String(text) => hasher.write(text.as_str().as_bytes()),
            Value::I64(it) => hasher.write_u64(it.cast_unsigned()),
            Value::Bool(it) => hasher.write_u8(u8::from(*it)),
            _ => return None,
        }
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    const MOST: usize = 100;

    fn label(value: impl Into<Value>) -> KeyValue {
        KeyValue::new("k", value)
    }

    /// Handles are cells that add up; how many were made is counted.
    fn add(series: &Series<Rc<Cell<u32>>>, made: &Cell<u32>, labels: &[KeyValue]) -> Option<u32> {
        let sum = Cell::new(None);
        let bind = || {
            made.set(made.get() + 1);
            Rc::default()
        };
        let record = |handle: &Rc<Cell<u32>>| {
            handle.set(handle.get() + 1);
            sum.set(Some(handle.get()));
        };
        assert_eq!(series.with(labels, || MOST, bind, record), sum.get().is_some());
        sum.get()
    }

    #[test]
    fn the_same_labels_have_one_handle() {
        let (series, made) = (Series::new(), Cell::new(0));
        for n in 1..=3 {
            assert_eq!(add(&series, &made, &[label("a"), label(7)]), Some(n));
            assert_eq!(add(&series, &made, &[label(7), label("a")]), Some(n));
            assert_eq!(add(&series, &made, &[]), Some(n));
        }
        assert_eq!(made.get(), 3);
    }

    #[test]
    fn other_labels_never_share_one_though_they_hash_alike() {
        let (series, made) = (Series::new(), Cell::new(0));
        let (one, other) = (KeyValue::new("a", "x"), KeyValue::new("b", "x"));
        assert_eq!(hash(std::slice::from_ref(&one)), hash(std::slice::from_ref(&other)));
        assert_eq!(add(&series, &made, &[one]), Some(1));
        assert_eq!(add(&series, &made, &[other]), None);
        assert_eq!(made.get(), 1);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let (series, made) = (Series::new(), Cell::new(0));
        for n in 0..MOST + 10 {
            add(&series, &made, &[label(n as i64)]);
        }
        assert_eq!(made.get() as usize, MOST);
        assert_eq!(add(&series, &made, &[label(0)]), Some(2));
        assert_eq!(add(&series, &made, &[label(-1)]), None);
    }
}
