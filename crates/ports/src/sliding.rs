//! The arithmetic of sliding windows, kept in one place so that every [`Limiter`](crate::Limiter) computes the
//! same from the same history.
//!
//! Time is cut into periods of a window's length. What counts against the limit is what was admitted in the
//! present period, plus what was admitted in the one before it, weighed by the share of that one still in view
//! and rounded up. All integers, none above 2^53, so that Lua's numbers are exact as well.

use std::time::Duration;

use crate::{Admission, Window, WindowState};

/// The weight of a period that is wholly in view; a power of two, so that dividing by it is exact.
pub const WHOLE: u64 = 1 << 20;

/// Windows are at least this long.
const MIN_LENGTH_MS: u64 = 1_000;
/// And at most this long (about 24 days), which keeps products below 2^53.
const MAX_LENGTH_MS: u64 = 1 << 31;

// The largest numbers that Lua meets stay exact in a double.
const _: () = assert!((u32::MAX as u64) * WHOLE < 1 << 53 && MAX_LENGTH_MS * WHOLE < 1 << 53);

/// What was admitted in the present period and in the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admitted in the present period.
    pub current: u32,
    /// Admitted in the period before.
    pub previous: u32,
}

/// Where a moment falls in the periods of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slide {
    /// The length of a period.
    pub length_ms: u64,
    /// The number of the present period since the Unix epoch.
    pub period: u64,
    /// How much of the present period is over.
    pub elapsed_ms: u64,
    /// The share of the previous period still in view, in parts of [`WHOLE`], rounded up.
    pub weight: u64,
}

impl Slide {
    /// Places `now`, wall-clock time since the Unix epoch. Lengths out of range are brought into it.
    #[must_use]
    pub fn at(length: Duration, now: Duration) -> Self {
        let length_ms = millis(length).clamp(MIN_LENGTH_MS, MAX_LENGTH_MS);
        let now_ms = millis(now);
        let elapsed_ms = now_ms % length_ms;
        let weight = ((length_ms - elapsed_ms) * WHOLE).div_ceil(length_ms);
        Self { length_ms, period: now_ms / length_ms, elapsed_ms, weight }
    }

    /// What counts against the limit now.
    #[must_use]
    pub fn used(&self, counts: Counts) -> u64 {
        u64::from(counts.current) + (u64::from(counts.previous) * self.weight).div_ceil(WHOLE)
    }

    /// When the limit will be free again as a whole, if nothing more is admitted.
    fn reset_after_ms(&self, counts: Counts) -> u64 {
        match counts {
            Counts { current: 0, previous: 0 } => 0,
            Counts { current: 0, .. } => self.length_ms - self.elapsed_ms,
            Counts { .. } => 2 * self.length_ms - self.elapsed_ms,
        }
    }

    /// When so many more would be admitted, if nothing else is until then. A limit below that never admits them:
    /// this is then when the whole limit is free, which is two periods at most.
    fn retry_after_ms(&self, counts: Counts, limit: u32, count: u32) -> u64 {
        let Some(most) = limit.checked_sub(count).map(u64::from) else {
            return 2 * self.length_ms;
        };
        let current = u64::from(counts.current);
        if current <= most {
            // In this period, once the previous one has slid far enough out of view.
            let free_at = self.shrinks_to_at_ms(u64::from(counts.previous), most - current);
            return free_at.saturating_sub(self.elapsed_ms);
        }
        // In the next one, where what is current now is previous.
        self.length_ms - self.elapsed_ms + self.shrinks_to_at_ms(current, most)
    }

    /// How far into a period the weighed count of the one before it is at most `room`.
    fn shrinks_to_at_ms(&self, previous: u64, room: u64) -> u64 {
        if previous <= room {
            return 0;
        }
        let weight = room * WHOLE / previous;
        self.length_ms - weight * self.length_ms / WHOLE
    }
}

/// Decides over `count` admissions in windows whose counts, before them, are `counts(index)`.
///
/// The caller counts all of them in every window if this says [`Admission::Admitted`], and in none otherwise, while
/// nobody else can come between. Of several full windows, the one that stays full longest is named.
pub fn decide(windows: &[Window], count: u32, now: Duration, counts: impl Fn(usize) -> Counts) -> Admission {
    let mut tightest: Option<(usize, u32)> = None;
    let mut refused: Option<(usize, u64)> = None;
    for (index, window) in windows.iter().enumerate() {
        let slide = Slide::at(window.length, now);
        let counts = counts(index);
        let used = slide.used(counts) + u64::from(count);
        if used > u64::from(window.limit) {
            let retry_after = slide.retry_after_ms(counts, window.limit, count);
            if refused.is_none_or(|(_, longest)| retry_after > longest) {
                refused = Some((index, retry_after));
            }
        } else {
            let remaining = remaining(window.limit, used);
            if tightest.is_none_or(|(_, fewest)| remaining < fewest) {
                tightest = Some((index, remaining));
            }
        }
    }
    if let Some((index, retry_after)) = refused {
        let full = state(&windows[index], now, counts(index));
        return Admission::Refused { full, retry_after: Duration::from_millis(retry_after) };
    }
    Admission::Admitted {
        tightest: tightest.map(|(index, _)| {
            let before = counts(index);
            state(&windows[index], now, Counts { current: before.current.saturating_add(count), ..before })
        }),
    }
}

/// Where a window with these counts stands.
#[must_use]
pub fn state(window: &Window, now: Duration, counts: Counts) -> WindowState {
    let slide = Slide::at(window.length, now);
    WindowState {
        name: window.name.clone(),
        limit: window.limit,
        remaining: remaining(window.limit, slide.used(counts)),
        reset_after: Duration::from_millis(slide.reset_after_ms(counts)),
    }
}

fn remaining(limit: u32, used: u64) -> u32 {
    limit.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slide(length_ms: u64, now_ms: u64) -> Slide {
        Slide::at(Duration::from_millis(length_ms), Duration::from_millis(now_ms))
    }

    #[test]
    fn the_previous_period_fades() {
        let counts = Counts { current: 1, previous: 10 };
        let used = |elapsed: u64| slide(60_000, 600_000 + elapsed).used(counts);
        assert_eq!([used(0), used(1), used(30_000), used(59_999)], [11, 11, 6, 2]);
    }

    #[test]
    fn lengths_are_brought_into_range() {
        assert_eq!(slide(0, 5_500), slide(1_000, 5_500));
        assert_eq!(slide(u64::MAX, 5_500).length_ms, MAX_LENGTH_MS);
    }

    /// `retry_after` is the first moment at which as many more are admitted, by trying every moment.
    #[test]
    fn retry_after_is_the_first_moment_with_room() {
        const LENGTH: u64 = 1_000;
        for (limit, count) in [(1, 1), (2, 1), (3, 1), (7, 1), (50, 1), (3, 2), (3, 3), (50, 20), (50, 50)] {
            for (current, previous) in
                [(0, 1), (0, 9), (1, 0), (1, 3), (2, 2), (7, 0), (7, 7), (49, 2), (60, 60)]
            {
                let counts = Counts { current, previous };
                for elapsed in [0, 1, 250, 333, 999] {
                    let start = 7 * LENGTH + elapsed;
                    if slide(LENGTH, start).used(counts) + count <= limit {
                        continue;
                    }
                    let used_after = |wait: u64| match (elapsed + wait) / LENGTH {
                        0 => slide(LENGTH, start + wait).used(counts),
                        1 => slide(LENGTH, start + wait).used(Counts { current: 0, previous: current }),
                        _ => 0,
                    };
                    let first = (0..=2 * LENGTH).find(|wait| used_after(*wait) + count <= limit);
                    let computed = slide(LENGTH, start).retry_after_ms(counts, limit as u32, count as u32);
                    assert_eq!(first, Some(computed), "{count} of {limit}, {counts:?}, elapsed {elapsed}");
                }
            }
        }
    }

    #[test]
    fn of_two_full_windows_the_longer_wait_is_named() {
        let window = |name: &str, seconds| Window {
            name: name.to_owned(),
            limit: 1,
            length: Duration::from_secs(seconds),
        };
        let windows = [window("second", 1), window("minute", 60)];
        let full = |_| Counts { current: 1, previous: 0 };
        let Admission::Refused { full, retry_after } = decide(&windows, 1, Duration::from_secs(600), full)
        else {
            panic!("both are full");
        };
        assert_eq!((full.name.as_str(), full.remaining), ("minute", 0));
        assert_eq!(retry_after, Duration::from_secs(120));
    }
}
