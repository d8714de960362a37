//! Walking through a list, page by page.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use outcrop_types::Page;

use crate::PortError;

/// The ids of all pages of at most `limit`, one after the other. `list` gives the page behind an id.
pub(super) async fn pages<T, Id: Clone>(
    limit: usize,
    id: impl Fn(&T) -> Id,
    list: impl AsyncFn(Option<Id>, usize) -> Result<Page<T>, PortError>,
) -> Vec<Id> {
    let mut ids: Vec<Id> = Vec::new();
    loop {
        let page = list(ids.last().cloned(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(!page.has_more || page.items.len() == limit, "only a full page has more after it");
        ids.extend(page.items.iter().map(&id));
        if !page.has_more {
            return ids;
        }
    }
}
