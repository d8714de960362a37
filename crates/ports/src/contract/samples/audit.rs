//! Events for the audit log.

use std::sync::LazyLock;

use outcrop_types::{Actor, AuditDraft, AuditEvent, AuditSealer};

use super::at;

/// What all samples are sealed by.
#[must_use]
pub fn sealer() -> AuditSealer {
    static SEALER: LazyLock<AuditSealer> = LazyLock::new(|| AuditSealer::new(&[7; 32]).unwrap());
    SEALER.clone()
}

/// An event on its way into the log: that the command line did `action` at second 0.
#[must_use]
pub fn draft(action: &str) -> AuditDraft {
    AuditDraft::new(AuditEvent::done(Actor::CommandLine, action, "somebody", at(0)), sealer())
}
