//! The [`Limiter`](outcrop_ports::Limiter), [`Changes`](outcrop_ports::Changes), [`Cache`](outcrop_ports::Cache),
//! [`TargetHealth`](outcrop_ports::TargetHealth) and [`McpSessions`](outcrop_ports::McpSessions) ports on Redis, shared by
//! all replicas.
//!
//! One Lua script and one round trip per admission; one channel for what changed, one for what happens in sessions. Redis may be away when the
//! process starts and at any time later: callers then get an error at once and decide by their own policy, and
//! listeners are told. Nothing in Redis must survive: what it loses, the processes that counted it bring back. Start
//! reading at [`RedisLimiter`].

mod breaker;
mod cache;
mod changes;
mod connection;
mod limiter;
mod mcp_sessions;
mod operation;
mod subscriber;
mod target_health;

pub use cache::{CacheOptions, RedisCache};
pub use changes::RedisChanges;
pub use connection::RedisOptions;
pub use limiter::{LimiterOptions, RedisLimiter};
pub use mcp_sessions::RedisMcpSessions;
pub use target_health::RedisTargetHealth;
