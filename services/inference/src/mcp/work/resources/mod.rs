//! The resources: which there are, what is in them, and when they change.

pub(super) mod complete;
pub(super) mod contents;
pub(super) mod list;
pub(super) mod templates;
pub(super) mod watch;
