//! Changes to what others may change at the same time.

use crate::AdminError;

/// How often a change that met another is made from what is there then.
const TRIES: u32 = 3;

/// One change on its way: made from what was read, and from what is read again if somebody was faster.
///
/// A caller who names the revision it has seen wants just that changed, and hears of any other.
#[derive(Debug)]
pub(crate) struct ChangeLoop {
    what: &'static str,
    seen: Option<u32>,
    left: u32,
}

impl ChangeLoop {
    /// A change of `what`; `seen` is the revision that the caller names, if it does.
    pub(crate) const fn new(what: &'static str, seen: Option<u32>) -> Self {
        Self { what, seen, left: TRIES }
    }

    /// Passes if `revision` is the one the caller has seen.
    pub(crate) fn read(&self, revision: u32) -> Result<(), AdminError> {
        if self.seen.is_none_or(|seen| seen == revision) { Ok(()) } else { Err(self.stale()) }
    }

    /// Passes if the change, which met another, may be tried once more.
    pub(crate) fn met_another(&mut self) -> Result<(), AdminError> {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 { Err(self.stale()) } else { Ok(()) }
    }

    const fn stale(&self) -> AdminError {
        AdminError::Stale { what: self.what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_tried_three_times() {
        let mut change = ChangeLoop::new("team", None);
        assert!(change.met_another().is_ok() && change.met_another().is_ok());
        assert!(matches!(change.met_another(), Err(AdminError::Stale { what: "team" })));
    }

    #[test]
    fn a_named_revision_must_be_the_one_that_is_there() {
        let change = ChangeLoop::new("team", Some(3));
        assert!(change.read(3).is_ok() && change.read(4).is_err());
        assert!(ChangeLoop::new("team", None).read(9).is_ok());
    }
}
