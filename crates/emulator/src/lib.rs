//! A local Amazon Bedrock.
//!
//! Speaks what botocore and the AWS SDKs speak: Converse, ConverseStream, InvokeModel (Anthropic messages, Titan and
//! Cohere embeddings), InvokeModelWithResponseStream, CountTokens, batch inference and the model lists, and refuses what
//! Bedrock refuses. Its answers are deterministic and can be scripted from the prompt; faults come on demand.
//! It checks no signatures, keeps nothing, and is not for production. Start reading at [`Emulator`]; the README of this
//! crate lists the directives.

mod answer;
mod auth;
mod batch;
mod body;
mod cache;
mod charges;
mod config;
mod control;
mod converse;
mod count_tokens;
mod counters;
mod embed;
mod errors;
mod events;
mod faults;
mod frames;
mod guardrails;
mod hash;
mod invoke;
mod json;
mod listing;
mod models;
mod objects;
mod ollama;
mod png;
mod reply;
mod routes;
mod runtime;
mod schema;
mod script;
mod server;
mod state;
mod tokens;

pub use batch::{BatchEnd, Batches};
pub use cache::PromptCache;
pub use charges::{
    Charged, ChargedCall, ChargedOutcome, ChargedTier, ChargedTokens, Charges, ChargesSnapshot,
};
pub use config::EmulatorConfig;
pub use counters::{Counters, CountersSnapshot, Operation};
pub use faults::{FaultKind, FaultRule, Faults, QUOTED};
pub use listing::{Listing, Lists};
pub use models::CatalogError;
pub use objects::{ObjectBytes, ObjectWriter, Objects, ObjectsError};
pub use server::{Emulator, EmulatorError};
