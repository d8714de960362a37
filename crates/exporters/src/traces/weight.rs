//! How many bytes of spans there may be in one place. Their number alone bounds nothing: a path is as long as a stranger makes it,
//! and content of calls is long by nature.

/// As they are written, of those that wait for the collector and of those whose fate is not known yet.
const MOST: usize = 32 * 1024 * 1024;
/// Whoever lets more spans wait than that is enough for gets so much for each, bytes.
const EACH: usize = 1_024;

/// Most bytes that so many spans may take.
pub(super) const fn most(spans: usize) -> usize {
    let each = spans.saturating_mul(EACH);
    if each > MOST { each } else { MOST }
}
