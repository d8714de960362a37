//! The inference service: a request in some dialect becomes a model call that is admitted, made and metered.
//!
//! Dialects are `wire`'s business and Bedrock is `bedrock`'s; what lies between them is here: [`ChatError`] and
//! the call itself (`chat.rs`), who may call what (`access.rs`), limits (`admission.rs`), answers in pieces (`stream.rs`), usage (`metering.rs`)
//! and the spool that keeps usage safe (`spool/`). Knows ports only. Start at [`InferenceService`]; [`routes`]
//! is its HTTP face, [`LocalInference`] the same for other services in this process.

mod access;
mod admission;
mod answer;
mod aside;
mod attempts;
mod batch;
mod chat;
mod content;
mod count;
mod dispatch;
mod entry;
mod fan_out;
#[cfg(test)]
mod fixtures;
mod guarding;
mod handover;
mod mcp;
mod media;
mod metering;
mod model_card;
mod policies;
mod prepare;
pub mod reports;
mod resolve;
mod response_cache;
mod responses;
mod routes;
mod routing;
mod service;
mod settled;
mod spool;
mod stream;
mod tags;
mod tallied;
mod tokens;

pub use admission::Exceeded;
pub use attempts::Attempts;
pub use chat::ChatError;
pub use dispatch::LocalInference;
pub use mcp::mcp_catalog;
pub use media::MediaOptions;
pub use metering::TellingOptions;
pub use routes::{alert_routes, report_routes, routes};
pub use routing::{RouteFindings, RouteLint};
pub use service::{InferenceOptions, InferencePorts, InferenceService};
pub use spool::SpoolError;
