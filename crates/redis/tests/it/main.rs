//! Against a real Redis.

mod cache;
mod changes;
mod cluster;
mod grace;
mod leases;
mod limiter;
mod limits;
mod losses;
mod mcp_sessions;
mod server;
mod speed;
mod target_health;
