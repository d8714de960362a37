//! What the platform tells of itself: the names of everything, and how spans, metrics and lines are made.
//!
//! [`names`] is the vocabulary and the table of instruments; [`trace`] makes spans, [`metric`] instruments, [`naming`] tells
//! what backends call those, [`current`] says what a task works on, [`top`] bounds labels, [`pool`] tells of connections,
//! [`filter`] changes what is logged, [`later`] tells of what is over, [`otlp`] is how spans are written. Knows no exporter:
//! where all of it goes is `outcrop-exporters`' business, and without that nothing is kept. Start at [`names`].

pub mod current;
pub mod filter;
pub mod hop;
pub mod later;
pub mod metric;
pub mod names;
pub mod naming;
pub mod otlp;
pub mod pool;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod top;
pub mod trace;
