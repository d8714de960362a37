//! What became of a change.

/// How a change to people, teams, accounts or keys ended. Whatever it is but [`Done`](Self::Done), nothing was
/// written, the audit event included.
#[must_use = "a change may not have happened"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changed {
    /// It was made, and its audit event with it.
    Done,
    /// There is nothing like it any more, or it changed since it was read. Reading it again tells which.
    Stale,
    /// Something else has this name, or is it already.
    Taken,
    /// The platform would be left without an admin who can act.
    LastAdmin,
}
