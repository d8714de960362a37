//! Counting what is used against what is allowed, over all replicas.

use std::time::Duration;

use async_trait::async_trait;

use crate::PortError;

/// One limit to hold: at most `limit` admissions in any `length`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What is counted, and at which level: `key:abc…:requests`.
    pub name: String,
    /// Most admissions in the window.
    pub limit: u32,
    /// How long the window is; at least a second.
    pub length: Duration,
}

/// Where a window stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowState {
    /// The window's name.
    pub name: String,
    /// Its limit.
    pub limit: u32,
    /// How many more it admits now.
    pub remaining: u32,
    /// When it will have room for the full limit again, from now.
    pub reset_after: Duration,
}

/// The answer of the limiter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Counted in every window; where the tightest one (fewest remaining) stands. `None` without windows.
    Admitted {
        /// The window with the fewest left.
        tightest: Option<WindowState>,
    },
    /// Counted in no window, because this one is full.
    Refused {
        /// The full window.
        full: WindowState,
        /// When it will admit as many as were asked for, from now.
        retry_after: Duration,
    },
}

/// Admits or refuses, atomically over several windows.
///
/// A window slides: it weighs the count of the last whole period by the part of it still in view, and adds
/// the count of the present one. Every adapter computes the same from the same history.
#[async_trait]
pub trait Limiter: Send + Sync + 'static {
    /// Counts one admission in all windows, or in none if one of them is full. `now` is wall-clock time since
    /// the Unix epoch; replicas agree on it well enough. Bounded in time by the adapter.
    async fn admit(&self, windows: &[Window], now: Duration) -> Result<Admission, PortError> {
        self.admit_many(windows, 1, now).await
    }

    /// The same for so many admissions in one step: all of them are counted, or none. More than a window's limit are
    /// never admitted.
    async fn admit_many(&self, windows: &[Window], count: u32, now: Duration)
    -> Result<Admission, PortError>;
}
