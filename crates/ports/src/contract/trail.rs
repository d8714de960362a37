//! What the audit log holds, once its chain has been checked.
#![expect(clippy::unwrap_used, reason = "a suite is a test")]

use outcrop_types::{AuditHash, AuditRow};

use super::samples::sealer;
use crate::AuditLog;

/// The actions of all events, in order.
pub(super) async fn trail(store: &impl AuditLog) -> Vec<String> {
    chain(store).await.into_iter().map(|row| row.action).collect()
}

/// All rows in order: each as it was sealed, numbered without a gap, behind the one before, up to the head.
pub(super) async fn chain(store: &impl AuditLog) -> Vec<AuditRow> {
    let rows = store.read_audit_chain(0, 1_000).await.unwrap();
    let mut last = (0, AuditHash::START);
    for row in &rows {
        row.read(&sealer()).unwrap();
        assert_eq!((row.seq, row.previous), (last.0 + 1, last.1), "one row stands behind the other");
        last = (row.seq, row.hash);
    }
    assert_eq!(store.audit_head().await.unwrap(), (last.0 > 0).then_some(last), "the chain has its end");
    rows
}
