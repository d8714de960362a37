//! The [`Limiter`](outcrop_ports::Limiter) port on Redis, shared by all replicas.
//!
//! One Lua script and one round trip per admission. Redis may be away when the process starts and at any time
//! later: callers then get an error at once and decide by their own policy. This crate keeps nothing in Redis
//! that must survive. Start reading at [`RedisLimiter`].

mod breaker;
mod connection;
mod limiter;

pub use connection::RedisOptions;
pub use limiter::RedisLimiter;
