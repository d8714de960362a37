//! Keyset paging, the same for every list.

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, at most as many as were asked for.
    pub items: Vec<T>,
    /// Whether there are more after the last one.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Makes a page from `limit + 1` fetched items: the extra one only tells that there are more.
    #[must_use]
    pub fn from_one_too_many(mut items: Vec<T>, limit: usize) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}
