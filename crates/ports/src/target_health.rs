//! What replicas tell each other of targets that fail.

use std::time::Duration;

use async_trait::async_trait;

use crate::PortError;

/// Most targets that are remembered; of more, those whose time is over first are forgotten.
pub const MOST_RESTING: usize = 1_024;

/// How long a target is remembered after its time is over, if nobody says that it has recovered.
pub const RESTING_REMEMBERED: Duration = Duration::from_secs(600);

/// A target that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// Which: the text by which every process knows it.
    pub target: String,
    /// Until when, milliseconds since the Unix epoch.
    pub until_ms: u64,
    /// How many times in a row it was found to fail: what its next rest is reckoned from. 0 where it asked for a pause itself,
    /// after which nobody need try whether it answers again.
    pub times: u32,
}

/// Which targets are left alone, known to all replicas. Advice, not truth: each process goes by what it saw itself, too,
/// and where this is away by that alone. Bounded in time and in number of targets.
#[async_trait]
pub trait TargetHealth: Send + Sync + 'static {
    /// Tells that a target is to be left alone; of two that are told of one target the one that lasts longer holds, and the
    /// later one if they last as long.
    async fn rest(&self, resting: &Resting) -> Result<(), PortError>;

    /// Tells that a target answers again.
    async fn recovered(&self, target: &str) -> Result<(), PortError>;

    /// Every target that somebody told of and that has not recovered; those whose time is over by more than ten minutes are
    /// forgotten.
    async fn resting(&self) -> Result<Vec<Resting>, PortError>;

    /// Whether this process, of all that ask, is the one to try whether a target answers again: nobody else is told so
    /// for `for_how_long`, or until the target has [`recovered`](Self::recovered) or [`rest`](Self::rest)s anew.
    async fn claim_probe(&self, target: &str, for_how_long: Duration) -> Result<bool, PortError>;
}
