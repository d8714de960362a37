//! Against a real Redis.

mod changes;
mod limiter;
mod server;
