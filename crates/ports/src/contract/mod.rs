//! One test suite per port; an adapter passes a factory of itself.

pub mod blobs;
pub mod limiter;

pub use blobs::blobs;
pub use limiter::limiter;

mod at_once;
mod job_store;
mod key_store;
mod ledger;
mod queue;
pub mod samples;
mod user_store;

use at_once::at_once;
pub use job_store::job_store;
pub use key_store::key_store;
pub use ledger::ledger;
pub use queue::{queue, queue_dead_letters};
pub use user_store::user_store;
