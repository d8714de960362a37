//! The public edge: who is calling, may they, and who answers.
//!
//! The [`Gateway`]'s layer authenticates and authorises; it stands before the services' own routes when all
//! run in one process, and before the forwarder when they run apart, where the gateway streams each request
//! through to the service that owns its path and reads no body. Knows no dialect but for its error shapes.
//! Start at [`Gateway`]; [`route`] is the table of paths.

mod auth_cache;
mod credential;
mod edge;
mod events;
mod forward;
mod gateway;
mod mcp;
mod page;
mod pattern;
pub mod route;
mod standing;

pub use auth_cache::{AuthCache, Refusal};
pub use forward::{Forwarder, ForwarderError};
pub use gateway::{Gateway, GatewayOptions};
