//! Ports that need nothing but this process and its file system.
//!
//! The clock and the random source of every process live here, and what `cargo run` uses in place of Redis and
//! S3. Rows are not kept here: see `outcrop-sqlite`. Nothing in memory outlives the process or is shared with
//! another one.

mod cache;
mod changes;
mod clock;
mod files;
mod id_gen;
mod limiter;
mod mcp_sessions;
mod queue;
mod target_health;

pub use cache::MemoryCache;
pub use changes::MemoryChanges;
pub use clock::SystemClock;
pub use files::FileBlobs;
pub use id_gen::SystemIdGen;
pub use limiter::MemoryLimiter;
pub use mcp_sessions::MemoryMcpSessions;
pub use queue::{MemoryQueue, MemoryQueueOptions};
pub use target_health::MemoryTargetHealth;
