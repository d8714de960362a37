//! Time, passed in.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// The time of day. Everything that asks for "now" asks this, so that tests can stand still.
pub trait Clock: Send + Sync + 'static {
    /// Now, by the wall clock.
    fn now(&self) -> DateTime<Utc>;

    /// Time since some fixed moment, which never runs backwards: for measuring how long something took.
    fn monotonic(&self) -> Duration;
}
