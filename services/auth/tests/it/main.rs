//! The auth service over HTTP, on SQLite.
#![expect(clippy::unwrap_used, reason = "tests")]

mod attenuation;
mod audit;
mod audit_chain;
mod bootstrap;
mod federation;
mod introspect;
mod invitations;
mod keys;
mod last_used;
mod lists;
mod log;
mod members;
mod office;
mod policies;
mod prompts;
mod refused;
mod roles;
mod rotation;
mod service_accounts;
mod strangers;
mod teams;
mod tokens;
mod users;
mod world;
