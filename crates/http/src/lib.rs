//! What every Outcrop service shares about HTTP: serving, bounds, request ids, errors, permissions, health.
//!
//! Handlers return [`ApiError`]; the [`Scope`] middleware renders it in the caller's dialect and logs it,
//! and nothing else does. Knows actix-web; knows no store and no model. Start at [`Server`], which puts the
//! rest around a service's routes.

mod allowed;
mod body;
mod bounds;
mod browser;
mod client_ip;
mod context;
mod ending;
mod error;
mod failure;
mod front;
mod health;
mod idempotency;
mod internal;
mod layer;
mod mcp;
mod metrics;
mod own_words;
mod patterns;
mod pieces;
mod record;
mod scope;
mod serve;
pub mod sse;
mod telling;
#[cfg(feature = "testing")]
pub mod testing;
mod tracked;
mod watch;

pub use allowed::{Allowed, PermissionMarker, check_scope, permission, require};
pub use body::{JsonBytes, next_piece, read_body};
pub use bounds::{Bounds, FileBounds, takes_file};
pub use browser::{Origins, SessionCookie, csrf_matches, csrf_token};
pub use context::{RequestContext, Spent, know};
pub use error::ApiError;
pub use failure::log_text;
pub use front::is_front_path;
pub use health::{Dependency, Health, is_health_path};
pub use idempotency::Idempotent;
pub use internal::{
    CLIENT_IP_HEADER, DEADLINE_HEADER, FromService, REFUSED_HEADER, RESPONSE_ID_HEADER, USED_HEADER,
    WAY_HEADER, internal_identity,
};
pub use layer::{Layer, LayerFuture};
pub use mcp::{MCP_PATH, MCP_SCOPES};
pub use metrics::{MetricsListenError, MetricsListener, metrics_routes, open_metrics};
pub use own_words::of_text as own_words;
pub use patterns::RoutePattern;
pub use pieces::BodyPieces;
pub use scope::{Scope, ScopeService, body_too_large};
pub use serve::{BindError, Draining, Server, ServerParts, Serving};
pub use telling::method_name;
pub use tracked::{BrokenOff, TrackedBody, broke_off, hear, passed_on_broken};

/// The header in which our pages prove beside their cookie that they are ours; see [`csrf_token`].
pub const CSRF_HEADER: &str = "x-outcrop-csrf";

/// The header that carries a request's id, in and out.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
